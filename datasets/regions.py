"""From regions as the ledger keeps them to the nested columns of a release, in an order that only the labels decide.

A region's own id is made by a server or a browser, so it is not published: what is about a region names its place.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from yuelu.base.canonical import canonical
from yuelu.base.errors import InvalidRecord
from yuelu.datasets.clock import VideoClock
from yuelu.datasets.region_order import Link, ranks
from yuelu.datasets.region_rows import Region, Said, said
from yuelu.datasets.region_schemas import COLUMN_OF, PLACED, RELATIONS, WORDS

Columns: TypeAlias = dict[str, list[dict[str, Any]]]

_NOWHERE = frozenset({"preferences", "rankings"})  # answers that are never about one region or picture


def region_columns(regions: Iterable[Region], *, judged: bool, clock: VideoClock | None = None) -> Columns:
    """Return the columns of labels, one for every kind of record.

    Regions are sorted by what they say, and a choice about a region names its place, such as `boxes/0`. `judged` adds what
    only a consensus knows: `support`, `probability`, `soft_labels`.

    Raises InvalidRecord: an unknown kind of region, or an answer about a region that is not there.
    """
    found: dict[str, list[Region]] = {}
    for region in regions:
        if region.get("kind") not in COLUMN_OF:
            raise InvalidRecord(f"unknown kind of region {region.get('kind')!r}", f"known kinds: {', '.join(COLUMN_OF)}")
        found.setdefault(COLUMN_OF[region["kind"]], []).append(region)
    columns: Columns = {name: [] for name in (*PLACED, *WORDS, RELATIONS)}
    place: dict[str, str] = {}
    for column, region_id, row in _placed(found, clock or VideoClock(), judged=judged):
        place[region_id] = f"{column}/{len(columns[column])}"
        columns[column].append(row)
    for column in WORDS:
        words = (_word(region, column, place, judged) for region in found.get(column, ()))
        columns[column] = sorted(words, key=_word_order)
    columns[RELATIONS] = sorted((_relation(region, place) for region in found.get(RELATIONS, ())), key=_values)
    return columns


def _placed(found: Mapping[str, Sequence[Region]], clock: VideoClock, *, judged: bool) -> list[tuple[str, str, Said]]:
    """Return the regions that lie somewhere, with their columns and ids, in their order."""
    about = _about([region for column in WORDS for region in found.get(column, ())])
    rows: list[tuple[str, str, Said]] = []
    keys: list[tuple[Any, ...]] = []
    for number, column in enumerate(PLACED):
        for region in found.get(column, ()):
            row, support = said(region, clock), region.get("support")
            words = about.get(region["id"], [])
            keys.append((number, _values(row), [text for text, _ in words], canonical(support), [more for _, more in words]))
            rows.append((column, region["id"], row | ({"support": support} if judged else {})))
    rank = ranks(keys, _links(found.get(RELATIONS, ()), [region_id for _, region_id, _ in rows]))
    return [rows[place] for place in sorted(range(len(rows)), key=rank.__getitem__)]


def _links(relations: Sequence[Region], ids: Sequence[str]) -> list[Link]:
    place = {region_id: number for number, region_id in enumerate(ids)}
    ends = [(place.get(each["from_id"]), place.get(each["to_id"]), each) for each in relations]
    return [Link(one, other, canonical(_link(each))) for one, other, each in ends if one is not None and other is not None]


def _about(words: Sequence[Region]) -> dict[str, list[tuple[list[Any], bytes]]]:
    """Return of each region what is said about it, in an order of its own."""
    told: dict[str, list[tuple[list[Any], bytes]]] = {}
    for word in words:
        if word.get("region_id") is not None:
            text = [word["control"], *word["labels"]] if word["kind"] == "choice" else [word["control"]]
            rest = {name: value for name, value in word.items() if name not in ("id", "region_id", *_BESIDE)}
            told.setdefault(word["region_id"], []).append((text, canonical(rest)))
    return {region: sorted(each) for region, each in told.items()}


_BESIDE = ("origin", "score", "meta", "extra")  # what the editor keeps with an answer; it is not published


def _word(region: Region, column: str, place: Mapping[str, str], judged: bool) -> Said:
    row = said(region, VideoClock())
    if column not in _NOWHERE:
        about = region.get("region_id")
        row["region"] = None if about is None else _place(about, place, region["kind"])
    if not judged:
        return row
    if column != "choices":
        return {**row, "support": region.get("support")}
    shares = region.get("soft_labels")
    soft = [{"label": label, "probability": shares[label]} for label in sorted(shares)] if shares else None
    return {**row, "probability": region.get("probability"), "soft_labels": soft}


def _relation(region: Region, place: Mapping[str, str]) -> Said:
    ends = {name: _place(region[f"{end}_id"], place, "relation") for name, end in (("from_region", "from"), ("to_region", "to"))}
    return {**ends, **_link(region)}


def _link(region: Region) -> Said:
    return {"direction": region.get("direction", "right"), "labels": list(region.get("labels", ()))}


def _place(region: str, place: Mapping[str, str], kind: str) -> str:
    if region not in place:
        raise InvalidRecord(f"a {kind} is about region {region!r}, which is not there", "publish the region with it")
    return place[region]


def _word_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["control"], row.get("region") or "", _values({**row, "region": None})


def _values(value: Any) -> Any:
    """Return what values of one shape are sorted by: None before any value, numbers as numbers."""
    if isinstance(value, Mapping):
        return tuple(map(_values, value.values()))
    if isinstance(value, list | tuple):
        return tuple(map(_values, value))
    return (False, False) if value is None else (True, value)
