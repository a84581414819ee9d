"""Every type of result on a real server: posted as an annotator's, exported unchanged, and typed."""

import json
from typing import Any

import pytest
from drawn_parts import approx

from yuelu.annotate.label_studio.site import Site
from yuelu.annotate.results import Item, from_result, to_result
from yuelu.annotate.results.png import encode_alpha
from yuelu.annotate.results.rle import encode_rle
from yuelu.annotate.templates import parse_template
from yuelu.base.records import REGION_KINDS, Track, kind_of
from yuelu.base.tracks import frame_boxes

pytestmark = pytest.mark.integration

SHAPES = ("Rectangle", "Ellipse", "Polygon", "KeyPoint", "Vector", "Brush", "Bitmask")
ASKED = """
<Choices name="{n}c" toName="{o}"{p}><Choice value="yes"/></Choices><Rating name="{n}r" toName="{o}"{p}/>
<Number name="{n}n" toName="{o}"{p}/><DateTime name="{n}d" toName="{o}" only="date"{p}/><TextArea name="{n}t" toName="{o}"{p}/>
<Taxonomy name="{n}x" toName="{o}"{p}><Choice value="a"><Choice value="b"/></Choice></Taxonomy>
"""
LABEL = '<Label value="l"/>'
CONFIGS = {
    "image": "".join(f'<{s}Labels name="{s}L" toName="o">{LABEL}</{s}Labels><{s} name="{s}" toName="o"/>' for s in SHAPES)
    + f'<Labels name="more" toName="o">{LABEL}</Labels><Relations><Relation value="of"/></Relations>'
    + ASKED.format(n="", o="o", p="")
    + ASKED.format(n="r", o="o", p=' perRegion="true"')
    + ASKED.format(n="i", o="o", p=' perItem="true"')
    + '<Image name="o" valueList="$images"/>',
    "audio": f'<Labels name="l" toName="o">{LABEL}</Labels><Audio name="o" value="$audio"/>',
    "video": f'<Labels name="l" toName="o">{LABEL}</Labels><VideoRectangle name="b" toName="o"/>'
    f'<TimelineLabels name="t" toName="o">{LABEL}</TimelineLabels><Video name="o" value="$video"/>',
    "series": f'<TimeSeriesLabels name="l" toName="o">{LABEL}</TimeSeriesLabels>'
    '<TimeSeries name="o" value="$timeseries"><Channel column="c"/></TimeSeries>',
    "text": f'<Labels name="l" toName="o">{LABEL}</Labels><Text name="o" value="$text"/>',
    "html": f'<HyperTextLabels name="l" toName="o">{LABEL}</HyperTextLabels><HyperText name="o" value="$text"/>',
    "talk": f'<ParagraphLabels name="l" toName="o">{LABEL}</ParagraphLabels><Paragraphs name="o" value="$text"/>',
    "pair": '<Pairwise name="p" toName="a,b"/><Image name="a" value="$images[0]"/><Image name="b" value="$images[1]"/>',
    "rank": '<Ranker name="k" toName="o"/><List name="o" value="$items"/>',
}
DATA = {
    "images": ["/a.png", "/b.png"],
    "audio": "/a.wav",
    "video": "/a.mp4",
    "timeseries": "/a.json",
    "text": "some text",
    "items": [],
}
ITEM = Item(8, 4, 12.0, 50)


def part(name: str, kind: str, value: dict[str, Any], to: str = "o", **more: Any) -> dict[str, Any]:
    return {"value": value, "id": f"id{name}", "from_name": name, "to_name": to, "type": kind, "origin": "manual", **more}


def said(prefix: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (f"{prefix}c", "choices", {"choices": ["yes"]}),
        (f"{prefix}r", "rating", {"rating": 3}),
        (f"{prefix}n", "number", {"number": -2.5}),
        (f"{prefix}d", "datetime", {"datetime": "2026-11-21"}),
        (f"{prefix}t", "textarea", {"text": ["一二", "three 😀"]}),
        (f"{prefix}x", "taxonomy", {"taxonomy": [["a", "b"]]}),
    ]


def pictures() -> list[dict[str, Any]]:
    import numpy as np  # noqa: PLC0415

    mask = np.zeros((4, 8), np.uint8)
    mask[1:3, 2:6] = 255
    around: dict[str, Any] = {"original_width": 8, "original_height": 4, "image_rotation": 0, "item_index": 1}
    places: dict[str, dict[str, Any]] = {
        "Rectangle": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 15},
        "Ellipse": {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 30},
        "Polygon": {"points": [[10, 10], [90, 10], [50, 90]], "closed": True},
        "KeyPoint": {"x": 25, "y": 75, "width": 0.5},
        "Vector": {"vertices": [{"id": "a", "x": 5, "y": 5}, {"id": "b", "x": 95, "y": 95, "prevPointId": "a"}], "closed": False},
        "Brush": {"format": "rle", "rle": encode_rle(mask)},
        "Bitmask": {"imageDataURL": encode_alpha(mask)},
    }
    found = [part(f"{s}L", f"{s.lower()}labels", {**place, f"{s.lower()}labels": ["l"]}, **around) for s, place in places.items()]
    found += [part(s, s.lower(), dict(place), **around) for s, place in places.items()]
    box = found[0]
    place = places["Rectangle"]
    found += [{**box, "from_name": n, "type": kind, "value": {**place, **value}} for n, kind, value in said("r")]
    found.append({**found[7], "from_name": "more", "type": "labels", "value": {**place, "labels": ["l"]}})
    found += [part(name, kind, value) for name, kind, value in said("")]
    found += [part(name, kind, value, item_index=1) for name, kind, value in said("i")]
    found.append({"from_id": box["id"], "to_id": found[1]["id"], "type": "relation", "direction": "bi", "labels": ["of"]})
    return found


FRAME = {"x": 10, "y": 10, "width": 20, "height": 20, "rotation": 0}
RESULTS: dict[str, list[dict[str, Any]]] = {
    "image": pictures(),
    "audio": [part("l", "labels", {"start": 1.25, "end": 3.5, "channel": 0, "labels": ["l"]}, original_length=12.01)],
    "video": [
        part("t", "timelinelabels", {"ranges": [{"start": 10, "end": 50}], "timelinelabels": ["l"]}),
        part("b", "videorectangle", {
            "framesCount": 50, "duration": 2.0, "labels": ["l"],
            "sequence": [{**FRAME, "x": 10 + n, "frame": n, "enabled": n < 9, "time": n / 25} for n in (1, 9)],
        }),
    ],
    "series": [part("l", "timeserieslabels", {"start": 0.5, "end": 1.5, "instant": False, "timeserieslabels": ["l"]})],
    "text": [part("l", "labels", {"start": 0, "end": 4, "text": "some", "labels": ["l"]})],
    "html": [part("l", "hypertextlabels", {
        "start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "startOffset": 0, "endOffset": 4,
        "globalOffsets": {"start": 0, "end": 4}, "text": "some", "hypertextlabels": ["l"],
    })],
    "talk": [part("l", "paragraphlabels", {
        "start": "0", "end": "1", "startOffset": 0, "endOffset": 4, "paragraphlabels": ["l"],
    })],
    "pair": [part("p", "pairwise", {"selected": "left"}, to="p")],
    "rank": [part("k", "ranker", {"ranker": {"k": ["2", "1"]}})],
}  # fmt: skip


def test_every_type_comes_back_from_a_server_as_it_was_sent(label_studio: Site) -> None:
    kinds: set[str] = set()
    for number, (name, config) in enumerate(CONFIGS.items()):
        template = parse_template(name, "1", f"<View>{config}</View>", {})
        with label_studio.admin() as admin:
            project = admin.create_project(f"results {name}", f"results of {name}", template.config, 1, "")
            (task,) = admin.import_tasks(project.id, [{"item_key": name, **DATA}])
        with label_studio.annotator("a") as client:
            client.submit(task, RESULTS[name], lead_time_s=1.0, uid=f"00000000-0000-4000-8000-{number:012d}")
        with label_studio.admin() as admin:
            ((annotation,),) = (each["annotations"] for each in admin.export(project.id, [task]))
        assert annotation["result"] == json.loads(json.dumps(RESULTS[name])), name
        parsed = from_result(annotation["result"], template, (ITEM, ITEM))
        assert [each.reason for each in parsed.rejected] == [], name
        assert to_result(parsed.regions, template, (ITEM, ITEM)) == approx(annotation["result"]), name
        kinds.update(map(kind_of, parsed.regions))
    assert kinds == set(REGION_KINDS)


def test_boxes_between_keyframes_as_the_server_exports_them(label_studio: Site) -> None:
    template = parse_template("tracks", "1", f"<View>{CONFIGS['video']}</View>", {})
    result = [RESULTS["video"][1]]
    with label_studio.admin() as admin:
        project = admin.create_project("tracks", "tracks of a video", template.config, 1, "")
        (task,) = admin.import_tasks(project.id, [{"item_key": "tracks", **DATA}])
        admin.submit(task, result, lead_time_s=1.0, uid="00000000-0000-4000-8000-0000000000aa")
        asked = {"exportType": "JSON", "download_all_tasks": "true", "interpolate_key_frames": "true"}
        (exported,) = admin.read(f"/api/projects/{project.id}/export", asked).json()
    there = {each["frame"]: each for each in exported["annotations"][0]["result"][0]["value"]["sequence"]}
    (track,) = from_result(result, template, (ITEM,)).regions
    assert isinstance(track, Track)
    ours = {box.frame: box for box in frame_boxes(track)}
    assert ours.keys() == there.keys() == set(range(1, 10))
    for frame, box in ours.items():
        assert box.x_px == pytest.approx(there[frame]["x"] * 0.08)
        assert box.width_px == pytest.approx(there[frame]["width"] * 0.08)
        assert box.keyframe == ("auto" not in there[frame])
