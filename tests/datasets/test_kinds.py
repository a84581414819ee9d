"""One record of every kind goes out: what its column says, in the units and forms that its readers know."""

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import REGION_KINDS, region_from_json, region_to_json
from yuelu.datasets.clock import VideoClock
from yuelu.datasets.coco_rle import column_counts, compress, expand, inside
from yuelu.datasets.region_schemas import COLUMN_OF
from yuelu.datasets.regions import region_columns
from yuelu.datasets.rows import rows_of
from yuelu.datasets.schemas import ANNOTATIONS, ITEMS
from yuelu.datasets.verify import verify

_SHAPE = {"control": "shape", "label": "crack", "item": 0}
_TIME = {"control": "when", "label": "crack"}
# Of every kind one, as the ledger keeps it.
EVERY: tuple[dict[str, Any], ...] = (
    {"kind": "box", "id": "b", **_SHAPE, "x_px": 1, "y_px": 2, "width_px": 3, "height_px": 4, "rotation_deg": 0.0},
    {"kind": "ellipse", "id": "e", **_SHAPE, "x_px": 9, "y_px": 8, "radius_x_px": 3, "radius_y_px": 2, "rotation_deg": 30.0},
    {"kind": "polygon", "id": "p", **_SHAPE, "points_px": [[0, 0], [4, 0], [4, 3]], "closed": True},
    {"kind": "keypoint", "id": "k", **_SHAPE, "x_px": 5, "y_px": 6, "width_px": 0.5},
    {"kind": "vector", "id": "v", **_SHAPE, "closed": False, "vertices": [
        {"id": "one", "x_px": 0, "y_px": 0}, {"id": "two", "x_px": 5, "y_px": 5, "previous_id": "one"},
        {"id": "three", "x_px": 9, "y_px": 0, "previous_id": "one", "curve_px": [[2, 1], [7, 1]]},
    ]},
    {"kind": "mask", "id": "m", **_SHAPE, "width_px": 3, "height_px": 2, "counts": [1, 2, 3], "levels": [0, 255, 0]},
    {"kind": "segment", "id": "s", **_TIME, "start_s": 0.5, "end_s": 1.5, "channel": None},
    {"kind": "frame_range", "id": "f", **_TIME, "first_frame": 2, "last_frame": 3},
    {"kind": "track", "id": "t", **_TIME, "frames": 3, "keyframes": [
        {"frame": 1, "enabled": True, "x_px": 0, "y_px": 0, "width_px": 5, "height_px": 5},
        {"frame": 3, "enabled": False, "x_px": 9, "y_px": 0, "width_px": 5, "height_px": 5, "rotation_deg": 90.0, "time_s": 0.12},
    ]},
    {"kind": "text_span", "id": "x", **_TIME, "start": 3, "end": 7, "text": "left"},
    {"kind": "hypertext_span", "id": "h", **_TIME, "start_path": "/p[1]", "start_offset": 0, "end_path": "/b[2]", "end_offset": 4,
     "global_start": 0, "global_end": 9},
    {"kind": "paragraph_span", "id": "g", **_TIME, "first_paragraph": 0, "start_offset": 2, "last_paragraph": 1, "end_offset": 5},
    {"kind": "choice", "control": "grade", "labels": ["bad", "wet"], "region_id": "b"},
    {"kind": "rating", "control": "stars", "stars": 4, "item": 0},
    {"kind": "number", "control": "depth", "value": 2.5, "region_id": "p"},
    {"kind": "moment", "control": "date", "moment": "2026-05-06"},
    {"kind": "text", "control": "note", "texts": ["see left", "again"]},
    {"kind": "taxonomy", "control": "tree", "paths": [["animal", "cat"], ["plant"]]},
    {"kind": "preference", "control": "which", "preferred": "left"},
    {"kind": "ranking", "control": "order", "buckets": [["best", ["a", "b"]], ["rest", []]]},
    {"kind": "relation", "from_id": "m", "to_id": "b", "direction": "bi", "labels": ["causes"]},
)  # fmt: skip
RECORDS = tuple(region_to_json(region_from_json(each)) for each in EVERY)  # what the ledger makes of them


def test_every_kind_of_record_has_a_column() -> None:
    assert set(COLUMN_OF) == set(REGION_KINDS) == {each["kind"] for each in EVERY}
    for schema in (ITEMS, ANNOTATIONS):
        assert set(COLUMN_OF.values()) <= set(schema.names)


def test_a_release_of_every_kind_is_published_pulled_and_verified(shop: Any, make: Any) -> None:
    answers = (replace(make.answer(0, 0), regions=RECORDS),)
    one = make.item(0, RECORDS, answers=answers)
    shop.publish([replace(one, judgement=replace(one.judgement, answers=1))])
    dest = shop.pull()
    assert verify(dest, make.KEY.public).ok
    for table in ("items", "annotations"):
        (row,) = pq.read_table(dest / f"{table}.parquet").to_pylist()
        assert {column: len(row[column]) for column in COLUMN_OF.values()} == dict.fromkeys(COLUMN_OF.values(), 1)
        assert row["polygons"][0]["points"] == [{"x_px": 0, "y_px": 0}, {"x_px": 4, "y_px": 0}, {"x_px": 4, "y_px": 3}]
        assert row["taxonomies"][0]["paths"] == [["animal", "cat"], ["plant"]]
        assert row["rankings"][0]["buckets"] == [{"name": "best", "items": ["a", "b"]}, {"name": "rest", "items": []}]
        assert row["paragraph_spans"][0]["last_paragraph"] == 1


def test_what_is_about_a_region_names_its_place() -> None:
    columns = region_columns(RECORDS, judged=True)
    assert columns["choices"][0]["region"] == "boxes/0"
    assert columns["numbers"][0]["region"] == "polygons/0"
    assert (columns["ratings"][0]["region"], columns["ratings"][0]["item"]) == (None, 0)
    assert columns["relations"] == [
        {"from_region": "masks/0", "to_region": "boxes/0", "direction": "bi", "labels": ["causes"]}
    ]  # fmt: skip


def test_a_relation_to_nothing_is_refused() -> None:
    with pytest.raises(InvalidRecord, match="a relation is about region 'gone'"):
        region_columns([{"kind": "relation", "from_id": "gone", "to_id": "gone"}], judged=False)


def test_vertices_name_the_place_of_the_one_before() -> None:
    (vector,) = region_columns(RECORDS, judged=False)["vectors"]
    assert [vertex["previous"] for vertex in vector["vertices"]] == [None, 0, 0]
    assert vector["vertices"][2]["curve"] == [{"x_px": 2, "y_px": 1}, {"x_px": 7, "y_px": 1}]


def test_tracks_tell_the_time_in_the_file_and_at_the_source() -> None:
    # 25 pictures a second; the source's clock starts at 1.4 s and holds its second picture for two frames
    clock = VideoClock(25.0, (1.4, 1.44, 1.44))
    (track,) = region_columns(RECORDS, judged=False, clock=clock)["tracks"]
    told = [(each["frame"], each["time_s"], each["source_time_s"]) for each in track["keyframes"]]
    assert told == [(1, 0.0, 1.4), (3, pytest.approx(0.08), 1.44)]


def test_a_choice_carries_the_share_of_every_label(make: Any) -> None:
    judged = make.choice(probability=0.75, soft_labels={"good": 0.75, "bad": 0.25})
    row = rows_of(make.item(0, (judged,))).item
    assert row["choices"][0]["soft_labels"] == [{"label": "bad", "probability": 0.25}, {"label": "good", "probability": 0.75}]
    table = pa.Table.from_pylist([row], ITEMS)
    assert table["choices"][0].as_py()[0]["probability"] == 0.75


_pictures = st.integers(1, 7).flatmap(
    lambda width: st.lists(st.lists(st.sampled_from((0, 127, 128, 255)), min_size=width, max_size=width), min_size=1, max_size=7)
)


@given(_pictures)
def test_masks_are_what_pycocotools_makes_of_the_same_cells(picture: list[list[int]]) -> None:
    levels = np.array(picture, np.uint8)
    flat = levels.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=np.uint8(~flat[0])))
    height, width = levels.shape
    counts = column_counts(width, height, np.diff(starts, append=flat.size).tolist(), flat[starts].tolist())
    theirs = coco.encode(np.asfortranarray(levels >= 128).astype(np.uint8))
    assert compress(counts).encode() == theirs["counts"]
    assert expand(compress(counts)) == counts
    assert sum(end - start for start, end in inside(counts)) == coco.area(theirs)


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # pycocotools and NumPy 2
def test_a_published_mask_is_decoded_by_pycocotools() -> None:
    (mask,) = region_columns(RECORDS, judged=False)["masks"]
    decoded = coco.decode({"size": mask["size"], "counts": mask["counts"]})
    assert decoded.tolist() == [[0, 1, 1], [0, 0, 0]]


def _renamed(regions: list[dict[str, Any]], draw: random.Random) -> list[dict[str, Any]]:
    names = [region["id"] for region in regions if "id" in region]
    new = dict(zip(names, draw.sample(range(1000), len(names)), strict=True))
    links = ("id", "region_id", "from_id", "to_id")
    mixed = [{key: f"id-{new[value]}" if key in links and value else value for key, value in each.items()} for each in regions]
    draw.shuffle(mixed)
    return mixed


@settings(max_examples=60)
@given(
    twins=st.lists(st.sampled_from(("a", "b")), min_size=2, max_size=7),
    ends=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.sampled_from(("x", "y"))), max_size=9),
    draw=st.randoms(use_true_random=False),
)
def test_twins_are_told_apart_by_what_they_are_joined_to(twins: list[str], ends: list[Any], draw: random.Random) -> None:
    regions: list[dict[str, Any]] = [{**EVERY[0], "id": f"r{place}", "label": label} for place, label in enumerate(twins)]
    for one, other, label in ends:
        names = {"from_id": f"r{one % len(twins)}", "to_id": f"r{other % len(twins)}"}
        regions.append({"kind": "relation", **names, "direction": "right", "labels": [label]})
    first = region_columns(regions, judged=True)
    assert region_columns(_renamed(regions, draw), judged=True) == first
