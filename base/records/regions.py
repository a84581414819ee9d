"""Every kind of entry of an answer, and its JSON."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeAlias, get_args, get_origin

from yuelu.base.errors import InvalidRecord
from yuelu.base.records.answers import Choice, Moment, Number, Preference, Ranking, Rating, Relation, Taxonomy, Text
from yuelu.base.records.entry import Entry
from yuelu.base.records.shapes import Box, Ellipse, KeyPoint, Mask, Polygon, Vector
from yuelu.base.records.spans import HyperTextSpan, ParagraphSpan, TextSpan
from yuelu.base.records.stretches import FrameRange, Segment, Track

Region: TypeAlias = (
    Choice | Rating | Number | Moment | Text | Taxonomy | Preference | Ranking | Relation
    | Box | Ellipse | Polygon | KeyPoint | Vector | Mask
    | Segment | FrameRange | Track
    | TextSpan | HyperTextSpan | ParagraphSpan
)  # fmt: skip

# One screen holds every kind.
REGION_KINDS: Mapping[str, type[Region]] = MappingProxyType(
    {
        "choice": Choice,
        "rating": Rating,
        "number": Number,
        "moment": Moment,
        "text": Text,
        "taxonomy": Taxonomy,
        "preference": Preference,
        "ranking": Ranking,
        "relation": Relation,
        "box": Box,
        "ellipse": Ellipse,
        "polygon": Polygon,
        "keypoint": KeyPoint,
        "vector": Vector,
        "mask": Mask,
        "segment": Segment,
        "frame_range": FrameRange,
        "track": Track,
        "text_span": TextSpan,
        "hypertext_span": HyperTextSpan,
        "paragraph_span": ParagraphSpan,
    }
)
_KIND_OF = {kind: name for name, kind in REGION_KINDS.items()}
_SCALARS = frozenset({str, int, float, bool, type(None)})
_BESIDE = frozenset(entry.name for entry in fields(Entry))


def kind_of(region: Region) -> str:
    """Return the name of the region's kind."""
    return _KIND_OF[type(region)]


def region_to_json(region: Region) -> dict[str, Any]:
    """Return the region as JSON, with its `kind`. What is beside the answer is there only where it says something."""
    return {"kind": kind_of(region), **_values(region)}


def region_said(region: Region) -> dict[str, Any]:
    """Return the JSON of what the region says, without where it comes from and what the editor keeps with it."""
    return {name: value for name, value in region_to_json(region).items() if name not in _BESIDE}


def _values(record: Any) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for name, may_be_left_out, default in _fields_of(type(record)):  # type: ignore[arg-type]  # classes have hashes
        value = getattr(record, name)
        if not (may_be_left_out and value == default):
            said[name] = value if type(value) in _SCALARS else _plain(value)
    return said


@cache
def _fields_of(record: type) -> tuple[tuple[str, bool, Any], ...]:
    """Return of each field its name, whether it is left out where it says nothing, and what it then has."""
    return tuple(
        (
            entry.name,
            not entry.compare or "omit" in entry.metadata,
            entry.default if entry.default_factory is MISSING else entry.default_factory(),
        )
        for entry in fields(record)
    )


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:
        return value
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return _values(value) if is_dataclass(value) else value


def region_from_json(data: Mapping[str, Any]) -> Region:
    """Return the region that `data` describes. Raises InvalidRecord: unknown kind, missing, unknown or wrong field."""
    if not isinstance(data, Mapping):
        raise InvalidRecord(f"a region is {type(data).__name__}, not an object", "give each region its kind and fields")
    values = dict(data)
    kind = values.pop("kind", None)
    if kind not in REGION_KINDS:
        raise InvalidRecord(f"unknown kind of region {kind!r}", f"known kinds: {', '.join(REGION_KINDS)}")
    return _record(kind, REGION_KINDS[kind], values)  # type: ignore[no-any-return]


def _record(kind: str, made: type[Any], values: Mapping[str, Any]) -> Any:
    typed = {entry.name: entry.type for entry in fields(made)}
    read = {name: _typed(kind, name, typed[name], value) if name in typed else value for name, value in values.items()}
    try:
        return made(**read)
    except TypeError as error:
        raise InvalidRecord(f"{kind}: {error}", "see base/records for its fields") from None


# What JSON may say where a field has this type.
_TYPES: Mapping[Any, tuple[type, ...]] = MappingProxyType({float: (float, int)})
_LISTS: Mapping[Any, str] = MappingProxyType({str: "a list of text", int: "a list of whole numbers"})


def _typed(kind: str, name: str, wanted: Any, found: Any) -> Any:
    """Return what JSON says of one field in its type; a list becomes a tuple. Raises InvalidRecord."""
    if get_origin(wanted) is tuple:
        return _tuple(kind, name, get_args(wanted), found)
    if is_dataclass(wanted) and isinstance(found, Mapping):
        return _record(f"{kind}: {name}", wanted, found)  # type: ignore[arg-type]
    known = tuple(each for one in (get_args(wanted) if isinstance(wanted, UnionType) else [wanted]) for each in _known(one))
    if (isinstance(found, bool) and bool not in known) or not isinstance(found, known):
        raise InvalidRecord(f"{kind}: {name} is {found!r}", f"need {' or '.join(each.__name__ for each in known)}")
    return found


def _known(wanted: Any) -> tuple[type, ...]:
    plain = NoneType if wanted is None else get_origin(wanted) or wanted
    return _TYPES.get(plain, (plain,))


def _tuple(kind: str, name: str, wanted: tuple[Any, ...], found: Any) -> tuple[Any, ...]:
    if not isinstance(found, list | tuple):
        raise InvalidRecord(f"{kind}: {name} is {found!r}", f"need {_LISTS.get(wanted[0], 'a list')}")
    if wanted[-1] is not Ellipsis and len(found) != len(wanted):
        raise InvalidRecord(f"{kind}: {name} is {found!r}", f"need {len(wanted)} of them")
    types = [wanted[0]] * len(found) if wanted[-1] is Ellipsis else list(wanted)
    try:
        return tuple(_typed(kind, name, one, each) for one, each in zip(types, found, strict=True))
    except InvalidRecord:
        if wanted[0] not in _LISTS or len(found) > 20:
            raise
        raise InvalidRecord(f"{kind}: {name} is {found!r}", f"need {_LISTS[wanted[0]]}") from None
