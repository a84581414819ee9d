"""Signals: planted cheaters are found; honest crowds, made up and real, are accused no more often than is stated.

Expected values: Holm's own example; Fisher's exact test and the binomial tail by hand; crowds whose makers are known.
"""

import csv
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from yuelu.base.schemas import LABELS
from yuelu.quality.coded import Coded, code_labels
from yuelu.quality.signals.alike import alike
from yuelu.quality.signals.catalogue import Answers, signals, timed
from yuelu.quality.signals.clock import Passed, clock
from yuelu.quality.signals.constant import constant
from yuelu.quality.signals.copied import copied
from yuelu.quality.signals.crowd import standing_out
from yuelu.quality.signals.fast import fast
from yuelu.quality.signals.leaked import leaked
from yuelu.quality.signals.record import Looked, Signal, holm

Row = tuple[str, str, str]  # task, annotator, label
COMPANIES = {f"a{number:02}": "xyz"[number % 3] for number in range(20)}


def coded(rows: list[Row]) -> Coded:
    columns = zip(*rows, strict=True)
    return code_labels(pa.table(dict(zip(LABELS.names, columns, strict=True)), schema=LABELS), "last")


def crowd(seed: int, tasks: int = 200) -> tuple[list[Row], NDArray[np.float64], dict[str, str]]:
    """Honest people who differ: skill, leaning, pace; tasks that differ: difficulty, what they are mistaken for, time."""
    rng = np.random.default_rng(seed)
    labels, per = 2 + seed % 3, 5 + seed % 4
    truth, hard = rng.integers(labels, size=tasks), rng.normal(0, 1, tasks)
    skill, leaning = rng.normal(1.5, 0.7, 20), rng.dirichlet(np.full(labels, 3.0), 20)
    mistaken, pace, length = rng.dirichlet(np.ones(labels), tasks), rng.normal(0, 0.4, 20), rng.normal(3, 0.5, tasks)
    rows, seconds = [], []
    for task in range(tasks):
        for who in rng.choice(20, per, replace=False):
            label = truth[task]
            if rng.random() > 1 / (1 + math.exp(hard[task] - skill[who])):
                chance = leaning[who] * mistaken[task]
                chance[truth[task]] = 0
                label = rng.choice(labels, p=chance / chance.sum())
            rows.append((f"t{task}", f"a{who:02}", str(label)))
            seconds.append(math.exp(length[task] + pace[who] + rng.normal(0, 0.4)))
    return rows, np.array(seconds), {f"t{task}": str(truth[task]) for task in range(tasks)}


def accused(found: Looked) -> set[tuple[str, ...]]:
    return {signal.annotators for signal in found.raised}


def test_honest_crowds_are_accused_no_more_often_than_is_stated() -> None:
    times, tested = np.zeros(4), np.zeros(4)
    for seed in range(30):
        rows, seconds, truth = crowd(seed)
        table, gold = coded(rows), dict(list(truth.items())[:60])
        found = (constant(table), alike(table, COMPANIES), leaked(table, gold), fast(table, seconds))
        tested += [each.reason is None for each in found]
        times += [bool(each.raised) for each in found]
    assert tested.min() >= 20
    # 5 % of 30 is 1.5; 6 or more has a chance of 0.3 % (binomial)
    assert times.max() <= 5


def test_who_always_says_the_same_is_found() -> None:
    rows, _, _ = crowd(1)
    rows = [(task, who, "0" if who == "a07" else label) for task, who, label in rows]
    found = constant(coded(rows))
    assert accused(found) == {("a07",)}
    (signal,) = found.raised
    assert signal.statistic == 1.0
    assert signal.adjusted < 0.001


def test_who_copies_from_a_colleague_is_found_and_not_from_the_truth() -> None:
    rows, _, truth = crowd(2)
    answers = {(task, who): label for task, who, label in rows}
    for task in truth:  # a03 and a06 are of one company
        if (task, "a03") in answers:
            answers[task, "a06"] = answers[task, "a03"]
    found = alike(coded([(task, who, label) for (task, who), label in answers.items()]), COMPANIES)
    assert accused(found) == {("a03", "a06")}
    elsewhere = {**COMPANIES, "a06": "other"}  # nothing is said of people of two companies
    assert accused(alike(coded([(t, w, label) for (t, w), label in answers.items()]), elsewhere)) == set()
    perfect = {key: truth[key[0]] if key[1] in ("a03", "a06") else label for key, label in answers.items()}
    assert accused(alike(coded([(t, w, label) for (t, w), label in perfect.items()]), COMPANIES)) == set()


def test_who_knows_the_gold_is_found() -> None:
    rows, _, truth = crowd(3)
    gold = dict(list(truth.items())[:80])
    rng = np.random.default_rng(0)
    told = [
        (task, who, (truth[task] if task in gold else str(rng.integers(2))) if who == "a11" else label)
        for task, who, label in rows
    ]
    assert accused(leaked(coded(told), gold)) == {("a11",)}
    # gold that is easier for everybody accuses nobody
    easy = [(task, who, truth[task] if task in gold else label) for task, who, label in rows]
    assert accused(leaked(coded(easy), gold)) == set()


def test_who_hardly_looks_is_found_and_not_who_has_short_tasks() -> None:
    rows, seconds, _ = crowd(4)
    hurried = np.array([time / 30 if who == "a05" else time for (_, who, _), time in zip(rows, seconds, strict=True)])
    found = fast(coded(rows), hurried)
    assert accused(found) == {("a05",)}
    assert found.raised[0].statistic < 0.2
    short = {f"t{number}" for number in range(100)}
    brief = np.array([time / 30 if task in short else time for (task, _, _), time in zip(rows, seconds, strict=True)])
    assert accused(fast(coded(rows), brief)) == set()
    untimed = fast(coded(rows), np.full(len(rows), np.nan))
    assert untimed.signals == ()
    assert str(untimed.reason).startswith("fewer than 8 annotators")


def test_shapes_from_one_hand_are_found() -> None:
    drawn = [(f"t{task}", who, f"t{task} {who}") for task in range(10) for who in ("ann", "bob", "cat", "dan")]
    assert copied(drawn).raised == ()
    same = [(task, who, f"{task} ann" if who == "bob" and task in ("t1", "t5") else shape) for task, who, shape in drawn]
    found = copied(same)
    assert accused(found) == {("ann", "bob")}
    (signal,) = found.raised
    # 2 of 10 at 1 in 1000 (nobody else coincides): 1 - .999^10 - 10 * .001 * .999^9; of 6 pairs
    p = 1 - 0.999**10 - 10 * 0.001 * 0.999**9
    assert [signal.statistic, signal.p_value] == pytest.approx([0.2, p])
    assert signal.adjusted == pytest.approx(6 * p)


def test_shapes_that_everybody_was_shown_or_has_say_nothing() -> None:
    whole = [(f"t{task}", who, "the whole frame") for task in range(10) for who in ("ann", "bob", "cat")]
    assert copied(whole).raised == ()
    two = [(f"t{task}", who, f"shown {task}") for task in range(10) for who in ("ann", "bob")]
    assert accused(copied(two)) == {("ann", "bob")}
    assert copied(two, [(f"t{task}", f"shown {task}") for task in range(10)]).raised == ()
    assert "no two annotators" in str(copied([]).reason)


def test_holm() -> None:
    # Holm (1979) as in R's documentation of p.adjust: the largest of (n - rank) p so far
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=20))
def test_an_adjusted_p_value_is_never_smaller_and_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= worth <= 1 for p, worth in zip(p_values, adjusted, strict=True))
    ranked = [worth for _, worth in sorted(zip(p_values, adjusted, strict=True))]
    assert ranked == sorted(ranked)


def test_a_crowd_that_differs_hides_what_differs_no_more() -> None:
    effects = np.array([-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3, 0.4, 3.0])
    p_values = standing_out(effects, np.full(9, 0.01))
    # median 0.1, median absolute deviation 0.2: 2.9 / (1.4826 * 0.2) = 9.78 with 8 degrees of freedom
    assert p_values[-1] < 1e-4
    assert p_values[:-1].min() > 0.1
    assert standing_out(-effects, np.full(9, 0.01))[-1] > 0.99


def test_what_is_not_known_is_said() -> None:
    rows, _, _ = crowd(5, tasks=60)
    found = signals(Answers(pa.table(dict(zip(LABELS.names, zip(*rows, strict=True), strict=True)), schema=LABELS)))
    assert [each.kind for each in found] == ["fast", "constant", "copied", "alike", "leaked-gold", "clock"]
    assert [each.reason is None for each in found] == [False, True, False, False, False, False]
    assert timed({}).signals == ()
    assert all(isinstance(signal, Signal) for signal in found[1].signals)


def test_who_reports_more_time_than_there_was() -> None:
    found = clock(
        {"honest": Passed(3500.0, 3600.0, 60), "late clock": Passed(3650.0, 3600.0, 60), "sleeper": Passed(9000.0, 3600.0, 60)}
    )
    assert [(each.annotators, each.statistic, each.expected) for each in found.raised] == [(("sleeper",), 2.5, 1.0)]


def birds(fixtures: Path) -> list[Row]:
    said = yaml.safe_load((fixtures / "bluebirds_cubam/bluebirds/labels.yaml").read_text())
    return [(str(task), f"w{who}", str(label)) for who, labels in said.items() for task, label in labels.items()]


def test_the_crowd_of_the_bluebirds_is_not_accused(fixtures: Path) -> None:
    table = coded(birds(fixtures))
    truth = yaml.safe_load((fixtures / "bluebirds_cubam/bluebirds/gt.yaml").read_text())
    gold = {str(task): str(label) for task, label in list(truth.items())[::2]}
    companies = {name: "abc"[number % 3] for number, name in enumerate(table.annotators)}
    for found in (constant(table), alike(table, companies), leaked(table, gold)):
        assert found.reason is None
        assert found.raised == ()


def test_whom_it_accuses_in_a_real_crowd_is_no_better_than_a_coin(fixtures: Path) -> None:
    rows = [row for row in csv.reader((fixtures / "active_crowd_toolkit/CF_amt.csv").read_text().splitlines()) if row]
    answers: list[Row] = [(task, who, label) for who, task, label, *_ in rows]
    truth = {task: gold for _, task, _, gold, *_ in rows}
    found = constant(coded(answers))
    right: dict[str, list[bool]] = {}
    for task, who, label in answers:
        right.setdefault(who, []).append(label == truth[task])
    accuracy = {who: sum(hits) / len(hits) for who, hits in right.items() if len(hits) >= 20}
    assert accused(found) == {("A510NKLV727GZ",), ("A49XY0E6KFP15",)}
    worst = sorted(accuracy, key=lambda who: accuracy[who])[: len(accuracy) // 10 + 1]
    assert {"A510NKLV727GZ", "A49XY0E6KFP15"} <= set(worst)
