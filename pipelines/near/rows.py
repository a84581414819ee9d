"""Near-duplicates in the ledger: read the fingerprints, search, write the clusters."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from yuelu.base.canonical import digest
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.near import ClusterRow, SearchRow
from yuelu.base.records import Role
from yuelu.base.workspace import Workspace
from yuelu.pipelines.near.clusters import Search, search

ACTOR = "near"
_TRIES = 3
_NEVER = (None, "", None)


def find_near(workspace: Workspace, *, distance_bits: int | None = None, actor: str = ACTOR) -> bool:
    """Search the whole workspace for near-duplicates and write the clusters; return whether a search was needed.

    `distance_bits` is how far apart the codes of two pictures may be; None for that of the last search, or the rule's. The
    whole workspace, because a release may be made of several collections. The same fingerprints again are not searched again.
    Raises Conflict: more fingerprints than memory holds.
    """
    for _ in range(_TRIES):
        with workspace.ledger.reading() as session:
            last = last_search(session)
            before = _NEVER if last is None else (last.id, last.fingerprints, last.distance_bits)
            assets = fingerprints(session)
        wanted = before[2] if distance_bits is None else distance_bits
        named = _named(assets)
        if before[1:] == (named, wanted) or (before == _NEVER and not assets):
            return False
        if _written(workspace, search(assets, workspace.secret, wanted), named, before[0], actor):
            return True
    return True  # others searched meanwhile, each time later than we read


def fingerprints(session: Session) -> list[tuple[str, Any]]:
    """Return (hash, fingerprints) of all labelled assets that have some, in order of hash."""
    fact = AssetRow.facts["fingerprints"]
    asked = select(AssetRow.sha256, fact).where(
        AssetRow.role.in_((Role.SOURCE, Role.DEIDENTIFIED)), fact.as_string().is_not(None)
    )
    return [
        (sha256, found) for sha256, found in session.execute(asked.order_by(AssetRow.sha256).execution_options(yield_per=2000))
    ]


def last_search(session: Session) -> SearchRow | None:
    """Return the search that made the clusters that stand; None when there was none."""
    return session.scalar(select(SearchRow).order_by(SearchRow.id.desc()).limit(1))


def _named(assets: Sequence[tuple[str, Any]]) -> str:
    hashed = hashlib.sha256()
    for sha256, found in assets:
        hashed.update(f"{sha256}{json.dumps(found, sort_keys=True)}\n".encode())
    return hashed.hexdigest()


def _written(workspace: Workspace, found: Search, named: str, last: int | None, actor: str) -> bool:
    """Write what was found, unless another search was written since `last`."""
    with workspace.ledger.transaction(actor) as t:
        newest = last_search(t.session)
        if (None if newest is None else newest.id) != last:
            return False
        t.session.execute(delete(ClusterRow))
        t.add_new(ClusterRow, [{name: getattr(member, name) for name in member.__slots__} for member in found.members])
        row = SearchRow(
            searched_at=workspace.ledger.now(), distance_bits=found.distance_bits, assets=found.assets, fingerprints=named,
            codes=dict(found.codes), left_out=dict(found.left_out), by_chance=found.by_chance, clusters=found.clusters,
        )  # fmt: skip
        t.session.add(row)
        told = digest([[member.asset, member.cluster] for member in found.members])
        t.event("search near-duplicates", "workspace", after=told, reason=f"{found.clusters} clusters")
    return True
