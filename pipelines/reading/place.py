"""Places: the server projects that hold a project's tasks, and the number of the last reading of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from yuelu.annotate.label_studio.http import Conversation
from yuelu.annotate.label_studio.reading import Counts, View, find_view, write_view
from yuelu.annotate.label_studio.sites import Place
from yuelu.base.errors import Conflict, OutcomeUnknown, WentBack
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.places import OutboxRow
from yuelu.base.ledger.reading import ReadPlaceRow, ReadTaskRow

ACTOR = "sync"
_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of a place: its number, and the server's clock when the last complete one began (None: there was none)."""

    place: Place
    number: int
    since: datetime | None


def sent_as(session: Session, place: Place, server_tasks: Sequence[int]) -> dict[int, str]:
    """Return what each of the server tasks was dispatched as. Users can change the key that a server task names."""
    found: dict[int, str] = {}
    for start in range(0, len(server_tasks), _CHUNK):
        some = server_tasks[start : start + _CHUNK]
        here = and_(OutboxRow.batch == place.batch, OutboxRow.site == place.site, OutboxRow.state == "sent")
        sent = select(OutboxRow.server_task, OutboxRow.item_key).where(here, OutboxRow.server_task.in_(some))
        found |= {task: key for task, key in session.execute(sent) if task is not None}
    return found


def begin(ledger: Ledger, server: Conversation, place: Place) -> Reading:
    """Take the next number, on the server too, so that it tells whether a later server is an earlier one, restored.

    Raises WentBack: the server shows an older number than the last reading wrote there.
    """
    view = find_view(server, place.server_project)
    shown = view.number if view else 0
    with ledger.transaction(ACTOR) as t:
        row = _row(t.session, place)
        if shown < row.confirmed:
            raise went_back(place, f"it shows reading {shown or 'none'}, the last was {row.confirmed}")
        since = row.read_at if shown <= row.number else None  # the ledger itself is from a backup: read everything again
        row.number = max(row.number, shown) + 1
        number = row.number
    confirm(ledger, server, Reading(place, number, since), view)
    return Reading(place, number, since)


def confirm(ledger: Ledger, server: Conversation, reading: Reading, view: View | None = None) -> None:
    """Write the number to the server, and to the ledger that it stands there. Raises OutcomeUnknown, Conflict."""
    try:
        write_view(server, reading.place.server_project, reading.number, view)
    except OutcomeUnknown:
        view = find_view(server, reading.place.server_project)
        if view is None or view.number != reading.number:
            raise
    with ledger.transaction(ACTOR) as t:
        still_ours(t, reading).confirmed = reading.number


def last_reading(ledger: Ledger, server: Conversation, place: Place) -> Reading:
    """Return the last reading of a place, after a look at what the server shows of it. Raises WentBack as `begin` does."""
    view = find_view(server, place.server_project)
    shown = view.number if view else 0
    with ledger.reading() as session:
        row = session.get(ReadPlaceRow, (place.site, place.server_project))
        if row is None or shown > row.number:
            return Reading(place, 0 if row is None else row.number, None)
        if shown < row.confirmed:
            raise went_back(place, f"it shows reading {shown or 'none'}, the last was {row.confirmed}")
        return Reading(place, row.number, row.read_at)


def still_ours(t: Transaction, reading: Reading) -> ReadPlaceRow:
    """Return the place's row, locked until the transaction ends. Raises Conflict: another reading has begun."""
    place = reading.place
    asked = select(ReadPlaceRow).where(ReadPlaceRow.site == place.site, ReadPlaceRow.server_project == place.server_project)
    row = t.session.scalars(asked.with_for_update()).one_or_none()
    if row is None or row.number != reading.number:
        raise Conflict(f"another sync of {place.site}/{place.server_project} has begun", "it reads what this one would have read")
    return row


def finish(ledger: Ledger, reading: Reading, began: datetime) -> None:
    """Write down that everything was read that the server held when its clock was at `began`. Raises Conflict."""
    with ledger.transaction(ACTOR) as t:
        still_ours(t, reading).read_at = began


def counted(session: Session, place: Place) -> Counts:
    """Return what the server should hold by what was read."""
    asked = select(func.count(), func.coalesce(func.sum(ReadTaskRow.present), 0))
    here = asked.where(ReadTaskRow.site == place.site, ReadTaskRow.server_project == place.server_project)
    return Counts(*map(int, session.execute(here).one()))


def went_back(place: Place, why: str) -> WentBack:
    """Return the error that holds a place."""
    return WentBack(
        f"server project {place.server_project} of site {place.site} went back in time: {why}",
        "it looks restored from a backup; nothing was changed here. Bring back what it lost: 'yuelu sync PROJECT --replay'",
    )


def _row(session: Session, place: Place) -> ReadPlaceRow:
    asked = select(ReadPlaceRow).where(ReadPlaceRow.site == place.site, ReadPlaceRow.server_project == place.server_project)
    row = session.scalars(asked.with_for_update()).one_or_none()
    if row is None:
        row = ReadPlaceRow(site=place.site, server_project=place.server_project, number=0, confirmed=0, read_at=None)
        session.add(row)
        session.flush()
    return row
