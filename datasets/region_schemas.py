"""The Arrow types of labels: one column for every kind of record in `base.records`, in every release.

A release has all of them, those too that no project of it uses: code that reads one release then reads every other, tables
of several releases can be joined, and a version over a version is a change of rows and never of columns. An empty column costs
some hundred bytes in a row group of 8,192 rows.

A column has a block of twenty field ids: the list's element, then the members of its struct in order. What is nested in it takes
ids from the end of the block, or has a block of its own. A new member goes to the end; a number is never used again.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import pyarrow as pa

from yuelu.datasets.fields import COUNT, REAL, TEXT, Member, field, listed, structs

# Column of a release -> kind of record. A place such as `boxes/0` names a region by its column and its position there.
WORDS: Mapping[str, str] = MappingProxyType(
    {
        "choices": "choice",
        "ratings": "rating",
        "numbers": "number",
        "moments": "moment",
        "texts": "text",
        "taxonomies": "taxonomy",
        "preferences": "preference",
        "rankings": "ranking",
    }
)
PLACED: Mapping[str, str] = MappingProxyType(
    {
        "boxes": "box",
        "ellipses": "ellipse",
        "polygons": "polygon",
        "keypoints": "keypoint",
        "vectors": "vector",
        "masks": "mask",
        "segments": "segment",
        "frame_ranges": "frame_range",
        "tracks": "track",
        "text_spans": "text_span",
        "hypertext_spans": "hypertext_span",
        "paragraph_spans": "paragraph_span",
    }
)
RELATIONS = "relations"
COLUMN_OF: Mapping[str, str] = MappingProxyType(
    {**{kind: column for column, kind in (*WORDS.items(), *PLACED.items())}, "relation": RELATIONS}
)

_PX, _UTF16 = "px of the released file", "UTF-16 code unit, from 0"
_SUPPORT: Member = ("support", REAL, "share of annotators who drew it; null after a correction", True)
_SAID: Member = ("support", REAL, "share of annotators who said it; null when not known", True)
_PROBABILITY: Member = ("probability", REAL, "1; null when not estimated", True)
_NAMED: tuple[Member, ...] = (("control", TEXT, None, False), ("label", TEXT, None, False))
_ITEM: Member = ("item", COUNT, "image of the item, from 0", False)
_CONTROL: Member = ("control", TEXT, None, False)
_REGION: Member = ("region", TEXT, "column/position of the region it is about, from 0; null: the whole item", True)
_ABOUT: tuple[Member, ...] = (_REGION, ("item", COUNT, "image of the item that it is about, from 0; null: all of it", True))
_TURN: Member = ("rotation_deg", REAL, "deg, clockwise about the top left corner", False)


def _px(*names: str) -> tuple[Member, ...]:
    return tuple((f"{name}_px", REAL, _PX, False) for name in names)


def _points(block: int) -> pa.DataType:
    return structs(block, *_px("x", "y"))


# Each takes what only a consensus knows, `judged`, and returns the type of its column.
_Type = Callable[[bool], pa.DataType]


def _choices(judged: bool) -> pa.DataType:
    likely = pa.struct([field(137, "label", TEXT), field(136, "probability", REAL, unit="1")])
    soft: Member = ("soft_labels", listed(138, likely), "share of the votes of each label; null when not known", True)
    about: Member = ("item", COUNT, "image of the item that it is about, from 0; null: all of it", True)
    more = (_PROBABILITY, about, soft) if judged else (about,)
    return structs(120, _CONTROL, ("labels", listed(139, TEXT), None, False), _REGION, *more)


def _said(block: int, *members: Member, about: bool = True) -> _Type:
    return lambda judged: structs(block, _CONTROL, *members, *(_ABOUT if about else ()), *((_SAID,) if judged else ()))


def _drawn(block: int, *members: Member, later: tuple[Member, ...] = ()) -> _Type:
    return lambda judged: structs(block, *_NAMED, *members, *((_SUPPORT,) if judged else ()), *later)


def _taxonomies(judged: bool) -> pa.DataType:
    paths: Member = ("paths", listed(299, listed(298, TEXT)), "places in a tree of classes, each from its root", False)
    return _said(280, paths)(judged)


def _rankings(judged: bool) -> pa.DataType:
    bucket = pa.struct([field(338, "name", TEXT), field(337, "items", listed(336, TEXT), unit="best first")])
    return _said(320, ("buckets", listed(339, bucket), None, False), about=False)(judged)


def _relations(_: bool) -> pa.DataType:
    return structs(
        340,
        ("from_region", TEXT, "column/position of the region, from 0", False),
        ("to_region", TEXT, "column/position of the region, from 0", False),
        ("direction", TEXT, "right: from the first to the second; left: back; bi: both ways", False),
        ("labels", listed(359, TEXT), None, False),
    )


def _tracks(judged: bool) -> pa.DataType:
    keyframes = structs(
        500,
        ("frame", COUNT, "frame, from 1", False),
        ("enabled", pa.bool_(), "whether the box goes on after this frame", False),
        *_px("x", "y", "width", "height"),
        _TURN,
        ("time_s", REAL, "s in the released file; null when the frame rate is unknown", True),
        ("source_time_s", REAL, "s on the clock of the source video; null when that is not known", True),
    )
    frames: Member = ("frames", COUNT, "frames of the video", False)
    return _drawn(480, frames, ("keyframes", keyframes, "between two the box changes evenly", False))(judged)


def _vectors(judged: bool) -> pa.DataType:
    vertices = structs(
        560,
        *_px("x", "y"),
        ("previous", COUNT, "position of the vertex that it is joined to, from 0; null: it begins a line", True),
        ("curve", _points(580), "two control points of a Bezier curve; empty: the join is straight", False),
    )
    return _drawn(440, _ITEM, ("vertices", vertices, None, False), ("closed", pa.bool_(), None, False))(judged)


_SOURCE_SPAN: tuple[Member, ...] = tuple(
    (f"source_{end}_s", REAL, "s on the clock of the source video; null when that is not known", True) for end in ("start", "end")
)
_TEXT: Member = ("text", TEXT, "null when the editor was told not to keep it", True)

# One screen holds every column, but for the nested ones above. The first four are the oldest.
_TYPES: Mapping[str, _Type] = MappingProxyType(
    {
        "choices": _choices,
        "boxes": _drawn(140, _ITEM, *_px("x", "y", "width", "height"), _TURN),
        "segments": _drawn(
            160, ("start_s", REAL, "s", False), ("end_s", REAL, "s", False),
            ("channel", COUNT, "from 0; null: all channels", True),
        ),
        "frame_ranges": _drawn(
            180, ("first_frame", COUNT, "frame, from 1", False), ("last_frame", COUNT, "frame, from 1, included", False),
            ("start_s", REAL, "s; null when the frame rate is unknown", True),
            ("end_s", REAL, "s; null when the frame rate is unknown", True),
            later=_SOURCE_SPAN,
        ),
        "ratings": _said(200, ("stars", COUNT, "stars, from 1", False)),
        "numbers": _said(220, ("value", REAL, "as the task description says", False)),
        "moments": _said(240, ("moment", TEXT, "date, time or both, as the control writes them", False)),
        "texts": _said(260, ("texts", listed(279, TEXT), "one for each submission", False)),
        "taxonomies": _taxonomies,
        "preferences": _said(300, ("preferred", TEXT, "left or right", False), about=False),
        "rankings": _rankings,
        "relations": _relations,
        "ellipses": _drawn(
            360, _ITEM, *_px("x", "y", "radius_x", "radius_y"), ("rotation_deg", REAL, "deg, clockwise about the centre", False)
        ),
        "polygons": _drawn(380, _ITEM, ("points", _points(520), None, False), ("closed", pa.bool_(), None, False)),
        "keypoints": _drawn(400, _ITEM, *_px("x", "y", "width")),
        "masks": _drawn(
            420, _ITEM, ("size", listed(439, COUNT), "px: height, width of the mask's own grid, which covers the image", False),
            ("counts", TEXT, "COCO's compressed run lengths, columns first", False),
        ),
        "vectors": _vectors,
        "tracks": _tracks,
        "text_spans": _drawn(600, ("start", COUNT, _UTF16, False), ("end", COUNT, f"{_UTF16}, not included", False), _TEXT),
        "hypertext_spans": _drawn(
            620, ("start_path", TEXT, "XPath", False), ("start_offset", COUNT, _UTF16, False),
            ("end_path", TEXT, "XPath", False), ("end_offset", COUNT, f"{_UTF16}, not included", False),
            ("global_start", COUNT, f"{_UTF16}, over the whole text", True),
            ("global_end", COUNT, f"{_UTF16}, over the whole text", True), _TEXT,
        ),
        "paragraph_spans": _drawn(
            640, ("first_paragraph", COUNT, "from 0", False), ("start_offset", COUNT, _UTF16, False),
            ("last_paragraph", COUNT, "from 0", False), ("end_offset", COUNT, f"{_UTF16}, not included", False), _TEXT,
        ),
    }
)  # fmt: skip
_OLDEST = 4


def region_fields(first: int, later: int, *, judged: bool) -> tuple[list[pa.Field], list[pa.Field]]:
    """Return the columns of labels: the oldest four, numbered from `first`, and the others, numbered from `later`.

    `judged` adds what only a consensus knows.
    """
    columns = list(_TYPES.items())
    return (
        [field(first + place, name, kind(judged)) for place, (name, kind) in enumerate(columns[:_OLDEST])],
        [field(later + place, name, kind(judged)) for place, (name, kind) in enumerate(columns[_OLDEST:])],
    )
