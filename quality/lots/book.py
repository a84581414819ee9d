"""The lots in the ledger: where a company's inspection stands, and the rows that say so. The rules are in `switching`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.errors import IllegalMove, NotFound
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.lots import LotItemRow, LotResultRow, LotRow
from yuelu.base.ledger.work import CompanyRow
from yuelu.base.states import LOT_MOVES, checked_move
from yuelu.quality.lots.classes import ClassResult, inspected, plan_from_json
from yuelu.quality.lots.draw import Drawn
from yuelu.quality.lots.switching import Inspected, Standing, after, resumed


@dataclass(frozen=True, slots=True)
class History:
    """Whose inspection it is, of which kind of work, for which class: the switching rules run for each of these alone."""

    company: str
    work: str
    defect: str


def lot_row(session: Session, lot: str, *, locked: bool = False) -> LotRow:
    """Return a lot, by its id or the beginning of one. Raises NotFound: none, or several."""
    exact = session.get(LotRow, lot, with_for_update=locked or None)
    if exact is not None:
        return exact
    found = session.scalars(select(LotRow).where(LotRow.id.startswith(lot, autoescape=True)).limit(2)).all()
    if len(found) != 1 or not lot:
        raise NotFound(f"{'no' if not found else 'more than one'} lot {lot!r}", "see 'yuelu lot list'")
    return session.get_one(LotRow, found[0].id, with_for_update=locked or None)


def items_of(session: Session, lot: str) -> list[LotItemRow]:
    """Return the drawn items of a lot, in the order of the draw."""
    return list(session.scalars(select(LotItemRow).where(LotItemRow.lot == lot).order_by(LotItemRow.rank)))


def standing_of(session: Session, history: History) -> Standing:
    """Return where the switching rules stand, as the last result says."""
    last = session.scalars(_results(history).order_by(LotResultRow.id.desc()).limit(1)).first()
    return Standing() if last is None else _standing(last.standing)


def replayed(session: Session, history: History) -> Standing:
    """Return where the switching rules stand when all results are read again from the first."""
    standing = Standing()
    for row in session.scalars(_results(history).order_by(LotResultRow.id)):
        if row.lot is None:
            standing = resumed(standing, row.action or "")
        elif row.plan["severity"] is not None:
            lot = inspected_row(row)
            standing = after(standing, lot)
    return standing


def histories(session: Session) -> list[History]:
    """Return all histories that have results."""
    columns = (LotResultRow.company, LotResultRow.work, LotResultRow.defect)
    rows = session.execute(select(*columns).distinct().order_by(*columns))
    return [History(*row) for row in rows]


def inspected_row(row: LotResultRow) -> Inspected:
    """Return the result of a lot as the switching rules read it."""
    plan = plan_from_json(row.plan).table_plan
    if plan is None:
        raise IllegalMove(f"result {row.id} is of no series of lots", "only plans by AQL take part in switching")
    return Inspected(plan, row.found, row.steady, row.approved, row.resubmitted)


def _results(history: History) -> Any:
    mine = (LotResultRow.company == history.company, LotResultRow.work == history.work, LotResultRow.defect == history.defect)
    return select(LotResultRow).where(*mine)


def _standing(data: dict[str, Any]) -> Standing:
    return Standing(**{**data, "recent": tuple(data["recent"])})


def lock(t: Transaction, company: str) -> None:
    """Let the decisions about one company's lots take turns. Raises NotFound: no such company."""
    if t.session.get(CompanyRow, company, with_for_update={"key_share": True}) is None:
        raise NotFound(f"no company {company!r}", "see 'yuelu company list'")


def move_lot(t: Transaction, row: LotRow, to: str, *, after: str | None = None, reason: str | None = None) -> None:
    """Bring a lot to another state, with an event."""
    before = row.state
    row.state = checked_move(f"lot {row.id[:12]}", before, to, LOT_MOVES)
    t.event(f"lot.{to}", row.id, before=before, after=after or to, reason=reason)


def record_draw(t: Transaction, row: LotRow, drawn: Drawn, contents: dict[str, str], at: datetime) -> None:
    """Write the sample of a lot."""
    fresh: dict[str, Any] = {"reviewer": None, "found": {}, "codes": [], "comment": None, "inspected_at": None}
    named = [item.partition(" ")[0] for item in drawn.items]
    rows = [{"lot": row.id, "item_key": key, "rank": rank, "content": contents[key], **fresh} for rank, key in enumerate(named)]
    t.add_new(LotItemRow, rows)
    row.seed, row.drawn_at = drawn.seed, at
    move_lot(t, row, "drawn", after=digest(list(drawn.items)), reason=f"seed {drawn.seed}, list {drawn.list_digest}")


def record_results(
    t: Transaction, row: LotRow, results: Sequence[ClassResult], at: datetime, *, steady: bool, approved: bool
) -> dict[str, tuple[Standing, Standing]]:
    """Write what each class makes of the lot; return where its switching rules stood, and stand now.

    Raises IllegalMove: a plan of another severity than is due now.
    """
    moved = {}
    for result in results:
        history = History(row.company, row.work, result.plan.defect)
        standing = standing_of(t.session, history)
        lot = inspected(result, steady=steady, approved=approved, resubmitted=row.resubmitted)
        following = standing if lot is None else after(standing, lot)
        flags = {"steady": steady, "approved": approved, "resubmitted": row.resubmitted, "action": None}
        t.session.add(
            LotResultRow(
                **asdict(history), lot=row.id, plan=result.plan.to_json(), found=result.found, accepted=result.accepted,
                **flags, standing=_kept(following), decided_at=at,
            )
        )  # fmt: skip
        moved[result.plan.defect] = standing, following
        if following.severity != standing.severity:
            t.event(
                "lot.switch",
                " ".join(asdict(history).values()),
                before=standing.severity,
                after=following.severity,
                reason=following.reason,
            )
    row.decided_at, row.accepted = at, all(result.accepted for result in results)
    move_lot(t, row, "decided", after="accepted" if row.accepted else "not accepted")
    return moved


def record_resumption(t: Transaction, history: History, action: str, at: datetime) -> Standing:
    """Write the corrective action after which inspection goes on. Raises IllegalMove: it is not discontinued."""
    before = standing_of(t.session, history)
    standing = resumed(before, action)
    plan: dict[str, Any] = {"severity": None}
    flags = {"steady": False, "approved": False, "resubmitted": False, "action": action}
    t.session.add(
        LotResultRow(
            **asdict(history), lot=None, plan=plan, found=0, accepted=False, **flags, standing=_kept(standing), decided_at=at
        )
    )
    t.event("lot.resume", " ".join(asdict(history).values()), before=before.severity, after=standing.severity, reason=action)
    return standing


def _kept(standing: Standing) -> dict[str, Any]:
    return {**asdict(standing), "recent": list(standing.recent)}
