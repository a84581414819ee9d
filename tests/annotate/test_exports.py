"""Exports of any project as typed answers: told apart, counted, and what cannot be read named."""

import json
from pathlib import Path
from typing import Any

import pytest
from label_studio_sdk.converter import Converter

from yuelu.annotate.exports.answers import Exported, read_exported
from yuelu.annotate.exports.asked import questions_of
from yuelu.base.errors import InvalidRecord, Misconfigured, NotFound, SchemaMismatch
from yuelu.base.records import Box, Choice, FrameRange, KeyPoint, Relation, Segment, Taxonomy, Text, kind_of

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own, on import

SIZE = {"original_width": 200, "original_height": 100, "image_rotation": 0}
CONFIG = """<View><Image name="image" value="$image"/><Style>.x {}</Style><Custom name="y"/>
<RectangleLabels name="object" toName="image"><Label value="part"/><Label value="tear"/></RectangleLabels>
<Choices name="scene" toName="image" choice="single"><Choice value="good"/><Choice value="fair"/><Choice value="bad"/></Choices>
<Choices name="tags" toName="image" choice="multiple"><Choice value="wet"/><Choice value="dark"/></Choices>
<TextArea name="note" toName="image"/></View>"""


def part(name: str, kind: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"id": f"{name} 1", "from_name": name, "to_name": "image", "type": kind, "value": value, **more}


def box(label: str, x: float, **more: Any) -> dict[str, Any]:
    value = {"x": x, "y": 0, "width": 50, "height": 100, "rotation": 0, "rectanglelabels": [label]}
    return part("object", "rectanglelabels", value, **{**SIZE, **more})


def scene(label: str) -> dict[str, Any]:
    return part("scene", "choices", {"choices": [label]})


def given(who: Any, *result: Any, **more: Any) -> dict[str, Any]:
    return {"id": 1, "completed_by": who, "updated_at": "2026-01-01", "result": list(result), **more}


def read(folder: Path, tasks: Any, config: str | None = None) -> Exported:
    path = folder / "export.json"
    path.write_text(json.dumps(tasks), "utf-8")
    return read_exported(path, config)


def test_answers_of_every_sort_are_told_apart_and_counted(tmp_path: Path) -> None:
    task = {
        "id": 7, "project": 3, "data": {"item_key": "k1", "group": "patient"}, "drafts": [{}, {}],
        "annotations": [
            given(1, scene("good"), updated_at="2026-01-02"),
            given(1, scene("bad"), updated_at="2026-01-03"),
            given({"id": 2, "email": "b@x"}, scene("good")),
            given({"email": "c@x"}, scene("bad"), was_cancelled=True),
            given(9, scene("fair"), ground_truth=True),
            {"completed_by": 4},
        ],
        "predictions": [{"model_version": "v1", "result": [scene("bad")]}, {"model_version": "", "result": [scene("good")]}],
    }  # fmt: skip
    found = read(tmp_path, [task, {"id": 8, "data": {}, "completions": []}])
    told = [(each.role, each.annotator, each.regions) for each in found.answers]
    assert told == [
        ("annotator", "1", (Choice("scene", ("bad",)),)),
        ("annotator", "2", (Choice("scene", ("good",)),)),
        ("gold", "9", (Choice("scene", ("fair",)),)),
        ("model", "model", (Choice("scene", ("good",)),)),
        ("model", "model v1", (Choice("scene", ("bad",)),)),
    ]
    assert {(each.task, each.group) for each in found.answers} == {("k1", "patient")}
    assert found.counts == {
        "answers without a result": 1, "counted answers": 2, "drafts": 2, "earlier answers of the same annotator": 1,
        "ground truth": 1, "predictions": 2, "skipped": 1, "tasks": 2,
    }  # fmt: skip
    assert found.pages == {"k1": "/projects/3/data?task=7"}


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    odd = [
        "junk", part("talk", "chatmessage", {"a": 1}), {"type": "choices"}, scene("good") | {"value": 3},
        part("object", "rectanglelabels", {"x": "1", "y": 0, "width": 5, "height": 5, "rectanglelabels": ["part"]}, **SIZE),
    ]  # fmt: skip
    found = read(tmp_path, [{"id": 1, "data": {}, "annotations": [given(1, *odd, box("part", 10))]}])
    assert [kind_of(region) for region in found.answers[0].regions] == ["box"]
    assert found.left_out == {
        "parts of a result without from_name and type": 2,
        "results of type chatmessage, which nothing measures": 1,
        "the value is int, not an object": 1,
        "x is '1', need a finite number": 1,
    }


def test_boxes_keep_their_place_in_pixels(tmp_path: Path) -> None:
    beyond, unsized = box("part", 60), {**box("part", 10), "original_width": None}
    found = read(tmp_path, [{"id": 1, "data": {}, "annotations": [given(1, beyond)]},
                            {"id": 2, "data": {}, "annotations": [given(1, unsized)]}])  # fmt: skip
    boxes = [each for answer in found.answers for each in answer.regions if isinstance(each, Box)]
    assert [(each.x_px, each.width_px) for each in boxes] == [(120, 80), (10, 50)]  # of 200 px, and of 100 where it is unknown
    assert found.left_out == {
        "answers on pictures whose size the export does not say: measured in percent of each side": 1,
        "shapes that reach beyond their picture, cut off at its edge": 1,
    }


def test_labels_beside_a_shape_name_it(tmp_path: Path) -> None:
    value = {"x": 1, "y": 1, "width": 5, "height": 5, "rotation": 0}
    shape = part("shape", "rectangle", value, **SIZE) | {"id": "r"}
    label = part("name", "labels", {**value, "labels": ["part"]}, **SIZE) | {"id": "r"}
    about = part("sure", "choices", {**value, "choices": ["yes"]}, **SIZE) | {"id": "r"}
    (answer,) = read(tmp_path, [{"id": 1, "data": {}, "annotations": [given(1, label, shape, about)]}]).answers
    assert [(kind_of(each), getattr(each, "label", None)) for each in answer.regions] == [("box", "part"), ("choice", None)]
    assert answer.regions[1] == Choice("sure", ("yes",), "r")


def test_sound_and_frames(tmp_path: Path) -> None:
    sound = part("turns", "labels", {"start": 1.5, "end": 2, "channel": 0, "labels": ["A"]}, original_length=9.5)
    frames = part("on", "timelinelabels", {"ranges": [{"start": 1, "end": 9}, {"start": 20, "end": 30}], "timelinelabels": ["x"]})
    (answer,) = read(tmp_path, [{"id": 1, "data": {}, "annotations": [given(1, sound, frames)]}]).answers
    assert [(type(each), *_ends(each)) for each in answer.regions] == [
        (Segment, 1.5, 2), (FrameRange, 1, 9), (FrameRange, 20, 30)
    ]  # fmt: skip


def _ends(region: Any) -> tuple[float, float]:
    if isinstance(region, Segment):
        return region.start_s, region.end_s
    return region.first_frame, region.last_frame


def test_the_converter_of_label_studio_writes_json_min_that_says_the_same(tmp_path: Path) -> None:
    def said(label: str, x: float, tags: list[str], text: str) -> list[dict[str, Any]]:
        return [
            box("part", x),
            scene(label),
            part("tags", "choices", {"choices": tags}),
            part("note", "textarea", {"text": [text]}),
        ]

    tasks = [
        {"id": task, "data": {"image": "a.png", "clinic": "north"}, "annotations": [
            {**given(who, *said(label, 10.0 * who, ["wet", "dark"][:who], f"seen {task}")), "id": 10 * task + who,
             "created_at": "2026", "lead_time": 1.5}
            for who, label in ((1, "good"), (2, "bad"))
        ]}
        for task in (1, 2)
    ]  # fmt: skip
    whole = read(tmp_path, tasks, CONFIG)
    Converter(CONFIG, str(tmp_path)).convert_to_json_min(str(tmp_path / "export.json"), str(tmp_path / "min"), is_dir=False)
    least = read_exported(tmp_path / "min" / "result.json", CONFIG)
    assert _content(least) == _content(whole)
    # Without the configuration what holds regions or differs is an answer; a text that is the same everywhere is not.
    guessed = {control.name for control in read_exported(tmp_path / "min" / "result.json").controls}
    assert guessed == {"object", "scene", "tags"}


def _content(found: Exported) -> list[Any]:
    def said(region: Any) -> Any:
        return (region.x_px, region.width_px, region.label) if isinstance(region, Box) else _plain(region)

    return [(each.task, each.annotator, sorted(map(str, map(said, each.regions)))) for each in found.answers]


def _plain(region: Any) -> Any:
    return region.texts if isinstance(region, Text) else region.labels


def test_a_configuration_says_order_and_number_of_labels() -> None:
    asked = questions_of(CONFIG)
    assert asked["scene"].labels == ("good", "fair", "bad")
    assert (asked["scene"].several, asked["tags"].several) == (False, True)
    assert set(asked) == {"object", "scene", "tags", "note"}
    with pytest.raises(Misconfigured, match="is not XML we read"):
        questions_of("<View>")


# Samples that come with Label Studio and its SDK: answers, controls, and kinds of what was said.
SAMPLES = {
    "label_studio_samples/three_tasks_two_gts.json": ({"counted answers": 1, "ground truth": 2, "predictions": 3}, {"box": 10}),
    "label_studio_samples/text_with_2_predictions.json": ({"predictions": 2}, {"choice": 2}),
    "label_studio_samples/random-with-predictions.json": ({"predictions": 1}, {"segment": 2}),
    "sdk_converter_tests/data/test_export_csv/csv_test.json": ({"counted answers": 2, "predictions": 2}, {"box": 5}),
    "sdk_converter_tests/data/test_export_coco/data.json": ({"counted answers": 1}, {"box": 1, "polygon": 1, "keypoint": 2}),
    "sdk_converter_tests/data/test_export_yolo/data_obb.json": ({"counted answers": 3}, {"box": 25}),
    "sdk_converter_tests/data/test_export_yolo/data_keypoints.json": (
        {"counted answers": 1}, {"box": 1, "keypoint": 3, "relation": 5}
    ),
    "sdk_converter_tests/data/test_export_json_min/data_repeater.json": ({"counted answers": 1}, {"box": 1, "taxonomy": 1}),
    "sdk_converter_tests/data/test_export_doclang/data.json": ({"counted answers": 2, "skipped": 1}, {"box": 2, "text": 1}),
}  # fmt: skip


@pytest.mark.parametrize("name", SAMPLES)
def test_samples_of_label_studio(fixtures: Path, name: str) -> None:
    counts, kinds = SAMPLES[name]
    found = read_exported(fixtures / "ls_peer_tests" / name)
    assert {sort: count for sort, count in found.counts.items() if count and sort != "tasks"} == counts
    said: dict[str, int] = {}
    for each in found.answers:
        for region in each.regions:
            said[kind_of(region)] = said.get(kind_of(region), 0) + 1
    assert said == kinds


def test_relations_and_places_in_a_tree_are_typed(tmp_path: Path) -> None:
    points = [
        part("joint", "keypointlabels", {"x": 10 * at, "y": 5, "width": 1, "keypointlabels": ["j"]}, **SIZE) | {"id": f"p{at}"}
        for at in range(2)
    ]
    link = {"type": "relation", "from_id": "p0", "to_id": "p1", "direction": "right", "labels": ["limb"]}
    place = part("where", "taxonomy", {"taxonomy": [["chest", "lung"]]})
    (answer,) = read(tmp_path, [{"id": 1, "data": {}, "annotations": [given(1, *points, link, place)]}]).answers
    assert [type(each) for each in answer.regions] == [KeyPoint, KeyPoint, Relation, Taxonomy]


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("{", SchemaMismatch, "is not JSON"),
        ("[" * 100_000, SchemaMismatch, "is not JSON"),
        ('[{"data": {"a": NaN}}]', SchemaMismatch, "NaN is not a number of JSON"),
        ("3", SchemaMismatch, "is not a list of tasks"),
        ('[{"id": 1, "image": "x"}]', SchemaMismatch, "entry 0 is not a task with data and annotations"),
        ('[{"id": 1, "data": {}}, {"id": 1, "data": {}}]', InvalidRecord, "task 1 is there twice"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, text: str, error: type[Exception], message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(error, match=message):
        read_exported(tmp_path / "x.json")
    with pytest.raises(NotFound, match="no file"):
        read_exported(tmp_path / "y.json")
