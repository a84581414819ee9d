"""Withdrawing: the impact over all releases first, then a tombstone, versions without it, a signed notice, and deletion.

Killed at any point, the same command run again completes it: the tombstone stands first, a notice tells what is to be deleted
before anything is, and a second notice, when all of it is gone, is the proof.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version as installed_version
from typing import Any

from yuelu.base.canonical import digest, keyed
from yuelu.base.errors import InvalidRecord
from yuelu.base.ledger.withdrawals import WithdrawalRow
from yuelu.base.workspace import Workspace
from yuelu.datasets.commit import commit
from yuelu.datasets.passport.render import documents
from yuelu.datasets.release import history, names, version_numbers
from yuelu.datasets.signed.keys import trust_in
from yuelu.datasets.signed.logbook import Page
from yuelu.datasets.signed.notices import Withdrawn, notices, post, standing_in
from yuelu.datasets.upkeep.leases import collecting
from yuelu.datasets.withdrawal.deletion import Deletable, deletable, delete
from yuelu.datasets.withdrawal.impact import Impact, Target, impacts
from yuelu.datasets.withdrawal.without import without
from yuelu.pipelines.mirror import mirror_releases, newest_log_size
from yuelu.pipelines.released_items import pseudonym
from yuelu.pipelines.signing_keys import log_head
from yuelu.pipelines.withdrawn import Withdrawal, must_exist, subjects_of
from yuelu.pipelines.withdrawn_media import WorkspaceMedia, delete_workspace_media, workspace_media


@dataclass(frozen=True, slots=True)
class Said:
    """Who withdraws, and why. Both stand in the signed notice: nothing that names the person concerned belongs there."""

    owner: str
    reason: str

    def __post_init__(self) -> None:
        if not self.owner.strip() or not self.reason.strip():
            raise InvalidRecord("a withdrawal has an owner and a reason", "give --owner and --reason")


@dataclass(frozen=True, slots=True)
class Withdrew:
    """What became of one dataset: the versions withdrawn, the one to use instead (None: none), and what was deleted."""

    name: str
    versions: tuple[str, ...]
    instead: str | None
    deleted: int
    freed_bytes: int
    proof: bytes | None


def plan(workspace: Workspace, what: Withdrawal) -> tuple[list[Impact], WorkspaceMedia]:
    """Return what a withdrawal touches, over all versions of all datasets, and the workspace's own files. Changes nothing.

    Raises NotFound: the ledger does not know it.
    """
    with workspace.ledger.reading() as session:
        must_exist(session, what)
        subjects = subjects_of(session, what)
        files = workspace_media(session, what)
    found = list[Impact]()
    for name in names(workspace.store):
        trust = trust_in(workspace.store, workspace.signing_key.public)
        standing, _ = standing_in(workspace.store, name, trust)
        found += impacts(workspace.store, name, target_of(workspace, name, what, subjects), standing)
    return found, files


def target_of(workspace: Workspace, dataset: str, what: Withdrawal, subjects: frozenset[str]) -> Target:
    """Return what is withdrawn in the words of one dataset."""
    items = frozenset(keyed(workspace.secret, f"item:{dataset}", subject) for subject in subjects)
    people = {pseudonym(workspace.secret, dataset, what.value)} if what.kind == "annotator" else set[str]()
    return Target(items, frozenset(people))


def withdraw(workspace: Workspace, what: Withdrawal, said: Said, *, keep: bool = False) -> list[Withdrew]:
    """Withdraw it and return what became of each dataset. `keep`: nothing is deleted, and can be pulled by a reason.

    Raises NotFound. Raises Conflict: somebody publishes at this moment; run it again.
    """
    found, files = plan(workspace, what)
    with workspace.ledger.transaction(said.owner, "curator") as transaction:
        row = {"kind": what.kind, "value": what.value, "reason": said.reason, "owner": said.owner}
        if transaction.add_new(WithdrawalRow, [{**row, "withdrawn_at": workspace.ledger.now()}]):
            transaction.event("withdraw", f"{what.kind} {what.value}", after=digest(row), reason=said.reason)
    datasets = sorted({each.release.manifest.name for each in found} | set(_unfinished(workspace)))
    done = [
        _dataset(workspace, name, [each for each in found if each.release.manifest.name == name], what, said, keep=keep)
        for name in datasets
    ]
    if not keep:
        delete_workspace_media(workspace, files, said.owner, said.reason)
    return done


def _unfinished(workspace: Workspace) -> list[str]:
    return [name for name in names(workspace.store) if _to_delete(notices(workspace.store, name))]


def _dataset(workspace: Workspace, name: str, found: Sequence[Impact], what: Withdrawal, said: Said, *, keep: bool) -> Withdrew:
    trust = trust_in(workspace.store, workspace.signing_key.public)
    standing, _ = standing_in(workspace.store, name, trust)
    fresh = [each for each in found if each.version not in standing.withdrawn]
    instead = _supersede(workspace, name, found) if found else None
    if fresh or (found and not keep):
        _notify(workspace, name, found=found, instead=instead, what=what, said=said, keep=keep)
    deleted = () if keep else _delete(workspace, name)
    proof = notices(workspace.store, name)[-1].data if deleted else None
    versions = tuple(each.version for each in fresh)
    return Withdrew(name, versions, instead, len(deleted), sum(each["bytes"] for each in deleted), proof)


def _supersede(workspace: Workspace, name: str, found: Sequence[Impact]) -> str | None:
    """Publish the newest version without the items and return the version to use; None: nothing would be left."""
    numbers, last = version_numbers(workspace.store, name), found[-1]
    newest = history(workspace.store, name)[-1].manifest
    if last.release.manifest.number != numbers[-1]:
        return str(newest.version)  # it has nothing of what is withdrawn
    draft = without(last.release, frozenset(last.items))
    if draft is None:
        return None
    proof = {
        "log": log_head(workspace, newest_log_size(workspace.store, name)),
        "code": {"name": "yuelu", "version": installed_version("yuelu")},
        "published_at": workspace.ledger.now().isoformat(timespec="seconds"),
        "nonce": secrets.token_hex(16),
    }
    store = workspace.store
    committed = commit(
        store,
        draft,
        workspace.signing_key,
        lambda sha256: store.read(f"datasets/{name}/media/{sha256}"),
        proof,
        whole=True,
        describe=documents,
    )
    mirror_releases(workspace, name)
    return str(committed.release.manifest.version)


def _notify(
    workspace: Workspace,
    name: str,
    *,
    found: Sequence[Impact],
    instead: str | None,
    what: Withdrawal,
    said: Said,
    keep: bool,
) -> None:
    """Say in a signed notice which versions are withdrawn, which one to use, and what will be deleted."""
    standing, page = standing_in(workspace.store, name, trust_in(workspace.store, workspace.signing_key.public))
    number = page.number + 1 if page else 1
    gone = {each.version: Withdrawn(said.reason, instead and f"{name}@{instead}", number) for each in found}
    tags = {tag: at for tag, at in standing.tags.items() if at not in gone}
    after = replace(standing, withdrawn={**gone, **standing.withdrawn}, tags=tags)
    living = [
        release for release in history(workspace.store, name)
        if str(release.manifest.version) not in after.withdrawn
    ]  # fmt: skip
    away = Deletable((), {}) if keep else deletable(found, living)
    after = replace(after, deleted=after.deleted | {file.sha256 for file in away.objects})
    told = {
        "action": "withdraw",
        "kind": what.kind,
        "owner": said.owner,
        "reason": said.reason,
        "at": workspace.ledger.now().isoformat(timespec="seconds"),
        "log": log_head(workspace),
        "versions": {each.version: {"items": list(each.items), "answers": each.annotations} for each in found},
        "instead": instead,
        "to_delete": away.to_json(),
    }
    posted = post(workspace.store, name, page, after, told, key=workspace.signing_key)
    _log(workspace, said, "notice.withdraw", name, posted)


def _to_delete(pages: Sequence[Page]) -> list[dict[str, Any]]:
    """Return the objects that notices said would be deleted and of which none says that they are."""
    done = {number for page in pages if page.said["action"] == "deleted" for number in page.said["of"]}
    left = [page for page in pages if page.said["action"] == "withdraw" and page.number not in done]
    return [entry for page in left for entry in page.said["to_delete"]["objects"]]


def _delete(workspace: Workspace, name: str) -> Sequence[dict[str, Any]]:
    """Delete what notices name, and write the proof: a notice of what is gone, and what still refers to withdrawn media."""
    pages = notices(workspace.store, name)
    entries = _to_delete(pages)
    if not entries:
        return ()
    with collecting(workspace.store, name, workspace.ledger.now()):
        delete(workspace.store, [entry["key"] for entry in entries])
        done = {number for page in pages if page.said["action"] == "deleted" for number in page.said["of"]}
        left = [page for page in pages if page.said["action"] == "withdraw" and page.number not in done]
        told = {
            "action": "deleted",
            "of": [page.number for page in left],
            "owner": left[-1].said["owner"],
            "reason": left[-1].said["reason"],
            "at": workspace.ledger.now().isoformat(timespec="seconds"),
            "log": log_head(workspace),
            "store": workspace.store.address.partition("?")[0],
            "objects": entries,
            "checked": "each object was looked for after it was deleted, and is not there",
            "still_needed": {name: titles for page in left for name, titles in page.said["to_delete"]["still_needed"].items()},
        }
        standing, _ = standing_in(workspace.store, name)
        posted = post(workspace.store, name, pages[-1], standing, told, key=workspace.signing_key)
    _log(workspace, Said(told["owner"], told["reason"]), "notice.deleted", name, posted)
    return entries


def _log(workspace: Workspace, said: Said, action: str, name: str, page: Page) -> None:
    with workspace.ledger.transaction(said.owner, "curator") as transaction:
        transaction.event(action, f"{name} notice {page.number}", after=digest(page.said), reason=said.reason)
