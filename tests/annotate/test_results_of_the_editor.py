"""What Label Studio really sends and sent: drawn in its editor, and the samples and exports of its own tests."""

import json
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from drawn_parts import approx

from yuelu.annotate.results import Item, from_result, to_result
from yuelu.annotate.results.pictures import mask_levels
from yuelu.annotate.templates import parse_template
from yuelu.base.records import Box, Ellipse, KeyPoint, Mask, Polygon, Region, Vector

# Drawn in Chromium with Label Studio 1.23.2: one shape with each tool, then the view turned right, then one more box.
DRAWN = json.loads(Path(__file__).with_name("drawn_in_chromium.json").read_text("utf-8"))
ITEM = Item(DRAWN["width_px"], DRAWN["height_px"])


@pytest.fixture(scope="module")
def drawn() -> tuple[Region, ...]:
    parsed = from_result(DRAWN["result"], parse_template("drawn", "1", DRAWN["config"], {}), [ITEM])
    assert parsed.rejected == ()
    return parsed.regions


def test_one_shape_with_each_tool(drawn: tuple[Region, ...]) -> None:
    kinds = [type(region) for region in drawn]
    assert kinds == [Box, Ellipse, KeyPoint, Polygon, Mask, Mask, Vector, Box]


def test_shapes_stay_where_they_were_when_the_view_is_turned(drawn: tuple[Region, ...]) -> None:
    """The mouse went from 10 % to 30 % across and 10 % to 20 % down; and in the turned view from 14.4 % to 57.5 % across the
    604 px that 200 px took, and 10 % to 20 % down: turned back, down to up is right to left.
    """
    first, last = drawn[0], drawn[-1]
    assert isinstance(first, Box)
    assert isinstance(last, Box)
    assert (first.x_px, first.y_px, first.width_px, first.height_px) == pytest.approx((30, 20, 60, 20), abs=6)
    assert (last.x_px, last.width_px) == pytest.approx((30, 30), abs=3)
    assert (last.y_px, last.y_px + last.height_px) == pytest.approx((200 * (1 - 0.575), 200 * (1 - 0.144)), abs=3)
    assert first.extra == last.extra == {"part": {"image_rotation": 90}}


def test_masks_are_where_they_were_painted(drawn: tuple[Region, ...]) -> None:
    """Brush strokes from (30, 100) to (90, 110) and from (120, 120) to (180, 130), within half a stroke's width."""
    for mask, (left, top, right, bottom) in zip((drawn[4], drawn[5]), ((30, 100, 90, 110), (120, 120, 180, 130)), strict=True):
        assert isinstance(mask, Mask)
        rows, columns = np.nonzero(mask_levels(mask) >= 128)
        assert (columns.min(), columns.max()) == pytest.approx((left, right), abs=25)
        assert (rows.min(), rows.max()) == pytest.approx((top, bottom), abs=25)
        assert abs(columns.mean() - (left + right) / 2) < 6
        assert abs(rows.mean() - (top + bottom) / 2) < 6


def test_it_is_written_back_as_it_came(drawn: tuple[Region, ...]) -> None:
    back = to_result(drawn, parse_template("drawn", "1", DRAWN["config"], {}), [ITEM])
    assert back == approx(DRAWN["result"])
    assert back[4]["value"]["rle"] == DRAWN["result"][4]["value"]["rle"]
    assert "rle" not in drawn[4].extra.get("value", {})  # it is the editor's own code, made again


def labels(tag: str, name: str, to: str, *values: str) -> str:
    item = "Choice" if tag == "Choices" else "Label"
    return (
        f'<{tag} name="{name}" toName="{to}">' + "".join(f"<{item} value={quoteattr(value)}/>" for value in values) + f"</{tag}>"
    )


def made_for(result: list[Any]) -> str:
    """A configuration that asks for just what a result answers."""
    controls: dict[str, tuple[str, str, set[str]]] = {}
    for part in result:
        if isinstance(part, dict) and part.get("type") in TAGS:
            found = controls.setdefault(part["from_name"], (TAGS[part["type"]], part["to_name"], set()))
            found[2].update(part["value"].get(part["type"], []))
    media = {to: MEDIA.get(tag, "Image") for tag, to, _ in controls.values()}
    plain = "".join(
        f'<{tag} name="{name}" toName="{to}"/>' if tag in ("TextArea",) else labels(tag, name, to, *sorted(values))
        for name, (tag, to, values) in controls.items()
    )
    shown = {"Image": '<Image name="{0}" value="$images[0]"/>', "Text": '<Text name="{0}" value="$text"/>'}
    shown["TimeSeries"] = '<TimeSeries name="{0}" value="$timeseries"><Channel column="c"/></TimeSeries>'
    return f"<View>{plain}{''.join(shown[tag].format(name) for name, tag in media.items())}</View>"


TAGS = {
    "choices": "Choices", "rectanglelabels": "RectangleLabels", "polygonlabels": "PolygonLabels",
    "keypointlabels": "KeyPointLabels",
    "timeserieslabels": "TimeSeriesLabels", "textarea": "TextArea",
}  # fmt: skip
MEDIA = {"TimeSeriesLabels": "TimeSeries"}

# Of every sample that holds results: how many of its parts become regions, and why the others do not.
SAMPLES: dict[str, tuple[int, set[str]]] = {
    "label_studio_samples/image_urls_with_bboxes_gt.json": (2, set()),
    "label_studio_samples/previous_export.json": (1, set()),
    "label_studio_samples/previous_export_unknown_completed_by.json": (1, set()),
    "label_studio_samples/random-with-predictions.json": (0, {"has the id None"}),
    "label_studio_samples/tasks_annotations_predictions.json": (7, set()),
    "label_studio_samples/text_with_2_predictions.json": (2, set()),
    "label_studio_samples/three_tasks_two_gts.json": (9, {"outside the picture"}),
    "sdk_converter_tests/data/test_export_coco/data.json": (4, set()),
    "sdk_converter_tests/data/test_export_csv/csv_test.json": (3, {"outside the picture"}),
    "sdk_converter_tests/data/test_export_csv/csv_test2.json": (1, set()),
    "sdk_converter_tests/data/test_export_csv/csv_test_colliding_keys.json": (1, set()),
    "sdk_converter_tests/data/test_export_csv/csv_test_colliding_keys_mixed.json": (1, set()),
    "sdk_converter_tests/data/test_export_csv/csv_test_history.json": (1, set()),
    "sdk_converter_tests/data/test_export_doclang/data.json": (3, {"has the id None"}),
    "sdk_converter_tests/data/test_export_json_min/chat_data.json": (0, {"does not ask"}),
    "sdk_converter_tests/data/test_export_json_min/data.json": (1, set()),
    "sdk_converter_tests/data/test_export_json_min/data_repeater.json": (1, {"does not ask"}),
    "sdk_converter_tests/data/test_export_yolo/data.json": (6, set()),
    "sdk_converter_tests/data/test_export_yolo/data_keypoints.json": (9, set()),
    "sdk_converter_tests/data/test_export_yolo/data_obb.json": (25, set()),
    "sdk_converter_tests/data/test_export_yolo/data_polygons.json": (1, set()),
}


def results(path: Path) -> list[list[Any]]:
    tasks = json.loads(path.read_text("utf-8"))
    made = [
        each
        for task in (tasks if isinstance(tasks, list) else [tasks])
        if isinstance(task, dict)
        for each in (task.get("annotations") or []) + (task.get("predictions") or [])
    ]
    found = [
        each["result"] for each in made if isinstance(each, dict) and isinstance(each.get("result"), list) and each["result"]
    ]
    # Some samples call a control and what it works on by one name, which no configuration may.
    return [[part | {"from_name": f"q {part['from_name']}"} if "from_name" in part else part for part in one] for one in found]


def test_the_table_names_every_sample_with_results(fixtures: Path) -> None:
    folder = fixtures / "ls_peer_tests"
    assert {str(path.relative_to(folder)) for path in folder.rglob("*.json") if results(path)} == set(SAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_label_studios_own_tests(fixtures: Path, name: str) -> None:
    regions, reasons = SAMPLES[name]
    found, told = 0, []
    for result in results(fixtures / "ls_peer_tests" / name):
        size: dict[str, Any] = next((part for part in result if "original_width" in part), {})
        item = Item(size.get("original_width", 100), size.get("original_height", 100))
        if not any(part.get("type") in TAGS for part in result):
            parsed = from_result(result, parse_template("drawn", "1", DRAWN["config"], {}), [item])
        else:
            asked = parse_template("sample", "1", made_for(result), {})
            parsed = from_result(result, asked, [item])
            if not parsed.rejected:
                assert to_result(parsed.regions, asked, [item]) == approx(result)
        found += len(parsed.regions)
        told += [each.reason for each in parsed.rejected]
    assert found == regions, told
    assert all(any(reason in each for reason in reasons) for each in told), told
