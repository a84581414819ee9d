"""Models of annotators on real crowds; the accuracies are those of crowd-kit 1.4.2 on the same tables (first answers only)."""

import csv
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
import pytest

from yuelu.base.schemas import LABELS
from yuelu.quality.coded import Coded, code_labels
from yuelu.quality.consensus import METHODS, Method, consensus_labels
from yuelu.quality.dawid_skene import dawid_skene
from yuelu.quality.glad import glad
from yuelu.quality.mace import mace


def table(rows: list[tuple[str, str, str]]) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(("task", "annotator", "label"), row, strict=True)) for row in rows], LABELS)


@pytest.mark.parametrize(
    ("crowd", "method", "accuracy"),
    [
        ("CF", "weighted-majority", 0.88), ("CF", "one-coin", 0.8867), ("CF", "mace", 0.89), ("CF", "glad", 0.88),
        ("CF_amt", "weighted-majority", 0.8567), ("CF_amt", "one-coin", 0.86), ("CF_amt", "mace", 0.8667),
        ("CF_amt", "glad", 0.8533),
    ],
)  # fmt: skip
def test_accuracy_on_real_crowds(fixtures: Path, crowd: str, method: Method, accuracy: float) -> None:
    with (fixtures / f"active_crowd_toolkit/{crowd}.csv").open() as file:
        rows = list(csv.reader(file))
    gold = {row[1]: row[3] for row in rows}
    found = consensus_labels(table([(row[1], row[0], row[2]) for row in rows]), method, repeats="first").to_pylist()
    # One in a hundred hangs on how ties are broken, and for MACE on where it starts.
    assert np.mean([row["label"] == gold[row["task"]] for row in found]) == pytest.approx(accuracy, abs=0.0101)


def crowd(seed: int, skills: tuple[float, ...], tasks: int = 300, labels: int = 3) -> tuple[Coded, list[int]]:
    """Return answers of annotators who are right with the probability of their skill, and the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, tasks)
    rows = []
    for who, skill in enumerate(skills):
        wrong = (truth + rng.integers(1, labels, tasks)) % labels
        for task, label in enumerate(np.where(rng.random(tasks) < skill, truth, wrong)):
            rows.append((f"{task:04}", f"a{who}", str(label)))
    return code_labels(table(rows)), truth.tolist()


@pytest.mark.parametrize("method", get_args(Method))
def test_skilled_annotators_outvote_careless_ones(method: Method) -> None:
    coded, truth = crowd(1, (0.97, 0.95, 0.4, 0.38, 0.36))
    best = METHODS[method](coded).argmax(axis=1)
    accuracy = np.mean(
        [coded.labels[label] == str(truth[int(task)]) for task, label in zip(coded.tasks.to_pylist(), best, strict=True)]
    )
    at_least = {"majority": 0.7, "weighted-majority": 0.85}  # the careless are three of five
    assert accuracy > at_least.get(method, 0.95)
    assert method != "majority" or accuracy < 0.85


@pytest.mark.parametrize("method", get_args(Method))
def test_probabilities_add_up_and_names_do_not_matter(method: Method) -> None:
    coded, _ = crowd(2, (0.9, 0.8, 0.6), tasks=40)
    probability = METHODS[method](coded)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert probability.min() >= 0
    turned = Coded(coded.tasks, coded.annotators[::-1], coded.labels, coded.task, 2 - coded.annotator, coded.label)
    if method != "mace":  # whose random starts follow the order of names
        np.testing.assert_allclose(METHODS[method](turned), probability, atol=1e-4)


def test_one_label_and_one_annotator() -> None:
    for method in METHODS:
        assert consensus_labels(table([("t", "a", "x")]), method).to_pylist() == [{"task": "t", "label": "x", "probability": 1.0}]


def test_models_tell_who_knows() -> None:
    coded, _ = crowd(3, (0.98, 0.9, 1 / 3, 1 / 3, 0.8))
    competence, ability = mace(coded).competence, glad(coded).ability
    for measured in (competence, ability):
        assert list(np.argsort(measured)[::-1][:3]) == [0, 1, 4]
    assert competence[2] < 0.15
    assert abs(ability[3]) < 0.3
    # Knowing in MACE: right by knowledge, or by luck one time in three. 0.9 right is 0.85 known.
    assert competence[1] == pytest.approx(0.85, abs=0.06)


def test_hard_tasks_are_told_from_easy_ones() -> None:
    coded, _ = crowd(4, (0.95,) * 7, tasks=60, labels=2)
    rng = np.random.default_rng(5)
    label = coded.label.copy()
    names = [int(name) for name in coded.tasks.to_pylist()]
    hard = np.asarray([name < 20 for name in names])  # everybody guesses on the first twenty
    guesses = hard[coded.task]
    label[guesses] = rng.integers(0, 2, guesses.sum())
    model = glad(Coded(coded.tasks, coded.annotators, coded.labels, coded.task, coded.annotator, label))
    assert np.median(model.ease[hard]) < 0.7 * np.median(model.ease[~hard])


def test_mace_is_the_same_for_the_same_seed() -> None:
    coded, _ = crowd(6, (0.9, 0.7, 0.5))
    assert np.array_equal(mace(coded, seed=3).probability, mace(coded, seed=3).probability)
    assert mace(coded, restarts=10).log_likelihood >= mace(coded, restarts=1).log_likelihood


def test_dawid_skene_of_many_answers_finds_the_rates_they_were_drawn_with() -> None:
    rng = np.random.default_rng(0)
    rates = np.asarray([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.1, 0.9]], [[0.8, 0.2], [0.3, 0.7]]])
    truth = rng.choice(2, 40_000, p=[0.6, 0.4])
    label = (rng.random((40_000, 3)) < rates[np.arange(3), truth[:, np.newaxis], 1]).astype(np.int64)
    task, annotator = np.indices(label.shape)
    order = rng.permutation(label.size)
    rows = (each.ravel()[order] for each in (task, annotator, label))
    model = dawid_skene(Coded(pa.array(np.arange(40_000).astype(str)), ("a", "b", "c"), ("n", "y"), *rows))
    np.testing.assert_allclose(model.rates, rates, atol=0.03)
    np.testing.assert_allclose(model.prior, [0.6, 0.4], atol=0.03)
