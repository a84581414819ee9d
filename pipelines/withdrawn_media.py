"""The workspace's own files of what is withdrawn: copies and proxies in its store that no other asset is shown by."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from yuelu.base.canonical import canonical, digest
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.workspace import Workspace
from yuelu.datasets.withdrawal.deletion import delete
from yuelu.pipelines.withdrawn import Withdrawal

_HASH = re.compile(rb"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class WorkspaceMedia:
    """Files in the workspace's store, by SHA-256, with their keys; `shared` are those that stay because others need them."""

    keys: dict[str, str]
    shared: tuple[str, ...]


def workspace_media(session: Session, what: Withdrawal) -> WorkspaceMedia:
    """Return the files that only what is withdrawn needs. An annotator has none: media are not theirs."""
    roots = set(_roots(session, what))
    if not roots:
        return WorkspaceMedia({}, ())
    doomed = _derived(session, roots)
    needed = set[str]()
    for sha256, facts in session.execute(select(AssetRow.sha256, AssetRow.facts)).yield_per(1000):
        if sha256 not in doomed:
            needed |= doomed & {found.decode() for found in _HASH.findall(canonical(facts))}
    gone = sorted(doomed - needed)
    found = (session.get(AssetRow, sha256) for sha256 in gone)  # None: a file that was listed, and never became an asset
    keys = {row.sha256: row.store_key for row in found if row and row.store_key}
    return WorkspaceMedia(keys, tuple(sorted(needed)))


def _roots(session: Session, what: Withdrawal) -> Iterator[str]:
    if what.kind == "group":
        yield from session.scalars(select(AssetRow.sha256).where(AssetRow.group == what.value))
    elif what.kind == "asset":
        yield what.value
    elif what.kind in ("collection", "owner"):
        column = CollectionRow.name if what.kind == "collection" else CollectionRow.owner
        names = set(session.scalars(select(CollectionRow.name).where(column == what.value)))
        listed = select(ListingRow.sha256)
        ours = set(session.scalars(listed.where(ListingRow.collection.in_(names))))
        others = set(session.scalars(listed.where(ListingRow.collection.not_in(names))))
        yield from (sha256 for sha256 in ours - others if sha256)


def _derived(session: Session, roots: set[str]) -> set[str]:
    """Return the roots and all that was made of them, copies of copies included."""
    found, newest = set(roots), set(roots)
    while newest:
        some = [newest.pop() for _ in range(min(400, len(newest)))]
        rows = session.execute(select(AssetRow.sha256, AssetRow.facts).where(AssetRow.sha256.in_(some)))
        linked = {each.decode() for _, facts in rows for each in _HASH.findall(canonical(facts))}
        known = set(session.scalars(select(AssetRow.sha256).where(AssetRow.sha256.in_(sorted(linked)[:30000]))))
        known |= set(session.scalars(select(AssetRow.sha256).where(AssetRow.derived_from.in_(some))))
        newest |= known - found
        found |= known
    return found


def delete_workspace_media(workspace: Workspace, files: WorkspaceMedia, owner: str, reason: str) -> None:
    """Delete the files and write to the ledger that they are gone; the rows of the assets stay, without a place."""
    if not files.keys:
        return
    delete(workspace.store, files.keys.values())
    with workspace.ledger.transaction(owner, "curator") as transaction:
        for sha256 in files.keys:
            transaction.session.execute(update(AssetRow).where(AssetRow.sha256 == sha256).values(store_key=None))
        told = f"{len(files.keys)} files; {reason}"
        transaction.event("media.delete", "workspace store", after=digest(sorted(files.keys)), reason=told)
