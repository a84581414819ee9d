"""Parts of results as Label Studio 1.23.2's editor sends them, one strategy for each type, with configurations that ask for them.

Keys, their order and their types follow the editor's own `serialize` functions.
"""

import base64
import io
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

from yuelu.annotate.results import Item
from yuelu.annotate.templates import Template, parse_template

Part = dict[str, Any]
SHAPES = ("Rectangle", "Ellipse", "Polygon", "KeyPoint", "Vector", "Brush", "Bitmask")
LABELS = '<Label value="organ"/><Label value="lesion" alias="les"/>'
ASKED = """
  <Choices name="{n}choice" toName="{o}" choice="multiple"{per}><Choice value="yes"/><Choice value="no" alias="n"/></Choices>
  <Rating name="{n}rating" toName="{o}" maxRating="7"{per}/>
  <Number name="{n}number" toName="{o}" min="-5" max="99.5"{per}/>
  <DateTime name="{n}moment" toName="{o}" only="date"{per}/>
  <TextArea name="{n}text" toName="{o}" maxSubmissions="3"{per}/>
  <Taxonomy name="{n}tree" toName="{o}"{per}>
    <Choice value="Chest"><Choice value="Lung"/></Choice><Choice value="Head"/></Taxonomy>
"""


def asked(on: str, prefix: str = "", per: str = "") -> str:
    return ASKED.format(n=prefix, o=on, per=f' {per}="true"' if per else "")


def config(name: str, body: str) -> Template:
    return parse_template(name, "1", f"<View>{body}</View>", {})


PICTURES = config(
    "pictures",
    "".join(f'<{s}Labels name="{s.lower()}l" toName="image" choice="multiple">{LABELS}</{s}Labels>' for s in SHAPES)
    + "".join(f'<{s} name="{s.lower()}" toName="image"/>' for s in SHAPES)
    + f'<Labels name="extra" toName="image">{LABELS}</Labels>'
    + '<Relations><Relation value="feeds"/><Relation value="near"/></Relations>'
    + '<Image name="image" valueList="$images" rotateControl="true"/>'
    + asked("image")
    + asked("image", "r", "perRegion")
    + asked("image", "i", "perItem"),
)
SOUND = config(
    "sound",
    f'<Labels name="seg" toName="audio" choice="multiple">{LABELS}</Labels><Audio name="audio" value="$audio"/>'
    + asked("audio", "r", "perRegion"),
)
FILM = config(
    "film",
    f'<Labels name="what" toName="video" allowEmpty="true">{LABELS}</Labels><VideoRectangle name="box" toName="video"/>'
    f'<TimelineLabels name="line" toName="video">{LABELS}</TimelineLabels><Video name="video" value="$video"/>',
)
SERIES = config(
    "series",
    f'<TimeSeriesLabels name="ts" toName="series">{LABELS}</TimeSeriesLabels>'
    '<TimeSeries name="series" value="$timeseries"><Channel column="c"/></TimeSeries>',
)
TEXT = config(
    "text",
    f'<Labels name="ner" toName="text">{LABELS}</Labels><Text name="text" value="$text"/>' + asked("text", "r", "perRegion"),
)
HTML = config(
    "html", f'<HyperTextLabels name="ner" toName="text">{LABELS}</HyperTextLabels><HyperText name="text" value="$text"/>'
)
TALK = config(
    "talk", f'<ParagraphLabels name="ner" toName="text">{LABELS}</ParagraphLabels><Paragraphs name="text" value="$text"/>'
)
PAIR = config(
    "pair",
    '<Pairwise name="pw" toName="left,right"/><Image name="left" value="$images[0]"/><Image name="right" value="$images[1]"/>',
)
RANK = config("rank", '<Ranker name="rank" toName="list"/><List name="list" value="$items"/>')
BUCKETS = config(
    "buckets",
    '<Ranker name="rank" toName="list"><Bucket name="best"/><Bucket name="worst"/></Ranker><List name="list" value="$items"/>',
)
WIDE, HIGH = Item(64, 48, 12.0, 250, 50.0), Item(30, 100, 12.0, 250, 50.0)
ITEMS = (WIDE, HIGH)

percent = st.floats(0, 100)
labels = st.sampled_from((["organ"], ["les"]))
several = st.sampled_from((["organ"], ["les"], ["organ", "les"], ["les", "organ"]))
ids = st.text("abcdefghijXYZ019_-", min_size=3, max_size=10)
notes: st.SearchStrategy[Part] = st.sampled_from(({}, {"meta": {"text": ["see slice 3"]}}, {"meta": {"lead_time": 3.25}}))


@st.composite
def framed(  # noqa: PLR0917
    draw: st.DrawFn, name: str, to_name: str, kind: str, value: Part, around: Part | None = None
) -> Part:
    """A part as `Result.serialize` builds it: the area's own keys, then meta, parentID, the names, score, readonly."""
    part: Part = {**(around or {}), "value": value, **draw(notes)}
    if draw(st.booleans()):
        part["parentID"] = "parent"
    origin = draw(st.sampled_from(("manual", "prediction", "prediction-changed")))
    part |= {"id": draw(ids), "from_name": name, "to_name": to_name, "type": kind, "origin": origin}
    if draw(st.booleans()):
        part["score"] = draw(st.floats(0, 1))
    if draw(st.booleans()):
        part["readonly"] = True
    return part


@st.composite
def masks(draw: st.DrawFn, width: int, height: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    seed, soft = draw(st.integers(0, 2**16)), draw(st.booleans())
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.uint8)
    for _ in range(draw(st.integers(0, 3))):
        top, left = rng.integers(0, height - 5), rng.integers(0, width - 5)
        mask[top : top + rng.integers(2, height), left : left + rng.integers(2, width)] = rng.integers(1, 256) if soft else 255
    return mask


def png(mask: np.ndarray[Any, np.dtype[np.uint8]], *, optimize: bool = True) -> str:
    """A canvas as a data URL: black, as opaque as the mask."""
    picture = Image.new("RGBA", mask.shape[::-1])
    picture.putalpha(Image.fromarray(mask))
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=optimize)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def thi_ng_rle(mask: np.ndarray[Any, np.dtype[np.uint8]]) -> list[int]:
    """The editor's code of a mask, by Label Studio's own SDK, whose code ends in one byte too many where the bits fill bytes."""
    from label_studio_sdk.converter.brush import mask2rle  # noqa: PLC0415  # takes seconds

    code: list[int] = mask2rle(mask)  # type: ignore[no-untyped-call]
    bits = 32 + 5 + 16
    values = np.repeat(mask.ravel(), 4)
    for length in np.diff(np.flatnonzero(np.diff(values, prepend=-1, append=-1))).tolist():
        for start in range(0, length, 1 << 16):
            run = min(length - start, 1 << 16)
            bits += 3 + 8 + next(size for size in (3, 4, 8, 16) if run <= 1 << size)
    return code[: -(-bits // 8)]


@st.composite
def geometry(draw: st.DrawFn, shape: str, item: Item) -> Part:  # noqa: PLR0911
    """The value of a shape, without labels."""
    width, height = item.width_px or 0, item.height_px or 0
    x, y = draw(percent), draw(percent)
    turned = draw(st.just(0) | st.floats(0, 359.9))
    match shape:
        case "Rectangle":
            # A box of at least a tenth of a pixel that lies inside, or one turned about a corner whose middle does.
            across, down = draw(st.floats(0.5, 100)), draw(st.floats(0.5, 100))
            if turned:
                return {"x": 50, "y": 50, "width": across / 10, "height": down / 10, "rotation": turned}
            return {"x": x * (100 - across) / 100, "y": y * (100 - down) / 100, "width": across, "height": down, "rotation": 0}
        case "Ellipse":
            return {"x": x, "y": y, "radiusX": draw(st.floats(0.5, 60)), "radiusY": draw(st.floats(0.5, 60)), "rotation": turned}
        case "Polygon":
            points = draw(st.lists(st.tuples(percent, percent).map(list), min_size=3, max_size=8))
            return {"points": points, "closed": draw(st.booleans())}
        case "KeyPoint":
            return {"x": x, "y": y, "width": draw(st.floats(0.1, 5))}
        case "Vector":
            return {"vertices": draw(vertices()), "closed": draw(st.booleans())}
        case "Brush":
            return {"format": "rle", "rle": thi_ng_rle(draw(masks(width, height)))}
        case _:
            return {"imageDataURL": png(draw(masks(width, height)), optimize=draw(st.booleans()))}


@st.composite
def vertices(draw: st.DrawFn) -> list[Part]:
    found: list[Part] = []
    for number in range(draw(st.integers(1, 6))):
        vertex: Part = {"id": f"v{number}", "x": draw(percent), "y": draw(percent)}
        if number:
            vertex["prevPointId"] = draw(st.sampled_from([each["id"] for each in found]))
        elif draw(st.booleans()):
            vertex["prevPointId"] = None
        if draw(st.booleans()):
            handles = [{"x": draw(st.floats(-20, 120)), "y": draw(st.floats(-20, 120))} for _ in range(2)]
            vertex |= {"isBezier": True, "controlPoint1": handles[0], "controlPoint2": handles[1]}
        elif draw(st.booleans()):
            vertex["isBezier"] = False
        if draw(st.booleans()):
            vertex["disconnected"] = draw(st.booleans())
        found.append(vertex)
    return found


@st.composite
def picture_parts(draw: st.DrawFn, shape: str) -> list[Part]:
    """A shape drawn with labels or with the plain tool (then perhaps named by another <Labels>), and what is said about it."""
    index = draw(st.integers(0, 1))
    item = ITEMS[index]
    value = draw(geometry(shape, item))
    around: Part = {
        "original_width": item.width_px,
        "original_height": item.height_px,
        "image_rotation": draw(st.sampled_from((0, 0, 90, 180, 270))),
        "item_index": index,
    }
    lower = shape.lower()
    if draw(st.booleans()):
        named = {**value, f"{lower}labels": draw(several)}
        parts = [draw(framed(f"{lower}l", "image", f"{lower}labels", named, around))]
    else:
        parts = [draw(framed(lower, "image", lower, dict(value), around))]
        if draw(st.booleans()):
            parts.append({**parts[0], "value": {**value, "labels": draw(labels)}, "from_name": "extra", "type": "labels"})
    return parts + [about(parts[0], value, word) for word in draw(st.lists(words("r"), unique_by=lambda w: w[1], max_size=3))]


def about(region: Part, value: Part, word: tuple[str, str, str, Any]) -> Part:
    """An answer about a region: the region's own part with another name and value."""
    name, kind, key, said = word
    return {**region, "value": {**value, key: said}, "from_name": name, "type": kind}


def words(prefix: str = "") -> st.SearchStrategy[tuple[str, str, str, Any]]:
    """Name, type, field and value of an answer in words."""
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    paths = st.lists(st.sampled_from((("Chest",), ("Chest", "Lung"), ("Head",))).map(list), min_size=1, max_size=3)
    return st.one_of(
        st.tuples(
            st.just(f"{prefix}choice"), st.just("choices"), st.just("choices"), st.sampled_from((["yes"], ["n"], ["n", "yes"]))
        ),
        st.tuples(st.just(f"{prefix}rating"), st.just("rating"), st.just("rating"), st.integers(1, 7)),
        st.tuples(st.just(f"{prefix}number"), st.just("number"), st.just("number"), st.floats(-5, 99.5) | st.integers(-5, 99)),
        st.tuples(
            st.just(f"{prefix}moment"),
            st.just("datetime"),
            st.just("datetime"),
            st.dates().map(lambda d: f"{d:%Y-%m-%d}".zfill(10)),
        ),
        st.tuples(st.just(f"{prefix}text"), st.just("textarea"), st.just("text"), st.lists(text, min_size=1, max_size=3)),
        st.tuples(
            st.just(f"{prefix}tree"),
            st.just("taxonomy"),
            st.just("taxonomy"),
            paths.map(lambda p: [list(x) for x in dict.fromkeys(map(tuple, p))]),
        ),
    )


@st.composite
def word_parts(draw: st.DrawFn) -> list[Part]:
    """Answers about the whole task and about items."""
    found = [
        draw(framed(name, "image", kind, {key: said}))
        for name, kind, key, said in draw(st.lists(words(), unique_by=lambda word: word[1], max_size=6))
    ]
    for name, kind, key, said in draw(st.lists(words("i"), unique_by=lambda word: word[1], max_size=3)):
        found.append({**draw(framed(name, "image", kind, {key: said})), "item_index": draw(st.integers(0, 1))})
    return found


@st.composite
def sound_parts(draw: st.DrawFn) -> list[Part]:
    start, length = draw(st.floats(0, 6)), draw(st.floats(0.001, 6))
    value = {"start": start, "end": start + length, "channel": draw(st.integers(0, 1))}
    around = {"original_length": draw(st.floats(12, 12.05))}
    part = draw(framed("seg", "audio", "labels", {**value, "labels": draw(several)}, around))
    return [part] + [about(part, value, word) for word in draw(st.lists(words("r"), unique_by=lambda w: w[1], max_size=2))]


@st.composite
def film_parts(draw: st.DrawFn) -> list[Part]:
    if draw(st.booleans()):
        first, last = sorted((draw(st.integers(1, 250)), draw(st.integers(1, 250))))
        value = {"ranges": [{"start": first, "end": last}], "timelinelabels": draw(labels)}
        return [draw(framed("line", "video", "timelinelabels", value))]
    frames = sorted(draw(st.sets(st.integers(1, 250), min_size=1, max_size=5)))
    sequence = []
    for frame in frames:
        box = draw(geometry("Rectangle", WIDE))
        sequence.append({**box, "frame": frame, "enabled": draw(st.booleans()), "time": frame / 25})
    value = {"framesCount": 250, "duration": draw(st.floats(9.9, 10.1)), "sequence": sequence}
    return [draw(framed("box", "video", "videorectangle", value | draw(st.just({}) | st.fixed_dictionaries({"labels": labels}))))]


@st.composite
def series_parts(draw: st.DrawFn) -> list[Part]:
    start, length = draw(st.floats(0, 6)), draw(st.just(0) | st.floats(0.001, 5.9))
    value = {"start": start, "end": start + length, "instant": length == 0, "timeserieslabels": draw(labels)}
    return [draw(framed("ts", "series", "timeserieslabels", value))]


@st.composite
def text_parts(draw: st.DrawFn) -> list[Part]:
    start, length = draw(st.integers(0, 500)), draw(st.integers(0, 50))
    value = {"start": start, "end": start + length, "text": "x" * length}
    part = draw(framed("ner", "text", "labels", {**value, "labels": draw(labels)}))
    return [part] + [about(part, value, word) for word in draw(st.lists(words("r"), unique_by=lambda w: w[1], max_size=2))]


@st.composite
def html_parts(draw: st.DrawFn) -> list[Part]:
    numbers = st.integers(0, 90)
    value: Part = {"start": "/div[1]/p[2]/text()[1]", "end": "/div[1]/p[3]/text()[1]"}
    value |= {"startOffset": draw(numbers), "endOffset": draw(numbers)}
    if draw(st.booleans()):
        value["globalOffsets"] = {"start": draw(numbers), "end": draw(numbers)}
    value |= {"text": "some words", "hypertextlabels": draw(labels)}
    return [draw(framed("ner", "text", "hypertextlabels", value))]


@st.composite
def talk_parts(draw: st.DrawFn) -> list[Part]:
    first, last = sorted((draw(st.integers(0, 9)), draw(st.integers(0, 9))))
    start, length = draw(st.integers(0, 50)), draw(st.integers(0, 9))
    value = {"start": str(first), "end": str(last), "startOffset": start, "endOffset": start + length}
    if draw(st.booleans()):
        value["text"] = "some words"
    return [draw(framed("ner", "text", "paragraphlabels", {**value, "paragraphlabels": draw(labels)}))]


pair_parts = framed("pw", "pw", "pairwise", {}).flatmap(
    lambda part: st.sampled_from(("left", "right")).map(lambda side: [{**part, "value": {"selected": side}}])
)


@st.composite
def rank_parts(draw: st.DrawFn, buckets: tuple[str, ...]) -> list[Part]:
    order = draw(st.permutations(["0", "1", "2", "3"]))
    cut = draw(st.integers(0, 4)) if len(buckets) > 1 else 4
    value = dict(zip(buckets, (order[:cut], order[cut:]), strict=False))
    return [draw(framed("rank", "list", "ranker", {"ranker": value}))]


class approx:  # reads as pytest's, which does not go into nested lists
    """Equal to JSON whose numbers are the same to within what rounding to 1e-4 px can do to a percentage of 30 px."""

    def __init__(self, wanted: Any) -> None:
        self.wanted = wanted

    def __eq__(self, found: object) -> bool:
        return close(found, self.wanted)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self.wanted)


def close(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(close(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(close, one, other))
    if isinstance(one, float | int) and isinstance(other, float | int) and not isinstance(one, bool):
        return abs(one - other) <= 2e-4
    return bool(one == other)
