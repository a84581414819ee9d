"""The flow that makes a release: ledger -> tables -> store, and then the ledger learns that it is published."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from typing import Any, BinaryIO

from sqlalchemy import update
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.log import leaves
from yuelu.base.ledger.work import TaskRow
from yuelu.base.progress import Progress, silent
from yuelu.base.records import asset_key
from yuelu.base.store.address import require_single_winner
from yuelu.base.workspace import Workspace
from yuelu.datasets.commit import commit
from yuelu.datasets.draft import Draft
from yuelu.datasets.heads import head_of
from yuelu.datasets.layout import checked_name
from yuelu.datasets.passport.render import documents
from yuelu.datasets.split import SHARES, assign_split
from yuelu.pipelines.mirror import mirror, newest_log_size, unmirrored
from yuelu.pipelines.near.homes import fix_homes, known_issues, leaks, pass_leaks, read_homes, record_issue
from yuelu.pipelines.passport import governance_of, projects_of, quality_of, sources_of
from yuelu.pipelines.released_gate import Waiver, held_back, pass_gate, record_waiver, waived
from yuelu.pipelines.released_items import ItemReader
from yuelu.pipelines.released_pieces import built_by_dask
from yuelu.pipelines.released_tasks import ChosenTask, chosen_tasks, chunks
from yuelu.pipelines.withdrawn import not_withdrawn

ACTOR = "publish"


@dataclass(frozen=True, slots=True)
class PublishReport:
    """The release that stands after publishing. The counts of items are against the release before; 0 when not `new`."""

    dataset: str
    version: str
    number: int
    digest: str
    rows: int
    added: int
    removed: int
    changed: int
    new: bool


def publish(
    workspace: Workspace,
    dataset: str,
    projects: Sequence[str],
    progress: Progress = silent,
    *,
    publisher: str = "",
    waiver: Waiver | None = None,
) -> PublishReport:
    """Publish what is accepted in `projects` as the next version of `dataset`; `progress` counts media files.

    Nothing changed since the last version: that version is returned and nothing is written. Killed at any point, the
    next run completes: the release in the store is the truth, the ledger's row follows it.

    A batch that its gate does not accept holds the release back; a waiver in the ledger, or `waiver`, lets it out and stands
    in log and manifest.

    Raises NotFound: nothing accepted. Raises GateNotPassed: a batch is held back. Raises Conflict: another publisher was
    first; run again.
    """
    require_single_winner(workspace.store)
    names = sorted(set(projects))
    with workspace.ledger.reading() as session:
        homes = read_homes(session)
        tasks = not_withdrawn(session, chosen_tasks(session, checked_name(dataset), names, workspace.secret))
        groups = {task.group: homes.of(task.group) for task in tasks}
        chosen = [replace(task, group=groups[task.group]) for task in tasks]
        held = held_back(session, names)
        let_out = waived(session, held, waiver, workspace.ledger.now())
        pass_gate(held, let_out)
        leaking = leaks(homes, {group: assign_split(home, workspace.secret, SHARES) for group, home in groups.items()})
        pass_leaks(leaking, waived=waiver is not None)
        reader = ItemReader(session, workspace.store, dataset, workspace.secret, SHARES)
        quality = quality_of(session, names, let_out)
        if leaking and waiver:
            quality["known_issues"] = known_issues(leaking, waiver.owner, waiver.reason)
        draft = _draft(session, reader, chosen, names, publisher=publisher, quality=quality)
        proof = _proof(session, workspace, dataset)

    def open_medium(sha256: str) -> BinaryIO:
        return workspace.store.open(reader.released.store_keys.get(sha256, asset_key(sha256)))

    if waiver and held:
        record_waiver(workspace, [each for each in held if let_out[each] is waiver], waiver)
    if waiver and leaking:
        with workspace.ledger.transaction(waiver.owner, "curator") as transaction:
            record_issue(transaction, leaking, waiver.reason)
    with workspace.ledger.transaction(ACTOR) as transaction:
        fix_homes(transaction, groups)  # first: what goes out must stand where the next version looks for it
    committed = commit(workspace.store, draft, workspace.signing_key, open_medium, proof, progress=progress, describe=documents)
    _record(workspace, dataset, chosen)
    manifest, changes = committed.release.manifest, committed.changes
    return PublishReport(
        dataset, str(manifest.version), manifest.number, manifest.digest, manifest.rows,
        changes.added, changes.removed, changes.changed, committed.new,
    )  # fmt: skip


def _draft(
    session: Session,
    reader: ItemReader,
    chosen: Sequence[ChosenTask],
    names: Sequence[str],
    *,
    publisher: str,
    quality: Mapping[str, Any],
) -> Draft:
    built = built_by_dask(reader.read(chosen))
    projects = projects_of(session, names)
    sources = sources_of(session, projects, reader.released.sources)
    return Draft(
        name=reader.dataset,
        built=built,
        projects=projects,
        sources=sources,
        quality=quality,
        governance=governance_of(sources),
        publisher=publisher,
        shares=reader.shares,
    )


def _proof(session: Session, workspace: Workspace, dataset: str) -> dict[str, Any]:
    """Return what may differ between two runs of the same work, and so stands outside the digest."""
    return {
        "log": head_of(leaves(session), newest_log_size(workspace.store, dataset)),
        "code": {"name": "yuelu", "version": installed_version("yuelu")},
        "published_at": workspace.ledger.now().isoformat(timespec="seconds"),
        "nonce": secrets.token_hex(16),
    }


def _record(workspace: Workspace, dataset: str, chosen: Sequence[ChosenTask]) -> None:
    """Let the ledger mirror the releases in the store, and move the tasks that went out. Finishes what a kill left over."""
    missing = unmirrored(workspace, dataset)
    accepted = sorted(task.item_key for task in chosen if task.accepted)
    if not missing and not accepted:
        return
    with workspace.ledger.transaction(ACTOR) as transaction:
        mirror(transaction, missing)
        _move(transaction, dataset, accepted)


def _move(transaction: Transaction, dataset: str, accepted: Sequence[str]) -> None:
    moved: list[str] = []
    for some in chunks(accepted):
        # a task that somebody sent to rework meanwhile stays there: its labels of today are in the release all the same
        step = update(TaskRow).where(TaskRow.item_key.in_(some), TaskRow.state == "accepted").values(state="published")
        moved.extend(transaction.session.scalars(step.returning(TaskRow.item_key)))
    if moved:
        transaction.event("tasks.publish", dataset, after=digest(sorted(moved)), reason=f"{len(moved)} tasks went out")
