"""The ledger mirrors the releases in the store: the manifest there is the truth, and the ledger's rows follow it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.releases import ReleaseRow
from yuelu.base.store.port import Store
from yuelu.base.workspace import Workspace
from yuelu.datasets.release import Release, load, version_numbers


def unmirrored(workspace: Workspace, dataset: str) -> list[Release]:
    """Return the releases of the store that the ledger does not know yet."""
    numbers = version_numbers(workspace.store, dataset)
    with workspace.ledger.reading() as session:
        known = set(session.scalars(select(ReleaseRow.number).where(ReleaseRow.dataset == dataset)))
    return [load(workspace.store, dataset, number) for number in numbers if number not in known]


def newest_log_size(store: Store, dataset: str) -> int:
    """Return how many entries of the log the newest release of a dataset knew; 0 where there is none."""
    numbers = version_numbers(store, dataset)
    return load(store, dataset, numbers[-1]).manifest.log_size if numbers else 0


def mirror(transaction: Transaction, releases: Sequence[Release]) -> None:
    """Write the releases down, each with its event, where nobody else did meanwhile."""
    for release in releases:
        if transaction.add_new(ReleaseRow, [_row(release)]):
            manifest = release.manifest
            transaction.event("release.publish", manifest.title, before=manifest.previous, after=manifest.digest)


def mirror_releases(workspace: Workspace, dataset: str, actor: str = "publish") -> None:
    """Let the ledger catch up with the store."""
    if missing := unmirrored(workspace, dataset):
        with workspace.ledger.transaction(actor) as transaction:
            mirror(transaction, missing)


def _row(release: Release) -> dict[str, Any]:
    manifest = release.manifest
    return {
        "dataset": manifest.name,
        "number": manifest.number,
        "version": str(manifest.version),
        "digest": manifest.digest,
        "previous": manifest.previous,
        "rows": manifest.rows,
        "published_at": datetime.fromisoformat(manifest.document["proof"]["published_at"]),
    }
