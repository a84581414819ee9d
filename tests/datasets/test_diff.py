import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.datasets.diff import Moved, Redrawn, Relabelled, Resplit, diff
from yuelu.datasets.overlap import box_iou, overlap


def _box(x: float, y: float, width: float, height: float, rotation: float = 0.0, *, item: int = 0) -> dict[str, Any]:
    return {"item": item, "x_px": x, "y_px": y, "width_px": width, "height_px": height, "rotation_deg": rotation}


@pytest.mark.parametrize(
    ("one", "other", "iou"),
    [
        (_box(0, 0, 10, 10), _box(5, 0, 10, 10), 1 / 3),  # 50 of 150
        (_box(0, 0, 10, 10), _box(0, 0, 5, 5), 1 / 4),
        (_box(0, 0, 10, 10), _box(10, 0, 10, 10), 0),
        (_box(0, 0, 10, 10), _box(20, 20, 1, 1), 0),
        # turned 90 degrees clockwise about its top left corner, a box lies to the left of that corner
        (_box(0, 0, 10, 4), _box(10, 0, 4, 10, 90.0), 1),
        # a unit square and the same turned 45 degrees about its centre share an octagon: 2 * (sqrt(2) - 1)
        (_box(-1, -1, 2, 2), _box(0, -math.sqrt(2), 2, 2, 45.0), (math.sqrt(2) - 1) / (2 - math.sqrt(2))),
    ],
)
def test_iou_of_boxes_by_geometry(one: dict[str, Any], other: dict[str, Any], iou: float) -> None:
    assert box_iou(one, other) == pytest.approx(iou, abs=1e-9)
    assert box_iou(other, one) == pytest.approx(iou, abs=1e-9)


_place = st.floats(min_value=-500, max_value=500)
_side = st.floats(min_value=0.1, max_value=500)


@given(_place, _place, _side, _side, st.floats(min_value=-360, max_value=360))
def test_a_box_is_all_of_itself(x: float, y: float, width: float, height: float, rotation: float) -> None:
    assert box_iou(_box(x, y, width, height, rotation), _box(x, y, width, height, rotation)) == pytest.approx(1, abs=1e-6)


def test_overlap_in_time() -> None:
    def segment(start: float, end: float, channel: int | None = None) -> dict[str, Any]:
        return {"start_s": start, "end_s": end, "channel": channel}

    assert overlap("segments", segment(0, 2), segment(1, 3)) == pytest.approx(1 / 3)
    assert overlap("segments", segment(0, 2), segment(2, 3)) == 0
    assert overlap("segments", segment(0, 2), segment(0, 2, channel=1)) == 0
    frames = {"first_frame": 1, "last_frame": 10}
    assert overlap("frame_ranges", frames, {"first_frame": 10, "last_frame": 10}) == pytest.approx(1 / 10)
    assert overlap("boxes", _box(0, 0, 1, 1), _box(0, 0, 1, 1, item=1)) == 0


def _diff(shop: Any, old: list[Any], new: list[Any]) -> Any:
    return diff(shop.publish(old).release, shop.publish(new).release)


def test_items_come_and_go(shop: Any, make: Any) -> None:
    found = _diff(shop, [make.item(0), make.item(1)], [make.item(1), make.item(2)])
    assert (found.added, found.removed, found.changed) == ((make.item(2).id,), (make.item(0).id,), ())
    assert found.sentences() == (f"item {make.item(2).id[:12]} was added.", f"item {make.item(0).id[:12]} was removed.")
    assert (found.old, found.new) == ("boards@1.0.0", "boards@2.0.0")


def test_labels_and_places_change(shop: Any, make: Any) -> None:
    before = (make.choice("good"), make.box(id="a"), make.box("dent", x=200, id="b"), make.choice("deep", region_id="b"))
    after = (
        make.choice("bad"),
        make.box(x=20, id="c"),
        make.box("hole", x=200, id="d"),
        make.choice("flat", region_id="d"),
        make.box("dust", x=500, id="e"),
    )
    found = _diff(shop, [make.item(0, before)], [make.item(0, after)])
    item = make.item(0).id
    assert found.relabelled == (
        Relabelled(item, "box defects", ("dent",), ("hole",)),
        Relabelled(item, "quality", ("good",), ("bad",)),
        Relabelled(item, "quality of box 'hole'", ("deep",), ("flat",)),
    )
    # 30 px wide, moved by 10: 20 of 40
    assert found.moved == (Moved(item, "box defects", "scratch", 0.5),)
    assert found.redrawn == (Redrawn(item, "box defects", "dust", added=True),)
    assert f"item {item[:12]}: quality was 'good', is 'bad'." in found.sentences()
    assert f"item {item[:12]}: box defects 'scratch' moved; old and new place overlap by 0.50." in found.sentences()
    assert found.to_json()["relabelled"][0] == {"item": item, "what": "box defects", "before": ["dent"], "after": ["hole"]}


def test_a_region_that_moved_and_says_something_else(shop: Any, make: Any) -> None:
    found = _diff(shop, [make.item(0, (make.box(),))], [make.item(0, (make.box("dent", x=20),))])
    item = make.item(0).id
    assert found.relabelled == (Relabelled(item, "box defects", ("scratch",), ("dent",)),)
    assert found.moved == (Moved(item, "box defects", "dent", 0.5),)  # 20 of 40


def test_an_item_that_changes_its_split(shop: Any, make: Any) -> None:
    found = _diff(shop, [make.item(0, split="train")], [make.item(0, split="test")])
    assert found.resplit == (Resplit(make.item(0).id, "train", "test"),)


def test_a_change_without_words_is_counted(shop: Any, make: Any) -> None:
    found = _diff(shop, [make.item(0)], [make.item(0, round=2)])
    assert found.changed == (make.item(0).id,)
    assert found.sentences() == ("1 more differ in media, support, probability, answers, round or decision only.",)


def test_no_difference_is_said(shop: Any, make: Any) -> None:
    release = shop.publish([make.item(0)]).release
    assert diff(release, release).sentences() == ("boards@1.0.0 and boards@1.0.0 have the same items.",)
