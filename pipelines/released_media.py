"""Which files of an asset go out: the proxies that annotators saw, of the de-identified copy where there is one.

Of a time series that copy itself goes out: its proxy has only the rows that a screen can show.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from yuelu.base.canonical import keyed
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger.media import AssetRow
from yuelu.base.media import Shown, rows_of, shown_files
from yuelu.base.records import Medium as Kind
from yuelu.base.records import Role
from yuelu.base.store.port import Store
from yuelu.datasets.labelled import Medium
from yuelu.pipelines.frame_times import frame_times_s


@dataclass(frozen=True, slots=True)
class ReleasedMedium:
    """The medium that goes out for an item, the ledger's row of its file, and how many times wider and higher that is.

    The scale is not 1 where the file is a proxy that was made larger or smaller than what was labelled.
    """

    medium: Medium
    row: AssetRow
    scale: tuple[float, float]


def released_media(
    session: Session, store: Store, items: Iterable[str], dataset: str, secret: bytes
) -> dict[str, tuple[ReleasedMedium, ...]]:
    """Return for each item of a task the media that go out, in the order that its regions count in.

    The links are facts of the labelled asset (`deidentified`, `proxy`, `frames`): `derived_from` of a file that two sources
    share names the one that came first, which is nothing to publish by.

    Raises NotFound: an item is not in the ledger. Raises Conflict: it has no proxy in the store.
    """
    wanted = sorted(set(items))
    rows = rows_of(session, wanted)
    if missing := [item for item in wanted if item not in rows]:
        raise NotFound(f"asset {missing[0]} of a task is not in the ledger", "run 'yuelu ingest' again")
    # a proxy of the raw file is never taken when there is a de-identified copy
    copies = {item: str(rows[item].facts.get(Role.DEIDENTIFIED, item)) for item in wanted}
    rows |= rows_of(session, list(copies.values()))
    rows |= rows_of(session, [file for copy in copies.values() if copy in rows for file in shown_files(rows[copy].facts)])
    return {
        item: tuple(
            ReleasedMedium(
                _medium(shown, store, keyed(secret, f"source:{dataset}", shown.labelled.sha256)), shown.proxy, shown.scale
            )
            for shown in _files(item, rows.get(copies[item]), rows)
        )
        for item in wanted
    }


def _files(item: str, labelled: AssetRow | None, rows: Mapping[str, AssetRow]) -> tuple[Shown, ...]:
    """Return what goes out of an asset, each file with the asset that it stands for."""
    files = shown_files(labelled.facts) if labelled else ()
    if labelled is None or not files or any(file not in rows or rows[file].store_key is None for file in files):
        raise Conflict(f"asset {item} has no proxy in the store", "run 'yuelu ingest' again; it makes what is missing")
    if labelled.medium == Kind.TIMESERIES:
        return (Shown(labelled, labelled),)
    return tuple(Shown(labelled, rows[file]) for file in files)


def _medium(shown: Shown, store: Store, source: str) -> Medium:
    labelled, file = shown.labelled, shown.proxy
    return Medium(
        sha256=file.sha256,
        medium=file.medium,
        media_type=file.media_type,
        bytes=file.bytes,
        source=source,
        deidentified=labelled.role == Role.DEIDENTIFIED,
        facts=file.facts,
        frame_times_s=frame_times_s(store, labelled) if file.medium == Kind.VIDEO else None,
    )
