"""What one region says, as the struct of its column: without the ids that servers and browsers make."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from yuelu.datasets.clock import VideoClock
from yuelu.datasets.coco_rle import column_counts, compress

Region: TypeAlias = Mapping[str, Any]  # what `base.records.region_to_json` returns; a consensus adds what the votes say
Said: TypeAlias = dict[str, Any]


def said(region: Region, clock: VideoClock) -> Said:
    """Return the members that every table has, but the places of other regions."""
    return _SAID[region["kind"]](region, clock)


def _plain(*names: str) -> Callable[[Region, VideoClock], Said]:
    return lambda region, _: {name: region.get(name) for name in names}


def _listed(name: str, *names: str) -> Callable[[Region, VideoClock], Said]:
    """Return how a region is told whose `name` may be a tuple of tuples."""
    return lambda region, _: {**{each: region.get(each) for each in names}, name: _lists(region[name])}


def _lists(value: Any) -> Any:
    return [_lists(each) for each in value] if isinstance(value, list | tuple) else value


def _points(points: Any) -> list[Said]:
    return [{"x_px": x, "y_px": y} for x, y in points]


def _frame_range(region: Region, clock: VideoClock) -> Said:
    frames = region["first_frame"], region["last_frame"]
    row: Said = {name: region[name] for name in ("control", "label", "first_frame", "last_frame")}
    row["start_s"], row["end_s"] = clock.span(*frames)
    row["source_start_s"], row["source_end_s"] = clock.source_span(*frames)
    return row


def _ranking(region: Region, _: VideoClock) -> Said:
    buckets = [{"name": name, "items": list(items)} for name, items in region["buckets"]]
    return {"control": region["control"], "buckets": buckets}


def _polygon(region: Region, _: VideoClock) -> Said:
    named = {name: region[name] for name in ("control", "label", "item")}
    return {**named, "points": _points(region["points_px"]), "closed": region.get("closed", True)}


def _vector(region: Region, _: VideoClock) -> Said:
    place = {vertex["id"]: number for number, vertex in enumerate(region["vertices"])}
    vertices = [
        {
            "x_px": vertex["x_px"],
            "y_px": vertex["y_px"],
            "previous": place.get(vertex.get("previous_id")),
            "curve": _points(vertex.get("curve_px", ())),
        }
        for vertex in region["vertices"]
    ]
    named = {name: region[name] for name in ("control", "label", "item")}
    return {**named, "vertices": vertices, "closed": region.get("closed", False)}


def _mask(region: Region, _: VideoClock) -> Said:
    """Return the mask in COCO's form. Its grid is the picture's as it was shown; a cell is inside or not."""
    width, height = region["width_px"], region["height_px"]
    counts = compress(column_counts(width, height, region["counts"], region["levels"]))
    named = {name: region[name] for name in ("control", "label", "item")}
    return {**named, "size": [height, width], "counts": counts}


def _track(region: Region, clock: VideoClock) -> Said:
    sides = ("frame", "enabled", "x_px", "y_px", "width_px", "height_px")
    keyframes = [
        {
            **{side: keyframe[side] for side in sides},
            "rotation_deg": keyframe.get("rotation_deg", 0.0),
            "time_s": clock.start(keyframe["frame"]),
            "source_time_s": clock.source_start(keyframe["frame"]),
        }
        for keyframe in region["keyframes"]
    ]
    named = {name: region[name] for name in ("control", "label", "frames")}
    return {**named, "keyframes": keyframes}


# One screen holds every kind; in the order of the members is the order of the rows.
_SAID: Mapping[str, Callable[[Region, VideoClock], Said]] = MappingProxyType(
    {
        "choice": _listed("labels", "control", "item"),
        "rating": _plain("control", "stars", "item"),
        "number": _plain("control", "value", "item"),
        "moment": _plain("control", "moment", "item"),
        "text": _listed("texts", "control", "item"),
        "taxonomy": _listed("paths", "control", "item"),
        "preference": _plain("control", "preferred"),
        "ranking": _ranking,
        "relation": _listed("labels", "direction"),
        "box": _plain("control", "label", "item", "x_px", "y_px", "width_px", "height_px", "rotation_deg"),
        "ellipse": _plain("control", "label", "item", "x_px", "y_px", "radius_x_px", "radius_y_px", "rotation_deg"),
        "polygon": _polygon,
        "keypoint": _plain("control", "label", "item", "x_px", "y_px", "width_px"),
        "vector": _vector,
        "mask": _mask,
        "segment": _plain("control", "label", "start_s", "end_s", "channel"),
        "frame_range": _frame_range,
        "track": _track,
        "text_span": _plain("control", "label", "start", "end", "text"),
        "hypertext_span": _plain(
            "control", "label", "start_path", "start_offset", "end_path", "end_offset", "global_start", "global_end", "text"
        ),
        "paragraph_span": _plain("control", "label", "first_paragraph", "start_offset", "last_paragraph", "end_offset", "text"),
    }
)
