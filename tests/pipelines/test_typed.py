"""Every kind of control of a workspace: how it is measured, what it comes to, and which of its metrics a policy may name."""

from datetime import UTC, datetime
from typing import Any

import pytest

from yuelu.annotate.templates import load_template
from yuelu.base.records import (
    Annotation,
    Choice,
    Ellipse,
    KeyPoint,
    Mask,
    Moment,
    Polygon,
    Preference,
    Ranking,
    Rating,
    Region,
    Taxonomy,
    Text,
    TextSpan,
    Track,
    Vector,
)
from yuelu.base.records.shapes import Vertex
from yuelu.base.records.stretches import Keyframe
from yuelu.pipelines.judge import batch_scores, consensus_of, kind_of_control, names_regions_only, task_scores
from yuelu.pipelines.tables import Answers, tabulate
from yuelu.pipelines.typed import MEASURED_AS
from yuelu.quality.policy import BATCH_METRICS, TASK_METRICS

AT = datetime(2026, 1, 2, tzinfo=UTC)


def outline(x: float) -> Polygon:
    return Polygon("", "c", "organ", 0, ((x, 0.0), (x + 10, 0.0), (x + 10, 10.0), (x, 10.0)))


def line(x: float) -> Vector:
    return Vector("", "c", "crack", 0, (Vertex("a", x, 0.0), Vertex("b", x, 90.0, "a")))


def moving(x: float) -> Track:
    return Track("", "c", "car", (Keyframe(1, True, x, 0.0, 10.0, 10.0),), 9)


# Two answers that are alike and one that is not: the metric is the mean over three pairs, or the share of those that agree.
SAID: dict[str, tuple[Region, Region, str, float]] = {
    "multichoice": (Choice("c", ("a", "b")), Choice("c", ("a",)), "jaccard", (1 + 0.5 + 0.5) / 3),
    "rating": (Rating("c", 3), Rating("c", 5), "percent_agreement", 1 / 3),
    "moment": (Moment("c", "2026-01-02"), Moment("c", "2026-01-03"), "percent_agreement", 1 / 3),
    "taxonomy": (Taxonomy("c", (("a", "b"),)), Taxonomy("c", (("a", "c"),)), "percent_agreement", 1 / 3),
    "preference": (Preference("c", "left"), Preference("c", "right"), "percent_agreement", 1 / 3),
    "ranking": (Ranking("c", (("x", ("a", "b")),)), Ranking("c", (("x", ("b", "a")),)), "pair_agreement", 1 / 3),
    "text": (Text("c", ("one two",)), Text("c", ("one three",)), "percent_agreement", 1 / 3),
    "polygon": (outline(0), outline(90), "f1@0.50", 1 / 3),
    "ellipse": (Ellipse("", "c", "x", 0, 9, 9, 5, 4), Ellipse("", "c", "x", 0, 99, 9, 5, 4), "f1@0.50", 1 / 3),
    "vector": (line(0), line(90), "f1@0.50", 1 / 3),
    "keypoint": (KeyPoint("", "c", "eye", 0, 5, 5, 1), KeyPoint("", "c", "nose", 0, 5, 5, 1), "f1", 1 / 3),
    "mask": (Mask("", "c", "x", 0, 4, 1, (2, 2), (255, 0)), Mask("", "c", "x", 0, 4, 1, (2, 2), (0, 255)), "dice", 1 / 3),
    "track": (moving(0), moving(90), "idf1", 1 / 3),
    "text_span": (TextSpan("", "c", "PER", 0, 5), TextSpan("", "c", "PER", 50, 55), "f1_exact", 1 / 3),
}


def answers(kind: str, *said: tuple[Region, ...]) -> Answers:
    given = [Annotation(f"u{at}", "t", f"p{at}", AT, AT, regions) for at, regions in enumerate(said)]
    return tabulate(given, {"c": kind}, {"t": "g"}, {})


@pytest.mark.parametrize("kind", SAID)
def test_two_of_three(kind: str) -> None:
    one, other, metric, value = SAID[kind]
    found = answers(kind, (one,), (one,), (other,))
    of_task = {each.metric: each.value for each in task_scores(found)["t"]["c"]}
    batch = {each.metric: each.value for each in batch_scores(found)["c"]}
    assert of_task[metric] == batch[metric] == pytest.approx(value)
    consensus = consensus_of(found, {"c": kind}, {})["t"]
    (region,) = consensus.regions
    assert type(region) is type(one)
    name = getattr(region, "id", "c")
    assert consensus.support[name] > 0.5
    # A policy may name what is computed, and nothing else; per-label scores of several labels have the label beside the name.
    measured = MEASURED_AS[kind]
    assert set(of_task) <= set(TASK_METRICS[measured])
    assert {each.partition("[")[0] for each in batch} <= set(BATCH_METRICS[measured])
    assert set(TASK_METRICS[measured]) <= set(of_task)
    assert len(batch_scores(found)["c"]) == len(batch)  # each metric once: the ledger keeps one row of a name


def test_nobody_drew() -> None:
    found = answers("polygon", (), (), ())
    f1 = {each.metric: each for each in batch_scores(found)["c"]}["f1@0.50"]
    assert (f1.value, f1.annotations, f1.annotators) == (None, 0, 3)  # which a policy may accept as agreement
    assert consensus_of(found, {"c": "polygon"}, {})["t"].regions == ()


@pytest.mark.parametrize(
    ("template", "kinds"),
    [
        ("image-findings", ["multichoice"]), ("image-rating", ["rating"]), ("image-taxonomy", ["taxonomy"]),
        ("image-preference", ["preference"]), ("image-polylines", ["vector"]), ("image-masks", ["mask"]),
        ("video-tracks", ["track"]), ("text-spans", ["text_span"]), ("audio-transcription", ["segment", None]),
        ("image-ranking", [None]),
    ],
)  # fmt: skip
def test_controls_have_kinds(template: str, kinds: list[Any]) -> None:
    controls = [each for each in load_template(template).controls if not names_regions_only(each)]
    assert [kind_of_control(each) for each in controls] == kinds
