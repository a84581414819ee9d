"""Which file of an asset goes out: its proxy, made from the de-identified copy where there is one."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Role
from yuelu.datasets.labelled import Medium
from yuelu.pipelines.released_tasks import chunks


def released_media(session: Session, items: Iterable[str], dataset: str, secret: bytes) -> dict[str, tuple[Medium, AssetRow]]:
    """Return for each item of a task the medium that goes out, and the ledger's row of it.

    Raises NotFound: an item is not in the ledger. Raises Conflict: it has no proxy, or the proxy is not in the store.
    """
    wanted = sorted(set(items))
    rows = {row.sha256: row for row in _by(session, AssetRow.sha256, wanted)}
    children = _children(session, wanted)
    for row in rows.values():  # a proxy that two assets share derives from one of them; the other names it in its facts
        if link := row.facts.get(Role.PROXY.value):
            children.setdefault(row.sha256, []).extend(_by(session, AssetRow.sha256, [link]))
    copies = [row.sha256 for family in children.values() for row in family if row.role == Role.DEIDENTIFIED]
    children |= _children(session, copies)
    released = {}
    for item in wanted:
        if item not in rows:
            raise NotFound(f"asset {item} of a task is not in the ledger", "run 'yuelu ingest' again")
        proxy = proxy_of(rows[item], children)
        released[item] = _medium(rows[item], proxy, children, dataset, secret), proxy
    return released


def _by(session: Session, column: object, values: Sequence[str]) -> list[AssetRow]:
    found: list[AssetRow] = []
    for some in chunks(values):
        found.extend(session.scalars(select(AssetRow).where(column.in_(some))))  # type: ignore[attr-defined]
    return found


def _children(session: Session, parents: Sequence[str]) -> dict[str, list[AssetRow]]:
    families: dict[str, list[AssetRow]] = {}
    for row in sorted(_by(session, AssetRow.derived_from, parents), key=lambda row: row.sha256):
        families.setdefault(str(row.derived_from), []).append(row)
    return families


def proxy_of(item: AssetRow, children: Mapping[str, Sequence[AssetRow]]) -> AssetRow:
    """Return the proxy of `item`. A proxy of the raw file is never chosen when there is a de-identified copy."""
    if item.role == Role.PROXY:
        return item
    copies = [row.sha256 for row in children.get(item.sha256, ()) if row.role == Role.DEIDENTIFIED]
    proxies = [
        row
        for parent in (copies or [item.sha256])
        for row in children.get(parent, ())
        if row.role == Role.PROXY and row.store_key
    ]
    if not proxies:
        raise Conflict(f"asset {item.sha256} has no proxy in the store", "run 'yuelu ingest' again; it makes what is missing")
    return min(proxies, key=lambda row: row.sha256)


def _medium(item: AssetRow, proxy: AssetRow, children: Mapping[str, Sequence[AssetRow]], dataset: str, secret: bytes) -> Medium:
    copied = any(row.role == Role.DEIDENTIFIED for row in children.get(item.sha256, ()))
    raw = item.derived_from if item.role != Role.SOURCE and item.derived_from else item.sha256
    return Medium(
        sha256=proxy.sha256,
        medium=proxy.medium,
        media_type=proxy.media_type,
        bytes=proxy.bytes,
        source=keyed(secret, f"source:{dataset}", raw),
        deidentified=copied or item.role == Role.DEIDENTIFIED,
        facts=proxy.facts,
    )
