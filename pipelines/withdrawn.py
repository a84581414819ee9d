"""What hangs on a patient, an asset, an annotator, a collection or its owner: the subjects whose labels do not go out again."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import String, cast, select
from sqlalchemy.orm import Session

from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.media import AssetRow, CollectionRow
from yuelu.base.ledger.withdrawals import WithdrawalRow
from yuelu.base.ledger.work import AnnotationRow, AnnotatorRow, BatchRow, ProjectRow, TaskRow
from yuelu.pipelines.released_tasks import ChosenTask


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What is withdrawn: its kind, and its name in the ledger (a patient's keyed group, an asset's SHA-256, ...)."""

    kind: str
    value: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InvalidRecord(f"nothing of kind {self.kind!r} can be withdrawn", f"one of {', '.join(KINDS)} can")


def subjects_of(session: Session, what: Withdrawal) -> frozenset[str]:
    """Return the subjects of tasks that hang on it. An answer of an annotator, in any round, counts."""
    return frozenset(_SUBJECTS[what.kind](session, what.value))


def must_exist(session: Session, what: Withdrawal) -> None:
    """Return when the ledger knows it. Raises NotFound: a spelling mistake must not look like a withdrawal that found nothing."""
    known = {
        "group": select(AssetRow.sha256).where(AssetRow.group == what.value),
        "asset": select(AssetRow.sha256).where(AssetRow.sha256 == what.value),
        "annotator": select(AnnotatorRow.id).where(AnnotatorRow.id == what.value),
        "collection": select(CollectionRow.name).where(CollectionRow.name == what.value),
        "owner": select(CollectionRow.name).where(CollectionRow.owner == what.value),
    }
    if session.scalar(known[what.kind].limit(1)) is None:
        raise NotFound(f"the ledger knows no {what.kind} {what.value!r}", "see 'yuelu assets list', 'yuelu annotator list'")


def not_withdrawn(session: Session, tasks: Sequence[ChosenTask]) -> list[ChosenTask]:
    """Return the tasks that hang on nothing that was withdrawn. Raises NotFound: none is left."""
    rows = session.execute(select(WithdrawalRow.kind, WithdrawalRow.value)).all()
    gone = frozenset[str]().union(*(subjects_of(session, Withdrawal(kind, value)) for kind, value in rows))
    left = [task for task in tasks if task.subject not in gone]
    if tasks and not left:
        raise NotFound("all that is accepted was withdrawn", "see 'yuelu releases notices NAME'")
    return left


def _of_group(session: Session, value: str) -> set[str]:
    return set(session.scalars(select(TaskRow.subject).where(TaskRow.group == value)))


def _of_asset(session: Session, value: str) -> set[str]:
    # the text of the list is looked through: what an asset is part of is written down nowhere else
    return set(session.scalars(select(TaskRow.subject).where(cast(TaskRow.items, String).contains(value))))


def _of_annotator(session: Session, value: str) -> set[str]:
    answered = select(TaskRow.subject).join(AnnotationRow, AnnotationRow.item_key == TaskRow.item_key)
    return set(session.scalars(answered.where(AnnotationRow.annotator == value)))


def _of_collection(session: Session, value: str) -> set[str]:
    joined = select(TaskRow.subject).join(BatchRow, BatchRow.id == TaskRow.batch)
    return set(
        session.scalars(joined.join(ProjectRow, ProjectRow.name == BatchRow.project).where(ProjectRow.collection == value))
    )


def _of_owner(session: Session, value: str) -> set[str]:
    names = session.scalars(select(CollectionRow.name).where(CollectionRow.owner == value)).all()
    return set().union(*(_of_collection(session, name) for name in names))


_SUBJECTS: Mapping[str, Callable[[Session, str], set[str]]] = MappingProxyType(
    {
        "group": _of_group,
        "asset": _of_asset,
        "annotator": _of_annotator,
        "collection": _of_collection,
        "owner": _of_owner,
    }
)
KINDS = tuple(_SUBJECTS)
