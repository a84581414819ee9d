"""What answers add up to. The task of the tests, by hand: three people, one choice, boxes, and two that one alone drew."""

import math
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.records import Annotation, Box, Choice, FrameRange, Region, Segment
from yuelu.pipelines.judge import Consensus, batch_scores, consensus_of, in_frames, task_scores
from yuelu.pipelines.tables import Answers, tabulate

AT = datetime(2026, 1, 2, tzinfo=UTC)
IMAGE = {"scene": "choice", "object": "box"}
VIDEO = {"camera": "choice", "event": "frame_range"}


def answers(kinds: dict[str, str], *given_by_each: tuple[Region, ...], rate: float | None = None) -> Answers:
    annotations = [Annotation(f"u{number}", "t", f"p{number}", AT, AT, regions) for number, regions in enumerate(given_by_each)]
    return tabulate(annotations, kinds, {"t": "g"}, {} if rate is None else {"t": rate})


def consensus(kinds: dict[str, str], *given_by_each: tuple[Region, ...], rate: float | None = None) -> Consensus:
    return consensus_of(answers(kinds, *given_by_each, rate=rate), kinds, {} if rate is None else {"t": rate})["t"]


def box(x: float, width: float = 100.0, label: str = "part") -> Box:
    return Box(f"mine {x}", "object", label, 0, x, 10.0, width, 50.0)


def scene(label: str) -> Choice:
    return Choice("scene", (label,))


def test_choices_by_votes_with_their_entropy() -> None:
    found = consensus(IMAGE, (scene("medical"),), (scene("medical"),), (scene("everyday"),))
    assert found.regions == (scene("medical"),)
    assert found.support == {"scene": pytest.approx(2 / 3)}
    assert found.votes == {"scene": {"everyday": pytest.approx(1 / 3), "medical": pytest.approx(2 / 3)}}
    assert found.entropy == pytest.approx(math.log2(3) - 2 / 3)  # of shares 2/3 and 1/3
    assert found.probability == pytest.approx(2 / 3)


def test_joined_labels_are_parted_again() -> None:
    both = Choice("scene", ("medical", "industrial"))
    found = consensus(IMAGE, (both,), (both,), (scene("medical"),))
    assert found.regions == (Choice("scene", ("industrial", "medical")),)


def test_boxes_are_the_median_of_what_most_drew() -> None:
    found = consensus(
        IMAGE,
        (scene("medical"), box(10.0), box(400.0)),
        (scene("medical"), box(13.0), box(700.0)),  # who sees what nobody else sees has no say
        (scene("medical"), box(12.0, 102.0), box(402.0)),
    )
    assert found.regions == (
        scene("medical"),
        Box("object-0", "object", "part", 0, 12.0, 10.0, 101.0, 50.0),  # left: of 10, 12, 13; right: of 110, 113, 114
        Box("object-1", "object", "part", 0, 401.0, 10.0, 100.0, 50.0),  # of two
    )
    assert found.support == {"scene": 1.0, "object-0": 1.0, "object-1": pytest.approx(2 / 3)}
    assert found.votes == {"scene": {"medical": 1.0}, "object-0": 3, "object-1": 2}
    assert found.probability == pytest.approx(2 / 3)
    assert found.entropy == 0.0


def test_a_box_that_all_drew_under_other_names_is_not_certain() -> None:
    """Three of three drew it; one of three drew it as the label it carries."""
    found = consensus(IMAGE, *((scene("medical"), box(10.0, label=label)) for label in ("crack", "dent", "stain")))
    assert found.regions == (scene("medical"), Box("object-0", "object", "crack", 0, 10.0, 10.0, 100.0, 50.0))
    assert found.support == {"scene": 1.0, "object-0": 1.0}
    assert found.probability == pytest.approx(1 / 3)


def test_a_stretch_of_time_is_as_sure_as_its_label() -> None:
    kinds = {"sound": "segment"}
    found = consensus(kinds, *((Segment("s", "sound", label, 1.0, 2.0),) for label in ("speech", "speech", "music")))
    assert found.support == {"sound-0": 1.0}
    assert found.probability == pytest.approx(2 / 3)


def test_where_nobody_drew_or_chose_there_is_nothing() -> None:
    assert consensus(IMAGE, (), ()) == Consensus((), {}, None, None, {})


def test_a_task_that_only_has_boxes_has_no_entropy() -> None:
    found = consensus(IMAGE, (box(10.0),), (box(10.0),))
    assert (found.probability, found.entropy) == (1.0, None)


def test_frames_come_back_as_frames() -> None:
    def event(first: int, last: int) -> FrameRange:
        return FrameRange("mine", "event", "person", first, last)

    moving = Choice("camera", ("moving",))
    found = consensus(VIDEO, (moving, event(11, 60)), (moving, event(12, 62)), (moving, event(14, 61)), rate=30.0)
    assert found.regions == (moving, FrameRange("event-0", "event", "person", 12, 61))
    assert found.votes["event-0"] == 3


def test_scores_of_a_task_and_of_the_batch() -> None:
    found = answers(IMAGE, (scene("medical"), box(10.0)), (scene("medical"), box(10.0)), (scene("everyday"),))
    of_task = {control: {s.metric: s for s in scores} for control, scores in task_scores(found)["t"].items()}
    assert of_task["scene"]["percent_agreement"].value == pytest.approx(1 / 3)  # one pair of three agrees
    # Of three pairs one matches its box (2 of 2), two have a box that the other has not (0 of 1 each): 2 / (2 + 1 + 1).
    assert of_task["object"]["f1@0.50"].value == pytest.approx(0.5)
    of_batch = {control: {s.metric: s for s in scores} for control, scores in batch_scores(found).items()}
    assert of_batch["object"]["f1@0.50"].value == pytest.approx(0.5)
    assert (of_batch["object"]["f1@0.50"].low, of_batch["object"]["f1@0.50"].tasks) == (None, 1)  # one task: no interval


def test_nobody_drew_is_undefined_with_the_reason() -> None:
    found = answers(IMAGE, (scene("medical"),), (scene("medical"),))
    f1 = next(score for score in task_scores(found)["t"]["object"] if score.metric == "f1@0.50")
    assert (f1.value, f1.annotations, f1.annotators) == (None, 0, 2)
    assert f1.reason


def test_no_answers_have_no_scores_and_no_consensus() -> None:
    found = tabulate([], IMAGE, {}, {})
    assert task_scores(found) == {}
    assert consensus_of(found, IMAGE, {}) == {}
    assert {score.value for scores in batch_scores(found).values() for score in scores} == {None}


RATES = st.sampled_from([1.0, 10.0, 15.0, 24.0, 24000 / 1001, 25.0, 30000 / 1001, 29.97, 30.0, 50.0, 59.94, 60.0, 119.88])


@given(st.integers(1, 200_000), st.integers(0, 50_000), RATES)
def test_frames_survive_the_way_to_seconds_and_back(first: int, more: int, rate: float) -> None:
    there = answers(VIDEO, (FrameRange("r", "event", "person", first, first + more),), rate=rate)
    (row,) = there.controls["event"].table.to_pylist()
    back = in_frames(Segment("r", "event", "person", row["start"], row["end"]), rate)
    assert back == FrameRange("r", "event", "person", first, first + more)


@given(st.floats(0, 1000), st.floats(0.001, 1000), RATES)
def test_any_stretch_of_time_has_at_least_one_frame(start: float, length: float, rate: float) -> None:
    found = in_frames(Segment("r", "event", "person", start, start + length), rate)
    assert found.last_frame >= found.first_frame >= 1
    assert abs((found.first_frame - 1) / rate - start) <= 0.5 / rate + 1e-6
