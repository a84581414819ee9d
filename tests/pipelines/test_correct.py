"""A curator's answer: it settles a review, stands beside what the annotators said, and must fit the label configuration."""

from dataclasses import replace
from typing import Any

import pytest

from yuelu.annotate.tasks import move
from yuelu.base.errors import Conflict, InvalidRecord, NotFound
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.work import AnnotationRow
from yuelu.base.records import Box, Choice, Region
from yuelu.pipelines.correct import correct
from yuelu.pipelines.score import score
from yuelu.quality.policy import default_policy

WORD = {"owner": "curator", "reason": "the note says so"}
SCENE = Choice("scene", ("industrial",))
BOX = Box("b", "object", "part", 0, 10.0, 20.0, 30.0, 40.0)


def dispute(lab: Any, name: str = "chair") -> None:
    """Let the annotators disagree twice, so that the task is in review."""
    for round_ in (1, 2):
        lab.answer(name, *([(Choice("scene", (label,)),) for label in ("medical", "everyday", "material")]), round_=round_)
        score(lab.workspace, "p", default_policy())


def test_it_settles_a_review_and_leaves_the_rest_as_it_was(lab: Any) -> None:
    dispute(lab)
    key = lab.key("chair", 2)
    before = (lab.all(ConsensusRow), lab.all(AnnotationRow))
    assert correct(lab.workspace, key, (SCENE, BOX), **WORD)
    assert lab.states()["chair"] == ["rework", "accepted"]
    assert (lab.all(ConsensusRow), lab.all(AnnotationRow)) == before
    (row,) = lab.all(CorrectionRow)
    assert (row["item_key"], row["owner"], row["reason"]) == (key, "curator", "the note says so")
    assert row["regions"][0] == {"kind": "choice", "control": "scene", "labels": ["industrial"], "region_id": None}
    told = [(event["actor"], event["role"], event["action"], event["reason"]) for event in lab.all(EventRow)[-2:]]
    assert told == [
        ("curator", "curator", "correct", "the note says so"),
        ("curator", "curator", "task.accepted", "settled by curator: the note says so"),
    ]


def test_the_same_word_twice_is_said_once(lab: Any) -> None:
    dispute(lab)
    assert correct(lab.workspace, lab.key("chair", 2), (SCENE,), **WORD)
    before = lab.judged()
    assert not correct(lab.workspace, lab.key("chair", 2), (SCENE,), **WORD)
    assert lab.judged() == before


@pytest.mark.parametrize("state", ["accepted", "published"])
def test_what_is_done_can_be_corrected_and_stays_where_it_is(make_lab: Any, state: str) -> None:
    lab = make_lab("cat")
    lab.answer("cat", *[(SCENE, BOX)] * 3)
    score(lab.workspace, "p", default_policy())
    if state == "published":
        with lab.ledger.transaction("test") as t:
            move(t, lab.key("cat"), "published")
    assert correct(lab.workspace, lab.key("cat"), (SCENE,), **WORD)
    assert correct(lab.workspace, lab.key("cat"), (SCENE, BOX), **WORD)  # second thoughts are kept beside the first
    assert lab.states() == {"cat": [state]}
    assert len(lab.all(CorrectionRow)) == 2


@pytest.mark.parametrize("state", ["new", "dispatched", "submitted", "rework"])
def test_what_is_under_way_is_refused(make_lab: Any, state: str) -> None:
    lab = make_lab("cat")
    with lab.ledger.transaction("test") as t:
        for each in ("dispatched", "submitted", "rework")[: ("new", "dispatched", "submitted", "rework").index(state)]:
            move(t, lab.key("cat"), each)
    before = lab.judged()
    with pytest.raises(Conflict, match=f"is {state}\n  try: a curator settles tasks that are review, accepted, published"):
        correct(lab.workspace, lab.key("cat"), (SCENE,), **WORD)
    with pytest.raises(NotFound, match="no task 'nothing'"):
        correct(lab.workspace, "nothing", (SCENE,), **WORD)
    assert lab.judged() == before


@pytest.mark.parametrize(
    ("regions", "problem"),
    [
        ((), "scene is required"),
        ((SCENE, SCENE), "scene is answered 2 times"),
        ((Choice("scene", ("beautiful",)),), "no such label 'beautiful'"),
        ((SCENE, Choice("weather", ("fine",))), "does not ask 'weather'"),
        ((SCENE, Box("b", "object", "part", 1, 10.0, 20.0, 30.0, 40.0)), "item 1 of 1"),
        ((SCENE, Box("b", "object", "part", 0, 630.0, 20.0, 30.0, 40.0)), "outside the picture of 640 x 480"),
        ((SCENE, BOX, BOX), "region id 'b' is used 2 times"),
    ],
)
def test_what_no_annotator_could_answer_is_refused(make_lab: Any, regions: tuple[Region, ...], problem: str) -> None:
    lab = make_lab("chair")
    dispute(lab)
    before = lab.judged()
    with pytest.raises(InvalidRecord, match=problem):
        correct(lab.workspace, lab.key("chair", 2), regions, **WORD)
    assert lab.judged() == before


def test_a_curator_draws_on_any_picture_of_a_stack(lab: Any) -> None:
    """The third of three slices, which are 64 x 48 and shown four times as large."""
    with lab.ledger.transaction("test") as t:
        source = t.session.get_one(AssetRow, lab.hashes["chair"])
        proxy = t.session.get_one(AssetRow, source.facts["proxy"])
        source.facts = {**source.facts, "frames": [proxy.sha256] * 3}
        proxy.facts = {"width_px": 256, "height_px": 192, "scale": 4}
    dispute(lab)
    corner = Box("b", "object", "part", 2, 60.0, 44.0, 4.0, 4.0)
    for refused, match in (
        (replace(corner, item=3), "item 3 of 3"),
        (replace(corner, width_px=5.0), "outside the picture of 64 x 48"),
    ):
        with pytest.raises(InvalidRecord, match=match):
            correct(lab.workspace, lab.key("chair", 2), (SCENE, refused), **WORD)
    assert correct(lab.workspace, lab.key("chair", 2), (SCENE, corner), **WORD)
