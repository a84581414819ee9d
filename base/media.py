"""What rooms ask of the media in the ledger: which assets are labelled, and what is shown of each.

`facts` of an asset name its `deidentified` copy, its `proxy` and its `thumbnail` by hash: two sources may become the same
copy or look the same, and `derived_from` of the shared asset can name only one of them. An asset that is shown as several
pictures (slices of a volume, pages, tiles) names all of them, in order, as `frames`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.records import Medium, Outcome, Role

MOST_SHOWN = 500  # pictures in one task: the editor loads them all
FRAMES = "frames"
_CHUNK = 400  # hashes in one query


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture, recording or series that a task shows: a labelled asset, and the proxy that stands for it or for a part."""

    labelled: AssetRow
    proxy: AssetRow

    @property
    def facts(self) -> Mapping[str, Any]:
        """The facts that regions are measured by.

        They are those of the labelled asset; but videos are counted in frames of the proxy, and one picture of several has the
        size of its proxy before that was enlarged (`scale`).
        """
        if self.proxy.medium == Medium.VIDEO:
            return self.proxy.facts
        if not _several(self.labelled.facts):
            return self.labelled.facts
        scale = self.proxy.facts.get("scale") or 1
        sides = {side: self.proxy.facts.get(side) for side in ("width_px", "height_px")}
        return {side: None if pixels is None else round(pixels / scale) for side, pixels in sides.items()}

    @property
    def scale(self) -> tuple[float, float]:
        """How many times wider and higher the proxy is than what is labelled; 1 where either is not known."""
        across, down = (_ratio(self.proxy.facts.get(side), self.facts.get(side)) for side in ("width_px", "height_px"))
        return across, down


def _ratio(there: Any, here: Any) -> float:
    return float(there) / float(here) if there and here else 1.0


def shown_files(facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the hashes of the proxies that show an asset with those facts, in order; none when it has no proxy."""
    only = facts.get(Role.PROXY.value)
    return tuple(map(str, _several(facts) or ([] if only is None else [only])))


def _several(facts: Mapping[str, Any]) -> list[str]:
    found = facts.get(FRAMES)
    return found if isinstance(found, list) else []  # of a video it is how many there are


def shown_by(session: Session, items: Sequence[str]) -> tuple[Shown, ...]:
    """Return what a task of these labelled assets shows, in the order that its regions count in.

    Raises NotFound: a proxy is missing. Raises InvalidRecord: more pictures than a task may show.
    """
    return shown_by_each(session, {"": items})[""]


def shown_by_each(session: Session, tasks: Mapping[str, Sequence[str]]) -> dict[str, tuple[Shown, ...]]:
    """Return what each of several tasks shows, by the names that they are given here, in few queries. Raises as `shown_by`."""
    assets = rows_of(session, [item for items in tasks.values() for item in items])
    if missing := [item for items in tasks.values() for item in items if item not in assets]:
        raise NotFound(f"no asset {missing[0]}", "ingest its source again")
    files = {item: shown_files(row.facts) for item, row in assets.items()}
    for items in tasks.values():
        total = sum(len(files[item]) for item in items)
        if total > MOST_SHOWN:
            raise InvalidRecord(
                f"the task of asset {items[0]} shows {total} pictures; at most {MOST_SHOWN} fit in one",
                "cut the series or volume into parts, and ingest those",
            )
    proxies = rows_of(session, [file for each in files.values() for file in each])
    for item, shown in files.items():
        if not shown or any(file not in proxies for file in shown):
            raise NotFound(f"no proxy of asset {item}", "ingest its source again; it makes what is missing")
    return {
        name: tuple(Shown(assets[item], proxies[file]) for item in items for file in files[item]) for name, items in tasks.items()
    }


def rows_of(session: Session, hashes: Sequence[str]) -> dict[str, AssetRow]:
    """Return the rows of those assets that are there, by hash."""
    wanted = sorted(set(hashes))
    found: dict[str, AssetRow] = {}
    for start in range(0, len(wanted), _CHUNK):
        some = select(AssetRow).where(AssetRow.sha256.in_(wanted[start : start + _CHUNK]))
        found |= {row.sha256: row for row in session.scalars(some)}
    return found


def labelled_assets(session: Session, collection: str) -> list[AssetRow]:
    """Return the assets of the collection that are labelled, by hash: the de-identified copy where there is one.

    Where two sources become the same copy, it appears once.
    """
    in_collection = select(ListingRow.sha256).where(
        ListingRow.collection == collection, ListingRow.outcome.in_((Outcome.ACCEPTED, Outcome.DUPLICATE))
    )
    labelled = select(func.coalesce(AssetRow.facts[Role.DEIDENTIFIED.value].as_string(), AssetRow.sha256)).where(
        AssetRow.sha256.in_(in_collection), AssetRow.role == Role.SOURCE
    )
    return list(session.scalars(select(AssetRow).where(AssetRow.sha256.in_(labelled)).order_by(AssetRow.sha256)))


def labelled_copy(session: Session, source: str) -> str:
    """Return the hash of what is labelled of a source: its de-identified copy if there is one, else itself."""
    row = session.get(AssetRow, source)
    return source if row is None else str(row.facts.get(Role.DEIDENTIFIED.value, source))


def proxy_of(session: Session, sha256: str) -> AssetRow:
    """Return the proxy that an annotator sees of a labelled asset. Raises NotFound."""
    return _linked(session, sha256, Role.PROXY)


def thumbnail_of(session: Session, sha256: str) -> AssetRow:
    """Return the thumbnail of a labelled asset. Raises NotFound."""
    return _linked(session, sha256, Role.THUMBNAIL)


def _linked(session: Session, sha256: str, role: Role) -> AssetRow:
    asset = session.get(AssetRow, sha256)
    link = None if asset is None else asset.facts.get(role.value)
    linked = None if link is None else session.get(AssetRow, link)
    if linked is None:
        raise NotFound(f"no {role} of asset {sha256}", "ingest its source again; it makes what is missing")
    return linked
