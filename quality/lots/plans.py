"""The plan for one lot: a class of nonconformity at a time, each with its own AQL."""

from dataclasses import dataclass

from yuelu.base.errors import Misconfigured
from yuelu.quality.lots.curve import Counting, Point, operating_characteristic
from yuelu.quality.lots.switching import one_step_tighter
from yuelu.quality.lots.tables import LARGEST_SHARE_AQL, Plan, State, code_letter, plan_of


@dataclass(frozen=True, slots=True)
class LotPlan:
    """A plan for a lot of `lot_size` items. `n` is what to draw: the whole lot where the table asks for as many or more.

    `notes` say what a reader of the plan must know: inspection of the whole lot, reduced inspection out of reach.
    """

    lot_size: int
    level: str
    plan: Plan
    n: int
    counting: Counting
    curve: tuple[Point, ...]
    notes: tuple[str, ...]


def lot_plan(lot_size: int, aql: float, level: str = "II", state: State = "normal", counting: Counting = "items") -> LotPlan:
    """Return the single sampling plan of the standard for a lot.

    Raises Misconfigured: an AQL above 10 for shares of nonconforming items, or what `code_letter` and `plan_of` raise.
    """
    if aql > LARGEST_SHARE_AQL and counting == "items":
        raise Misconfigured(f"AQL {aql:g} is more than 10 % nonconforming items", "count nonconformities per 100 items instead")
    plan = plan_of(code_letter(lot_size, level), aql, state)
    whole = plan.n >= lot_size
    n = lot_size if whole else plan.n
    return LotPlan(lot_size, level, plan, n, counting, operating_characteristic(n, plan.ac, counting), tuple(_notes(plan, whole)))


def _notes(plan: Plan, whole: bool) -> list[str]:
    notes = []
    if whole:
        notes.append("the sample is as large as the lot: inspect every item")
    if plan.state == "normal" and plan.ac >= 2 and one_step_tighter(plan) is None:
        notes.append(
            "the next tighter plan has another sample size: no lot adds to the switching score, reduced stays out of reach"
        )
    return notes
