"""The switching rules between normal, tightened and reduced inspection (GB/T 2828.1-2012, 9.3 and 9.4), as a pure replay.

One history for each company, kind of work and class of nonconformity. Only first inspections count: a lot that comes back
after rework is recorded, and ignored here.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from yuelu.base.errors import IllegalMove
from yuelu.quality.lots.tables import AQLS, Plan, aql_column, plan_of

Severity: TypeAlias = Literal["normal", "tightened", "reduced", "discontinued"]

_WINDOW, _TOO_MANY = 5, 2  # two of up to five consecutive lots not accepted: tightened
_GOOD_AGAIN, _HOPELESS = 5, 5  # on tightened: five in a row accepted: normal; five in all not accepted: discontinued
_ENOUGH = 30  # switching score for reduced inspection


@dataclass(frozen=True, slots=True)
class Inspected:
    """The result of one lot. `plan` is the plan it was inspected by, `found` what did not conform in the sample.

    `steady` and `approved`: production is at a steady rate, and the responsible authority wants reduced inspection.
    `resubmitted`: the lot was inspected before. `corrected`: discontinued inspection resumes after corrective action.
    """

    plan: Plan
    found: int
    steady: bool = False
    approved: bool = False
    resubmitted: bool = False

    @property
    def accepted(self) -> bool:
        """Whether the lot passes."""
        return self.found <= self.plan.ac


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the rules stand: the severity for the next lot, and all that they need to remember.

    `recent` are the acceptances of up to five lots since the last switch, `score` the switching score of normal
    inspection, `refused` the lots not accepted while tightened, `reason` why the severity is what it is.
    """

    severity: Severity = "normal"
    score: int = 0
    recent: tuple[bool, ...] = ()
    refused: int = 0
    reason: str = "inspection starts as normal"


def replay(lots: Iterable[Inspected], start: Standing | None = None) -> Standing:
    """Return where the rules stand after `lots`, in the order they were inspected."""
    standing = start or Standing()
    for lot in lots:
        standing = after(standing, lot)
    return standing


def after(standing: Standing, lot: Inspected) -> Standing:
    """Return where the rules stand after one more lot.

    Raises IllegalMove: inspection is discontinued, or the lot was inspected by a plan of another severity.
    """
    if lot.resubmitted:
        return standing
    if standing.severity == "discontinued":
        raise IllegalMove("inspection is discontinued", "record the corrective action first; it resumes as tightened")
    if lot.plan.state != standing.severity:
        raise IllegalMove(f"a lot was inspected as {lot.plan.state} where {standing.severity} was due", "draw it again")
    recent = (*standing.recent, lot.accepted)[-_WINDOW:]
    if standing.severity == "normal":
        return _normal(replace(standing, recent=recent, score=scored(standing.score, lot)), lot)
    if standing.severity == "tightened":
        return _tightened(replace(standing, recent=recent, refused=standing.refused + (not lot.accepted)))
    return _reduced(replace(standing, recent=recent), lot)


def resumed(standing: Standing, action: str) -> Standing:
    """Return tightened inspection after the corrective `action`. Raises IllegalMove: inspection is not discontinued."""
    if standing.severity != "discontinued" or not action.strip():
        raise IllegalMove(f"nothing to resume: inspection is {standing.severity}", "name the corrective action that was taken")
    return Standing("tightened", reason=f"resumed after corrective action: {action}")


def scored(score: int, lot: Inspected) -> int:
    """Return the switching score after a lot of normal inspection (9.3.3.2)."""
    if not lot.accepted:
        return 0
    if lot.plan.ac < 2:
        return score + 2
    tighter = one_step_tighter(lot.plan)
    return score + 3 if tighter is not None and lot.found <= tighter.ac else 0


def one_step_tighter(plan: Plan) -> Plan | None:
    """Return the plan at the next smaller AQL; None where it asks for another sample, so that the result cannot be compared.

    The standard does not say what to do then. To count nothing is the careful reading; for such plans reduced
    inspection is out of reach, and `yuelu lot plan` says so.
    """
    column = aql_column(plan.aql)
    if not column:
        return None
    tighter = plan_of(plan.letter, AQLS[column - 1], plan.state)
    return tighter if tighter.n == plan.n else None


def _normal(standing: Standing, lot: Inspected) -> Standing:
    if not lot.accepted and standing.recent.count(False) >= _TOO_MANY:
        return Standing("tightened", reason=f"{_TOO_MANY} of {len(standing.recent)} consecutive lots were not accepted")
    if standing.score >= _ENOUGH and lot.steady and lot.approved:
        return Standing("reduced", reason=f"switching score {standing.score}, production steady, approved")
    return standing


def _tightened(standing: Standing) -> Standing:
    if standing.refused >= _HOPELESS:
        return Standing("discontinued", reason=f"{_HOPELESS} lots were not accepted under tightened inspection")
    if len(standing.recent) == _GOOD_AGAIN and all(standing.recent):
        return Standing(reason=f"{_GOOD_AGAIN} consecutive lots were accepted under tightened inspection")
    return standing


def _reduced(standing: Standing, lot: Inspected) -> Standing:
    if not lot.accepted:
        return Standing(reason="a lot was not accepted under reduced inspection")
    if not lot.steady:
        return Standing(reason="production is no longer steady")
    return standing if lot.approved else Standing(reason="the authority no longer approves of reduced inspection")
