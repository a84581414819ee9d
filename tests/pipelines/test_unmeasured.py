"""Answers that nothing measures yet: they go to a person, and say so; they never pass unseen, and are published once settled."""

from typing import Any

import pytest
from published import Filled, both

from yuelu.base.ledger.judgement import ConsensusRow, DecisionRow, ScoreRow
from yuelu.base.records import Box, Choice, Number, Polygon, Region, Relation, region_to_json
from yuelu.datasets.release import open_release
from yuelu.pipelines.correct import correct
from yuelu.pipelines.score import score
from yuelu.quality.policy import default_policy

POLICY = default_policy()


def outline(x: float) -> Polygon:
    return Polygon("p", "region", "organ", 0, ((x, 10.0), (x + 50, 10.0), (x + 50, 60.0)))


def test_outlines_are_measured_decided_and_derived(make_lab: Any) -> None:
    lab = make_lab("cat", "dog", template="image-polygons")
    lab.answer("cat", [outline(10)], [outline(10)], [outline(12)])
    lab.answer("dog", [outline(10)], [outline(200)], [outline(400)])
    report = score(lab.workspace, "p", POLICY)
    measured = {each.metric: each.value for each in report.scores["region"]}
    assert measured["f1@0.50"] == pytest.approx(0.5)  # all three pairs of one picture, no pair of the other
    assert {row["metric"] for row in lab.all(ScoreRow)} == set(measured)
    rules = {row["subject"]: (row["outcome"], row["rule"]) for row in lab.all(DecisionRow)}
    assert rules[lab.key("cat")][0] == "accept"
    assert rules[lab.key("dog")] == ("rework", "f1@0.50 >= 0.6")
    kept = {row["item_key"]: row["regions"] for row in lab.all(ConsensusRow)}
    (region,) = kept[lab.key("cat")]
    assert (region["kind"], region["points_px"][0], region["support"]) == ("polygon", [10.0, 10.0], 1.0)
    assert kept[lab.key("dog")] == []


def test_answers_about_single_regions_are_reviewed_by_a_person(make_lab: Any) -> None:
    lab = make_lab("cat", template="volume-boxes")
    lab.answer("cat", *[(READ, BOX, SURE)] * 3)
    score(lab.workspace, "p", POLICY)
    assert lab.states() == {"cat": ["review"]}
    assert correct(lab.workspace, lab.key("cat"), [READ, BOX, SURE], owner="curator", reason="looked again")
    assert lab.states() == {"cat": ["accepted"]}


BOX = Box("b", "lesion", "mass", 0, 10.0, 10.0, 100.0, 100.0)
READ = Choice("image-quality", ("diagnostic",))
SURE = Choice("certainty", ("certain",), region_id="b")


def test_what_is_measured_does_not_let_through_what_is_not(make_lab: Any) -> None:
    """The same boxes and the same choice; but of the answers about the boxes nobody knows whether they agree."""
    lab = make_lab("cat", "dog", "cow", template="volume-boxes")
    lab.answer("cat", *[(READ, BOX, SURE)] * 3)
    lab.answer("dog", *[(READ,)] * 3)
    moved = Box("b", "lesion", "mass", 0, 400.0, 300.0, 100.0, 100.0)
    lab.answer("cow", (READ, BOX, SURE), (READ, moved, SURE), (READ, BOX, SURE))
    report = score(lab.workspace, "p", POLICY)
    rules = {row["subject"]: (row["outcome"], row["rule"]) for row in lab.all(DecisionRow)}
    assert rules[lab.key("cat")] == ("review", "nothing measures agreement on certainty yet")
    assert rules[lab.key("dog")][0] == "accept"  # nothing unmeasured was answered
    assert rules[lab.key("cow")] == ("rework", "f1@0.50 >= 0.6")  # what is measured decides first
    assert report.scores["certainty"][0].value is None
    assert report.scores["lesion"][0].value is not None
    kept = {row["item_key"]: [region["kind"] for region in row["regions"]] for row in lab.all(ConsensusRow)}
    assert kept[lab.key("cat")] == ["choice", "box"]


def test_a_number_has_a_median_and_no_probability(make_lab: Any) -> None:
    lab = make_lab("cat", template="image-count")
    lab.answer("cat", *([Number("count", value)] for value in (3.0, 3.0, 5.0)))
    report = score(lab.workspace, "p", POLICY)
    assert {each.metric: each.value for each in report.scores["count"]}["percent_agreement"] == pytest.approx(1 / 3)
    (row,) = lab.all(ConsensusRow)
    assert (row["regions"][0]["value"], row["regions"][0]["support"], row["probability"]) == (3.0, 1.0, None)


def test_answers_about_single_items_are_not_measured(make_lab: Any) -> None:
    lab = make_lab("cat", template="image-ranking")
    lab.answer("cat", *[(Number("rank", 3.0, item=0),)] * 3)
    report = score(lab.workspace, "p", POLICY)
    assert report.outcomes == {"review": 1}
    assert [each.reason for each in report.scores["rank"]] == ["nothing measures agreement on answers about each item yet"]


def test_links_between_regions_are_not_scored_either(make_lab: Any) -> None:
    lab = make_lab("cat")
    regions: list[Region] = [Choice("scene", ("everyday",)), Relation("a", "b")]
    for name in "ab":
        regions.append(Box(name, "object", "animal", 0, 10.0 if name == "a" else 300.0, 10.0, 100.0, 100.0))
    lab.answer("cat", regions, regions, regions)
    assert score(lab.workspace, "p", POLICY).outcomes == {"review": 1}
    assert "nothing measures agreement on relations yet" in {row["rule"] for row in lab.all(DecisionRow)}


@pytest.mark.parametrize(
    ("region", "column", "told"),
    [(outline(5), "polygons", {"label": "organ"}), (Choice("quality", ("good",), item=1), "choices", {"item": 1})],
)
def test_a_release_holds_it_all_the_same(filled: Filled, region: Region, column: str, told: dict[str, Any]) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(ConsensusRow, "boards-0-1").regions = [region_to_json(region)]
    report = both(filled)
    rows = open_release(filled.workspace.store, report.dataset).rows("items")
    (found,) = (each for row in rows if row["project"] == "boards" for each in row[column] if told.items() <= each.items())
    assert found["support" if column == "polygons" else "probability"] is None  # nobody has judged it
