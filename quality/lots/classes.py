"""Classes of nonconformity: each has its own acceptance quality limit, its own plan and its own verdict on a lot."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from yuelu.base.errors import Conflict, IllegalMove, Misconfigured
from yuelu.quality.lots.curve import Counting, accepted_lot, limiting_quality_plans, upper_bound
from yuelu.quality.lots.plans import lot_plan
from yuelu.quality.lots.switching import Inspected, Severity
from yuelu.quality.lots.tables import Plan, State

Defect: TypeAlias = Literal["critical", "major", "minor"]
# Critical: may not happen at all (a visible name, the wrong patient). Major: spoils the use. Minor: a blemish.
DEFECTS: tuple[Defect, ...] = ("critical", "major", "minor")


@dataclass(frozen=True, slots=True)
class Terms:
    """What is agreed about one class: one of `aql` (a series of lots), `limit` (percent, this one lot) or `whole`.

    `whole`: every item of the lot is looked at, and none may fail. `ac` chooses among the plans for a `limit`.
    """

    defect: str
    aql: float | None = None
    limit: float | None = None
    whole: bool = False
    ac: int = 0

    def __post_init__(self) -> None:
        if self.defect not in DEFECTS:
            raise Misconfigured(f"no class of nonconformity {self.defect!r}", f"classes: {', '.join(DEFECTS)}")
        if (self.aql is not None) + (self.limit is not None) + self.whole != 1:
            raise Misconfigured(f"{self.defect} has no single basis", "give one of an AQL, a limiting quality, or 'all'")


@dataclass(frozen=True, slots=True)
class ClassPlan:
    """The plan of one class for one lot: look at the first `n` of the drawn items, accept with `ac` or fewer that fail.

    `severity`, `letter`, `code` and `aql` are of the master tables; None where the plan does not come from them.
    """

    defect: str
    n: int
    ac: int
    severity: State | None = None
    letter: str | None = None
    code: str | None = None
    aql: float | None = None
    table_n: int | None = None  # what the table asks for; more than `n` where the lot is smaller
    limit: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the plan as the ledger keeps it."""
        return asdict(self)

    @property
    def table_plan(self) -> Plan | None:
        """The cell of the master table; None: the plan is no part of a series, and switching rules do not see it."""
        if self.severity is None or self.letter is None or self.code is None or self.aql is None or self.table_n is None:
            return None
        return Plan(self.severity, self.letter, self.aql, self.code, self.table_n, self.ac)


@dataclass(frozen=True, slots=True)
class ClassResult:
    """What a class makes of a lot. `found` fail in `n`; `upper` is the 95 % bound of the share (Clopper-Pearson).

    Where the whole lot was looked at the bound is the share itself: nothing is left to guess.
    """

    plan: ClassPlan
    found: int
    upper: float

    @property
    def accepted(self) -> bool:
        """Whether the class lets the lot pass."""
        return self.found <= self.plan.ac


def class_plan(terms: Terms, lot_size: int, level: str, severity: Severity, counting: Counting = "items") -> ClassPlan:
    """Return the plan of one class. Raises IllegalMove: inspection is discontinued. Raises Misconfigured: no such plan."""
    if terms.whole:
        return ClassPlan(terms.defect, lot_size, 0)
    if terms.limit is not None:
        return _limiting(terms, lot_size, terms.limit)
    if severity == "discontinued":
        raise IllegalMove(f"inspection for {terms.defect} is discontinued", "record the corrective action: yuelu lot resume")
    found = lot_plan(lot_size, terms.aql or 0.0, level, severity, counting)
    cell = found.plan
    return ClassPlan(terms.defect, found.n, cell.ac, cell.state, cell.letter, cell.code, cell.aql, cell.n)


def _limiting(terms: Terms, lot_size: int, limit: float) -> ClassPlan:
    plans = {ac: n for n, ac in limiting_quality_plans(lot_size, limit / 100, terms.ac)}
    if terms.ac not in plans:
        share = f"no sample of {lot_size} items with acceptance number {terms.ac} shows {limit:g} %"
        raise Misconfigured(share, f"inspect every item: {terms.defect}=all")
    return ClassPlan(terms.defect, plans[terms.ac], terms.ac, limit=limit)


def to_draw(plans: Sequence[ClassPlan]) -> int:
    """Return how many items are drawn: as many as the class that asks for most."""
    return max(plan.n for plan in plans)


def judged(plan: ClassPlan, counts: Sequence[int], lot_size: int, counting: Counting = "items") -> ClassResult:
    """Return the verdict of one class; `counts` are the nonconformities of the drawn items, in the order of the draw.

    Only the first `n` count, whatever was seen in the others: they were not drawn for this class.
    """
    if len(counts) < plan.n:
        raise Conflict(f"{len(counts)} of {plan.n} items inspected", "inspect all that were drawn")
    seen = counts[: plan.n]
    found = sum(seen) if counting == "nonconformities" else sum(count > 0 for count in seen)
    upper = found / lot_size if plan.n >= lot_size else upper_bound(plan.n, found, counting=counting)
    return ClassResult(plan, found, upper)


def inspected(result: ClassResult, *, steady: bool, approved: bool, resubmitted: bool) -> Inspected | None:
    """Return the result as the switching rules read it; None where the plan is not of a series."""
    cell = result.plan.table_plan
    return None if cell is None else Inspected(cell, result.found, steady, approved, resubmitted)


def chance_to_pass(plan: ClassPlan, lot_size: int, nonconforming: int) -> float:
    """Return how probable it is that this lot passes the class with so many nonconforming items (exact)."""
    return accepted_lot(lot_size, nonconforming, plan.n, plan.ac)


def plan_from_json(data: Mapping[str, Any]) -> ClassPlan:
    """Return the plan that `ClassPlan.to_json` made."""
    return ClassPlan(**data)
