"""What the commands and the page ask of the ledger about waivers, reviews and gold."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.settling import WaiverRow
from yuelu.base.ledger.work import BatchRow, ProjectRow
from yuelu.pipelines.adjudicate import gold
from yuelu.pipelines.released_gate import held_back
from yuelu.quality.waivers import all_waivers

Row = dict[str, Any]


def waivers(session: Session, now: datetime) -> list[Row]:
    """Return all waivers and whether each stands, has expired, was revoked, or was overtaken by a new decision."""
    projects = {batch: project for batch, project in session.execute(select(BatchRow.id, BatchRow.project))}  # noqa: C416  its rows are no tuples to mypy
    held = {each.batch: each.decision for each in held_back(session, list(session.scalars(select(ProjectRow.name))))}
    return [_waiver(row, projects[row.batch], held.get(row.batch), now) for row in all_waivers(session)]


def _waiver(row: WaiverRow, project: str, decision: str | None, now: datetime) -> Row:
    state = "stands"
    if row.revoked_at is not None:
        state = "revoked"
    elif row.expires_at <= now:
        state = "expired"
    elif row.decision != decision:
        state = "overtaken"
    return {
        "waiver": row.id,
        "project": project,
        "batch": row.batch,
        "rule": row.rule,
        "owner": row.owner,
        "reason": row.reason,
        "until": f"{row.expires_at:%Y-%m-%d}",
        "state": state,
    }


def gold_rows(session: Session) -> list[Row]:
    """Return all candidates and gold."""
    names = ("item_key", "state", "proposed_by", "decided_by", "reason")
    return [{name: getattr(row, name) for name in names} for row in gold(session)]
