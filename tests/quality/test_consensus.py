"""Consensus against published results, and that neither order nor names decide it."""

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import yaml

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import Box, Segment
from yuelu.base.schemas import BOXES, LABELS, SEEN, SEGMENTS
from yuelu.quality.coded import code_labels
from yuelu.quality.consensus import consensus_labels, entropy_bits, vote_shares
from yuelu.quality.consensus_shapes import consensus_boxes, consensus_segments, median_box
from yuelu.quality.dawid_skene import dawid_skene

FIXTURES = Path(os.environ.get("YUELU_FIXTURES", Path(__file__).parents[3] / "shared" / "fixtures"))


def labels(rows: Any) -> Any:
    return pa.Table.from_pylist([dict(zip(("task", "annotator", "label"), map(str, row), strict=True)) for row in rows], LABELS)


def fixture(path: Any) -> Any:
    if not (FIXTURES / path).exists():
        pytest.skip(f"no fixtures at {FIXTURES}")
    return FIXTURES / path


def test_dawid_skene_reproduces_the_table_of_1979() -> None:
    published = json.loads(fixture("agreement_tables/DAWID_SKENE_1979.json").read_text())["dawid_skene_1979"]
    with fixture("agreement_tables/anesthesia.csv").open() as file:
        rows = [[int(float(cell)) for cell in row] for row in list(csv.reader(file))[1:]]
    table = labels(rows)
    model = dawid_skene(code_labels(table, "keep"), right=0, wrong=0)  # maximum likelihood, as published
    np.testing.assert_allclose(model.prior, published["published_p"], atol=5e-3)
    np.testing.assert_allclose(model.rates, published["error_rates"], atol=6e-3)
    assert model.log_likelihood == pytest.approx(published["loglik"], abs=1e-4)
    found = {int(row["task"]): row for row in consensus_labels(table, "dawid-skene", repeats="keep").to_pylist()}
    assert [int(found[patient]["label"]) for patient in range(1, 46)] == published["labels"]
    assert found[35]["probability"] == pytest.approx(0.948, abs=5e-3)
    with pytest.raises(InvalidRecord, match="answered task '1' more than once"):
        consensus_labels(table, "dawid-skene")


def test_consensus_of_the_bluebirds() -> None:
    truth = yaml.safe_load(fixture("bluebirds_cubam/bluebirds/gt.yaml").read_text())
    given = yaml.safe_load(fixture("bluebirds_cubam/bluebirds/labels.yaml").read_text())
    table = labels([(task, who, label) for who, tasks in given.items() for task, label in tasks.items()])

    def accuracy(found: Any) -> Any:
        return np.mean([row["label"] == str(truth[int(row["task"])]) for row in found])

    assert accuracy(consensus_labels(table).to_pylist()) == pytest.approx(0.7593, abs=5e-5)
    coded = code_labels(table)
    careful = dawid_skene(coded, right=2, wrong=1).probability.argmax(axis=1)
    answers = [{"task": t, "label": coded.labels[b]} for t, b in zip(coded.tasks.to_pylist(), careful, strict=True)]
    assert accuracy(answers) == pytest.approx(0.8889, abs=5e-5)
    assert accuracy(consensus_labels(table, "dawid-skene").to_pylist()) >= 0.8889 - 5e-5


@pytest.mark.parametrize(("name", "published"), [("CF", 0.83), ("CF_amt", 0.84), ("MS", 0.7686), ("SP", 0.9152)])
def test_dawid_skene_reaches_the_known_accuracy(name: Any, published: Any) -> None:
    with fixture(f"active_crowd_toolkit/{name}.csv").open() as file:
        rows = list(csv.reader(file))
    gold = {task: answer for _, task, _, answer, *_ in rows}
    found = consensus_labels(labels([(row[1], row[0], row[2]) for row in rows]), "dawid-skene", repeats="first").to_pylist()
    assert np.mean([row["label"] == gold[row["task"]] for row in found]) == pytest.approx(published, abs=1e-3)


def test_a_tie_shows_in_the_probability_and_goes_by_the_order_of_text() -> None:
    rows = [("t", "ann", "dog"), ("t", "bob", "cat"), ("u", "ann", "dog")]
    for turned in (rows, rows[::-1]):
        assert consensus_labels(labels(turned)).to_pylist() == [
            {"task": "t", "label": "cat", "probability": 0.5},
            {"task": "u", "label": "dog", "probability": 1.0},
        ]


def test_dawid_skene_does_not_depend_on_order_or_names() -> None:
    rng = np.random.default_rng(0)
    rows = [(t, f"w{w}", (t + (rng.random() < 0.1 * w)) % 3) for t in range(30) for w in range(5)]
    before = consensus_labels(labels(rows), "dawid-skene").to_pylist()
    after = consensus_labels(labels([(t, "x" + w[::-1], x) for t, w, x in reversed(rows)]), "dawid-skene").to_pylist()
    assert [row["label"] for row in after] == [row["label"] for row in before]
    assert [row["probability"] for row in after] == pytest.approx([row["probability"] for row in before])


def test_votes_and_their_entropy() -> None:
    shares = vote_shares(labels([("t", "a", "x"), ("t", "b", "x"), ("t", "c", "y"), ("t", "d", "y"), ("u", "a", "x")]))
    assert shares == {"t": {"x": 0.5, "y": 0.5}, "u": {"x": 1.0}}
    assert (entropy_bits(shares["t"]), entropy_bits(shares["u"])) == (1.0, 0.0)


def test_no_labels_and_no_such_method() -> None:
    assert consensus_labels(labels([])).num_rows == 0
    with pytest.raises(Misconfigured, match="unknown method of consensus 'mean'"):
        consensus_labels(labels([]), "mean")  # type: ignore[arg-type]


def boxes(*rows: Any) -> Any:
    names = ("task", "annotator", "label", "x", "y", "width", "height", "rotation")
    return pa.Table.from_pylist([{**dict(zip(names, row, strict=True)), "item": 0} for row in rows], BOXES)


def seen(**annotators: Any) -> Any:
    return pa.Table.from_pylist([{"task": t, "annotator": a, "group": t} for t, names in annotators.items() for a in names], SEEN)


def test_a_box_that_most_drew_is_kept_at_the_median_of_its_corners() -> None:
    drawn = boxes(
        ("t", "ann", "cat", 0, 0, 10, 10, 0), ("t", "bob", "dog", 1, 0, 10, 10, 0), ("t", "cho", "cat", 0, 1, 12, 10, 0),
        ("t", "cho", "cat", 70, 70, 5, 5, 0),  # one of three
    )  # fmt: skip
    found = consensus_boxes(drawn, seen(t=["ann", "bob", "cho"], empty=["ann", "bob"]))
    assert found["empty"] == ()
    (box,) = found["t"]
    assert (box.x, box.y, box.width, box.height, box.rotation) == (0, 0, 11, 10, 0)
    assert (box.label, box.votes, box.label_votes, box.seen, box.support) == ("cat", 3, 2, 3, 1.0)
    assert box.region("b1", "defect") == Box("b1", "defect", "cat", 0, 0, 0, 11, 10, 0)


def test_half_is_not_more_than_half() -> None:
    drawn = boxes(("t", "ann", "cat", 0, 0, 10, 10, 0))
    assert consensus_boxes(drawn, seen(t=["ann", "bob"]))["t"] == ()
    assert len(consensus_boxes(drawn, seen(t=["ann"]))["t"]) == 1


def test_no_annotator_is_in_a_cluster_twice() -> None:
    drawn = boxes(
        ("t", "ann", "a", 0, 0, 10, 10, 0), ("t", "ann", "a", 2, 0, 10, 10, 0),
        ("t", "bob", "a", 0, 0, 10, 10, 0), ("t", "bob", "a", 2, 0, 10, 10, 0),
    )  # fmt: skip
    assert [(box.x, box.votes) for box in consensus_boxes(drawn, seen(t=["ann", "bob"]))["t"]] == [(0, 2), (2, 2)]


def test_consensus_does_not_depend_on_order_or_names() -> None:
    rng = np.random.default_rng(3)
    rows = [
        ("t", who, str(rng.choice(["a", "b"])), *(30.0 * i + rng.uniform(0, 4, 2)), *rng.uniform(8, 12, 2), 0.0)
        for who in ("ann", "bob", "cho") for i in range(4)
    ]  # fmt: skip
    before = consensus_boxes(boxes(*rows), seen(t=["ann", "bob", "cho"]))
    names = {"ann": "cho", "bob": "ann", "cho": "bob"}
    turned = boxes(*[(t, names[a], *rest) for t, a, *rest in reversed(rows)])
    assert consensus_boxes(turned, seen(t=["ann", "bob", "cho"])) == before
    assert len(before["t"]) == 4


def test_the_median_of_turned_boxes_pairs_corners_that_are_near() -> None:
    square = [0.0, 0.0, 10.0, 10.0, 30.0]
    turn = np.deg2rad(30)
    same = [10 * np.cos(turn), 10 * np.sin(turn), 10.0, 10.0, 120.0]  # the next corner, turned by 90 degrees more
    assert median_box(np.array([square, same, square])) == pytest.approx((0, 0, 10, 10, 30))


def test_segments_take_the_median_of_their_boundaries() -> None:
    rows = [("t", "ann", "speech", 0.0, 5.0), ("t", "bob", "speech", 0.2, 5.5), ("t", "cho", "music", 0.1, 5.1)]
    names = ("task", "annotator", "label", "start", "end")
    drawn = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], SEGMENTS)
    (segment,) = consensus_segments(drawn, seen(t=["ann", "bob", "cho", "dan"]))["t"]
    assert (segment.start, segment.end, segment.label) == (0.1, 5.1, "speech")
    assert (segment.votes, segment.label_votes, segment.support) == (3, 2, 0.75)
    assert segment.region("s1", "events") == Segment("s1", "events", "speech", 0.1, 5.1)


def test_weighted_boxes_fusion_gives_what_ensemble_boxes_gives() -> None:
    drawn = {
        "a": [("part", 0.10, 0.10, 0.50, 0.40), ("hole", 0.60, 0.60, 0.90, 0.90)],
        "b": [("part", 0.12, 0.08, 0.52, 0.42), ("hole", 0.62, 0.58, 0.94, 0.88)],
        "c": [("part", 0.08, 0.12, 0.46, 0.44)],
    }
    rows = [
        {"task": "t", "annotator": who, "label": label, "item": 0, "rotation": 0.0}
        | {"x": 1000 * x, "y": 1000 * y, "width": 1000 * (right - x), "height": 1000 * (bottom - y)}
        for who, boxes in drawn.items()
        for label, x, y, right, bottom in boxes
    ]
    table = pa.Table.from_pylist(rows, BOXES)
    who = pa.Table.from_pylist([{"task": "t", "annotator": name, "group": "g"} for name in drawn], SEEN)
    # ensemble-boxes 1.0.9: weighted_boxes_fusion(boxes, scores of 1, labels, weights, iou_thr=0.5), times 1000.
    expected: dict[Any, Any] = {
        (1, 1, 1): ([100, 100, 493.333, 420, 1], [610, 590, 920, 890, 2 / 3]),
        (2, 1, 1): ([100, 100, 495, 415, 1], [606.667, 593.333, 913.333, 893.333, 0.75]),
    }
    for weights, boxes in expected.items():
        found = consensus_boxes(table, who, method="wbf", weights=dict(zip(drawn, weights, strict=True)))["t"]
        for box, one in zip(found, boxes, strict=True):
            corners = [box.x, box.y, box.x + box.width, box.y + box.height, box.probability]
            np.testing.assert_allclose(corners, one, atol=1e-3)
    with pytest.raises(Misconfigured, match="weights of annotators"):
        consensus_boxes(table, who, method="wbf", weights={"a": -1.0})
    with pytest.raises(Misconfigured, match="unknown method of consensus 'mean' for boxes"):
        consensus_boxes(table, who, method="mean")  # type: ignore[arg-type]
    turned = pa.Table.from_pylist([{**row, "rotation": 5.0} for row in rows], BOXES)
    with pytest.raises(Misconfigured, match="turned boxes"):
        consensus_boxes(turned, who, method="wbf")


def test_crowded_boxes_are_joined_closest_first() -> None:
    # By hand: a and b drew two boxes each, one row of four that all touch. The closest pair is joined first, then what is left.
    rows = [
        {"task": "t", "annotator": who, "label": "x", "item": 0, "x": x, "y": 0.0, "width": 10.0, "height": 10.0, "rotation": 0.0}
        for who, x in (("a", 0.0), ("b", 3.0), ("a", 4.0), ("b", 7.0), ("c", 4.5))
    ]
    who = pa.Table.from_pylist([{"task": "t", "annotator": name, "group": "g"} for name in "abc"], SEEN)
    found = consensus_boxes(pa.Table.from_pylist(rows, BOXES), who, iou=0.3)["t"]
    assert [(box.x, box.votes) for box in found] == [(4.0, 3)]
