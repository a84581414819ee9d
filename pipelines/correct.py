"""A curator's word: an answer to a task that stands above the consensus, with its owner and the reason."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from yuelu.annotate.configurations import configuration_of
from yuelu.annotate.results import Item, to_result
from yuelu.annotate.tasks import move
from yuelu.base.errors import Conflict, NotAllowed, NotFound
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.media import shown_by
from yuelu.base.records import Region, region_to_json
from yuelu.base.workspace import Workspace
from yuelu.pipelines.lots.offer import worked_on
from yuelu.quality.record import record_correction

_OPEN = ("review", "accepted", "published")


def correct(workspace: Workspace, item_key: str, regions: Sequence[Region], *, owner: str, reason: str) -> bool:
    """Record the curator's answer; a task in review is accepted by it. Returns whether it is new.

    The next release carries it. The answers and the consensus stay as they were. Raises NotFound. Raises Conflict: the
    task is not in review, accepted or published. Raises NotAllowed: the owner answered it. Raises InvalidRecord: no answer
    to the task's label configuration.
    """
    with workspace.ledger.transaction(owner, "curator") as t:
        return correct_in(t, item_key, regions, owner=owner, reason=reason, now=workspace.ledger.now())


def correct_in(t: Transaction, item_key: str, regions: Sequence[Region], *, owner: str, reason: str, now: datetime) -> bool:
    """Do what `correct` does, in a transaction that does more."""
    row = t.session.get(TaskRow, item_key)
    if row is None:
        raise NotFound(f"no task {item_key!r}", "see 'yuelu review list'")
    if row.state not in _OPEN:
        raise Conflict(f"task {item_key} is {row.state}", f"a curator settles tasks that are {', '.join(_OPEN)}")
    if owner in worked_on(t.session, item_key):
        raise NotAllowed(f"{owner} answered task {item_key}", "another person must settle it")
    _check(t.session, row, regions)
    answer = [region_to_json(region) for region in regions]
    new = record_correction(t, item_key, answer, owner=owner, reason=reason, created_at=now)
    if row.state == "review":
        move(t, item_key, "accepted", f"settled by {owner}: {reason}")
    return new


def _check(session: Session, task: TaskRow, regions: Sequence[Region]) -> None:
    """Refuse what no annotator could have answered: it would be published, and a correction is never taken back."""
    template = configuration_of(session, session.get_one(BatchRow, task.batch))
    to_result(regions, template, [Item.from_shown(shown) for shown in shown_by(session, task.items)])
