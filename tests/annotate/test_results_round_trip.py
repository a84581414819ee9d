"""Every type of result that the editor sends, both ways: to typed records and back as it came."""

import json
from typing import Any

import drawn_parts as drawn
import pytest
from drawn_parts import approx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yuelu.annotate.results import Item, from_result, to_result
from yuelu.annotate.templates import Template
from yuelu.base.records import REGION_KINDS, kind_of, region_from_json, region_said, region_to_json

quick = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ITEMS = drawn.ITEMS


def comes_back(parts: list[dict[str, Any]], template: Template, items: tuple[Item, ...] = ITEMS) -> None:
    """Through typed records and through the ledger's JSON, each part comes back: coordinates to a ten thousandth of a pixel."""
    sent = json.loads(json.dumps(parts))
    parsed = from_result(sent, template, items)
    assert [each.reason for each in parsed.rejected] == []
    kept = tuple(region_from_json(json.loads(json.dumps(region_to_json(region)))) for region in parsed.regions)
    assert kept == parsed.regions
    copied = {"rle", "points", "vertices", "x", "sequence", "ranges", "start", "choices", "taxonomy", "ranker"}
    assert not any(copied & region.extra.get("value", {}).keys() for region in kept)  # they come from the record's own fields
    back = to_result(kept, template, items)
    assert len(back) == len(sent)
    for one, other in zip(back, sent, strict=True):
        assert one == approx(other)


@pytest.mark.parametrize("shape", drawn.SHAPES)
@quick
@given(data=st.data())
def test_shapes(shape: str, data: st.DataObject) -> None:
    comes_back(data.draw(drawn.picture_parts(shape)), drawn.PICTURES)


@quick
@given(drawn.word_parts())
def test_answers_about_the_task_and_its_items(parts: list[dict[str, Any]]) -> None:
    comes_back(parts, drawn.PICTURES)


MEDIA: list[tuple[Template, Any]] = [
    (drawn.SOUND, drawn.sound_parts()),
    (drawn.FILM, drawn.film_parts()),
    (drawn.SERIES, drawn.series_parts()),
    (drawn.TEXT, drawn.text_parts()),
    (drawn.HTML, drawn.html_parts()),
    (drawn.TALK, drawn.talk_parts()),
    (drawn.PAIR, drawn.pair_parts),
    (drawn.RANK, drawn.rank_parts(("rank",))),
    (drawn.BUCKETS, drawn.rank_parts(("best", "worst"))),
    (drawn.BUCKETS, drawn.rank_parts(("_", "best"))),
]


@pytest.mark.parametrize(
    ("template", "parts"),
    MEDIA,
    ids=lambda value: value.name if isinstance(value, Template) else "",
)
@quick
@given(data=st.data())
def test_media_and_comparisons(template: Template, parts: Any, data: st.DataObject) -> None:
    comes_back(data.draw(parts), template)


@quick
@given(st.data())
def test_relations(data: st.DataObject) -> None:
    one, other = data.draw(drawn.picture_parts("Rectangle")), data.draw(drawn.picture_parts("KeyPoint"))
    for part in one + other:
        part["id"] = "one" if part in one else "other"
    link: dict[str, Any] = {
        "from_id": "one",
        "to_id": "other",
        "type": "relation",
        "direction": data.draw(st.sampled_from(("left", "right", "bi"))),
    }
    if data.draw(st.booleans()):
        link["labels"] = data.draw(st.sampled_from((["feeds"], ["near", "feeds"])))
    comes_back([*one, link, *other], drawn.PICTURES)


ANYTHING: list[tuple[Template, Any]] = [
    *((drawn.PICTURES, drawn.picture_parts(shape)) for shape in drawn.SHAPES),
    (drawn.PICTURES, drawn.word_parts().filter(bool)),
    *MEDIA,
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_is_changed_is_a_region_or_has_a_reason(data: st.DataObject) -> None:
    """Parts as the editor sends them, with anything at all in one place of one of them."""
    template, parts = data.draw(st.sampled_from(ANYTHING))
    sent = json.loads(json.dumps(data.draw(parts)))
    place: Any = data.draw(st.sampled_from(sent))
    while data.draw(st.booleans()):
        keys = [key for key in (place if isinstance(place, dict) else range(len(place))) if isinstance(place[key], dict | list)]
        if not any(place[key] for key in keys):
            break
        place = place[data.draw(st.sampled_from([key for key in keys if place[key]]))]
    key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    place[key] = data.draw(JSON)
    parsed = from_result(sent, template, ITEMS)
    assert len(parsed.regions) + sum(each.index is not None for each in parsed.rejected) == len(sent)
    assert all(region_from_json(json.loads(json.dumps(region_to_json(region)))) == region for region in parsed.regions)


def test_every_kind_of_region_is_drawn() -> None:
    seen = {"relation"}  # links between regions are drawn by the test above

    @settings(max_examples=400, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(ANYTHING).flatmap(lambda each: st.tuples(st.just(each[0]), each[1])))
    def look(each: tuple[Template, Any]) -> None:
        seen.update(map(kind_of, from_result(json.loads(json.dumps(each[1])), each[0], ITEMS).regions))

    look()
    assert set(REGION_KINDS) == seen


def test_what_stands_beside_an_answer_is_no_part_of_it() -> None:
    value = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0, "rectanglelabels": ["organ"]}
    part = {
        "id": "b",
        "from_name": "rectanglel",
        "to_name": "image",
        "type": "rectanglelabels",
        "value": value,
        "origin": "manual",
    }
    noted = {**part, "origin": "prediction", "score": 0.5, "meta": {"text": ["?"]}, "locked": True, "image_rotation": 90}
    (plain,), (other,) = (from_result([each], drawn.PICTURES, ITEMS).regions for each in (part, noted))
    assert plain == other
    assert region_said(plain) == region_said(other) != region_to_json(other)
    assert (other.origin, other.score, other.meta) == ("prediction", 0.5, {"text": ["?"]})
    assert other.extra["part"]["locked"] is True
