"""Drafts: what an annotator has drawn and not sent yet, kept in the ledger and never on a site."""

from typing import Any

from sqlalchemy import delete
from sqlalchemy.orm import Session

from yuelu.annotate.incoming import Incoming, checked
from yuelu.annotate.packets import open_packet_of
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.packets import DraftRow


def save_draft(ledger: Ledger, annotator: str, item_key: str, result: list[Any]) -> None:
    """Keep the draft in place of the one before. Raises NotAllowed: no open packet of theirs has the task. InvalidRecord."""
    checked(Incoming(annotator, item_key, result))
    with ledger.transaction(annotator, "annotator") as t:
        packet, now = open_packet_of(t.session, annotator, item_key, ledger.now()).id, ledger.now()
        row = {"packet": packet, "item_key": item_key, "annotator": annotator, "saved_at": now, "result": result}
        if not t.add_new(DraftRow, [row]):
            kept = t.session.get_one(DraftRow, (packet, item_key))
            kept.saved_at, kept.result = now, result


def draft_of(session: Session, packet: str, item_key: str, annotator: str) -> list[Any] | None:
    """Return the annotator's draft; None when there is none."""
    row = session.get(DraftRow, (packet, item_key))
    return list(row.result) if row is not None and row.annotator == annotator else None


def drop_draft(ledger: Ledger, annotator: str, item_key: str) -> None:
    """Forget the draft; that there is none is no error."""
    with ledger.transaction(annotator, "annotator") as t:
        t.session.execute(delete(DraftRow).where(DraftRow.item_key == item_key, DraftRow.annotator == annotator))
