"""What the commands and the page ask of the ledger about lots."""

from dataclasses import asdict
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from yuelu.base.ledger.lots import LotItemRow, LotResultRow, LotRow
from yuelu.base.ledger.work import BatchRow
from yuelu.quality.lots.book import History, histories, items_of, lot_row, replayed, standing_of
from yuelu.quality.lots.classes import chance_to_pass, plan_from_json

Row = dict[str, Any]
_BAD = 0.05  # share of failing items for which the chance to pass is told


def lots(session: Session) -> list[Row]:
    """Return all lots, by project, company and number."""
    seen = func.count(LotItemRow.item_key), func.count(LotItemRow.reviewer)
    counts = {lot: (drawn, done) for lot, drawn, done in session.execute(select(LotItemRow.lot, *seen).group_by(LotItemRow.lot))}
    wanted = select(LotRow, BatchRow.project).join(BatchRow, BatchRow.id == LotRow.batch)
    rows = session.execute(wanted.order_by(BatchRow.project, LotRow.batch, LotRow.company, LotRow.number))
    return [_lot(row, project, *counts.get(row.id, (0, 0))) for row, project in rows]


def _lot(row: LotRow, project: str, drawn: int, done: int) -> Row:
    outcome = None if row.accepted is None else "accepted" if row.accepted else "not accepted"
    return {
        "lot": row.id,
        "project": project,
        "company": row.company,
        "work": row.work,
        "number": row.number,
        "size": row.size,
        "drawn": drawn,
        "inspected": done,
        "state": row.state,
        "outcome": outcome,
        "resubmitted": row.resubmitted,
    }


def one_lot(session: Session, lot: str) -> Row:
    """Return a lot with its plans, drawn items and results. Raises NotFound."""
    row = lot_row(session, lot)
    items = items_of(session, row.id)
    project = session.get_one(BatchRow, row.batch).project
    found = _lot(row, project, len(items), sum(item.reviewer is not None for item in items))
    plans = [plan_from_json(data) for data in row.classes]
    classes = [
        {**each.to_json(), "passes_at_5_percent": chance_to_pass(each, row.size, round(_BAD * row.size))} for each in plans
    ]
    results = session.scalars(select(LotResultRow).where(LotResultRow.lot == row.id).order_by(LotResultRow.id))
    told = ("rank", "reviewer", "found", "codes", "comment")
    return {
        **found,
        "level": row.level,
        "counting": row.counting,
        "list_digest": row.list_digest,
        "seed": row.seed,
        "classes": classes,
        "items": [{"item": item.item_key, **{name: getattr(item, name) for name in told}} for item in items],
        "results": [
            {"class": result.defect, "found": result.found, "accepted": result.accepted, "standing": result.standing}
            for result in results
        ],
    }


def standings(session: Session) -> list[Row]:
    """Return where the switching rules stand for each company, kind of work and class.

    `replayed` says whether all results, read again from the first, lead to what is stored.
    """
    return [_standing(session, history) for history in histories(session)]


def _standing(session: Session, history: History) -> Row:
    now = standing_of(session, history)
    mine = (LotResultRow.company == history.company, LotResultRow.work == history.work, LotResultRow.defect == history.defect)
    count = session.scalar(select(func.count()).where(*mine, LotResultRow.lot.is_not(None))) or 0
    keys = {"company": history.company, "work": history.work, "class": history.defect}
    return {**keys, **asdict(now), "lots": count, "replayed": replayed(session, history) == now}
