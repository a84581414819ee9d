"""Which file of an asset goes out: the proxy that annotators saw, of the de-identified copy where there is one."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Role
from yuelu.datasets.labelled import Medium
from yuelu.pipelines.released_tasks import chunks


@dataclass(frozen=True, slots=True)
class ReleasedMedium:
    """The medium that goes out for an item, the ledger's row of its file, and how many times wider and higher that is.

    The scale is not 1 where the file is a proxy that was made larger or smaller than what was labelled.
    """

    medium: Medium
    row: AssetRow
    scale: tuple[float, float]


def released_media(session: Session, items: Iterable[str], dataset: str, secret: bytes) -> dict[str, ReleasedMedium]:
    """Return for each item of a task the medium that goes out.

    The links are facts of the labelled asset (`deidentified`, `proxy`): `derived_from` of a file that two sources share
    names the one that came first, which is nothing to publish by.

    Raises NotFound: an item is not in the ledger. Raises Conflict: it has no proxy in the store.
    """
    wanted = sorted(set(items))
    rows = _rows(session, wanted)
    if missing := [item for item in wanted if item not in rows]:
        raise NotFound(f"asset {missing[0]} of a task is not in the ledger", "run 'yuelu ingest' again")
    rows |= _rows(session, _links(rows.values(), Role.DEIDENTIFIED))
    rows |= _rows(session, _links(rows.values(), Role.PROXY))
    released = {}
    for item in wanted:
        # a proxy of the raw file is never taken when there is a de-identified copy
        labelled = rows.get(str(rows[item].facts.get(Role.DEIDENTIFIED, item)))
        proxy = rows.get(str(labelled.facts.get(Role.PROXY))) if labelled else None
        if labelled is None or proxy is None or proxy.store_key is None:
            raise Conflict(f"asset {item} has no proxy in the store", "run 'yuelu ingest' again; it makes what is missing")
        scale = _ratio(proxy, labelled, "width_px"), _ratio(proxy, labelled, "height_px")
        released[item] = ReleasedMedium(_medium(labelled, proxy, dataset, secret), proxy, scale)
    return released


def _rows(session: Session, wanted: Iterable[str]) -> dict[str, AssetRow]:
    found: dict[str, AssetRow] = {}
    for some in chunks(sorted(set(wanted))):
        found |= {row.sha256: row for row in session.scalars(select(AssetRow).where(AssetRow.sha256.in_(some)))}
    return found


def _links(rows: Iterable[AssetRow], role: Role) -> set[str]:
    return {str(row.facts[role]) for row in rows if role in row.facts}


def _ratio(proxy: AssetRow, labelled: AssetRow, side: str) -> float:
    there, here = proxy.facts.get(side), labelled.facts.get(side)
    return float(there) / float(here) if there and here else 1.0


def _medium(labelled: AssetRow, proxy: AssetRow, dataset: str, secret: bytes) -> Medium:
    return Medium(
        sha256=proxy.sha256,
        medium=proxy.medium,
        media_type=proxy.media_type,
        bytes=proxy.bytes,
        source=keyed(secret, f"source:{dataset}", labelled.sha256),
        deidentified=labelled.role == Role.DEIDENTIFIED,
        facts=proxy.facts,
    )
