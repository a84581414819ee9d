"""Regions of two annotators matched one to one, optimally: detection, place and class told apart, as tallies that add."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from yuelu.quality.coded import Codes
from yuelu.quality.kinds.answers import Answer, Pairs, pair_up
from yuelu.quality.kinds.compared import Compared, Labelled, Measure, Named, Samples, share
from yuelu.quality.matching import Matches, candidates, match
from yuelu.quality.overlap import Iou
from yuelu.quality.resample import Floats

LEAST = 0.5
SWEEP: tuple[float, ...] = tuple((np.arange(50, 100, 5) / 100).tolist())  # as COCO sweeps its thresholds


@dataclass(frozen=True, slots=True)
class Placed:
    """How regions of one kind are compared: numbers of each, shape (regions, n), and what gives the overlap of pairs of rows.

    `item` is what a region stands on: regions of different items never match. `reasons` says why a region has no place (None:
    it has); those are left out. `beside` are more tallies of matched rows: sums by name, or numbers that are gathered.
    """

    places: Floats
    iou: Iou
    item: Codes
    reasons: Sequence[str | None]
    sums: Mapping[str, Callable[[Codes, Codes], Floats]]
    samples: Mapping[str, Callable[[Codes, Codes], Floats]]


def compare_regions(answers: Sequence[Answer], place: Callable[[Sequence[Any]], Placed], *, sweep: bool = True) -> Compared:
    """Return the tallies of matched regions at an overlap of 0.5 or more, and at the sweep of thresholds.

    `drawn` regions of both; `same`, `any_label`: matches with and without regard to the label; `overlap`, `overlap_same`:
    the sums of their overlaps; `class_same`: those of any label that have the same; `sweep`: `same` at each threshold.
    """
    pairs = pair_up(answers)
    regions: list[Any] = [region for answer in answers for region in answer.said]
    placed = place(regions)
    good = np.asarray([reason is None for reason in placed.reasons], bool)
    answer = np.repeat(np.arange(len(answers)), pairs.said)
    annotator, task = _of_answers(answers, pairs)
    names, label = np.unique(np.asarray([region.label for region in regions], np.str_), return_inverse=True)
    found = candidates(*_cells(task[answer], placed.item, annotator[answer], good), placed.places, placed.iou, LEAST)
    by = annotator[answer]
    any_label, same_found = match(found, by), found.take(label[found.one] == label[found.other])
    same = match(same_found, by)
    row_of = _rows_of(pairs, answer)
    rows = len(pairs.task)
    counts = {
        "drawn": _drawn(pairs, answer[good]),
        "same": np.bincount(row_of(same), minlength=rows).astype(np.float64),
        "any_label": np.bincount(row_of(any_label), minlength=rows).astype(np.float64),
        "overlap": np.bincount(row_of(any_label), any_label.iou, rows).astype(np.float64),
        "overlap_same": np.bincount(row_of(same), same.iou, rows).astype(np.float64),
        "class_same": np.bincount(
            row_of(any_label), (label[any_label.one] == label[any_label.other]).astype(np.float64), rows
        ).astype(np.float64),
    }
    for name, sums in placed.sums.items():
        counts[name] = np.bincount(row_of(any_label), sums(any_label.one, any_label.other), rows).astype(np.float64)
    if sweep:
        levels = (same, *(match(same_found.take(same_found.iou >= least), by) for least in SWEEP[1:]))
        counts["sweep"] = np.stack([np.bincount(row_of(each), minlength=rows) for each in levels], axis=1).astype(np.float64)
    return Compared(
        pairs,
        MappingProxyType(counts),
        _by_label(pairs, tuple(names.tolist()), (answer[good], label[good]), (row_of(same), label[same.one])),
        Named(row_of(any_label), label[any_label.one], label[any_label.other]),
        {name: _samples(take, any_label, row_of(any_label)) for name, take in placed.samples.items()},
        Counter(reason for reason in placed.reasons if reason is not None),
    )


def _of_answers(answers: Sequence[Answer], pairs: Pairs) -> tuple[Codes, Codes]:
    who = {name: code for code, name in enumerate(pairs.annotators)}
    what = {name: code for code, name in enumerate(pairs.tasks)}
    return (
        np.asarray([who[each.annotator] for each in answers], np.int64),
        np.asarray([what[each.task] for each in answers], np.int64),
    )


def _cells(task: Codes, item: Codes, annotator: Codes, good: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[Codes, Codes]:
    """Return what regions can be compared within, and by whom they are; one without a place is alone in its cell."""
    cell = task * (int(item.max(initial=0)) + 1) + item
    lone = np.arange(len(task)) + (int(cell.max()) + 1 if len(cell) else 0)
    return np.where(good, cell, lone), annotator


def _rows_of(pairs: Pairs, answer: Codes) -> Callable[[Matches], Codes]:
    answers = max(len(pairs.said), 1)
    keys = pairs.first * answers + pairs.second
    order = np.argsort(keys)

    def row_of(found: Matches) -> Codes:
        wanted = answer[found.one] * answers + answer[found.other]
        return order[np.searchsorted(keys[order], wanted)] if len(wanted) else np.zeros(0, np.int64)

    return row_of


def _drawn(pairs: Pairs, answer: Codes) -> Floats:
    said = np.bincount(answer, minlength=len(pairs.said)).astype(np.float64)
    return np.asarray(said[pairs.first] + said[pairs.second])


def _by_label(pairs: Pairs, names: tuple[str, ...], drawn: tuple[Codes, Codes], shared: tuple[Codes, Codes]) -> Labelled:
    """Return tallies by label; `drawn` is (answer, label) of every region, `shared` (pair, label) of every match."""
    shape = (len(pairs.said), max(len(names), 1))
    said = sparse.csr_array((np.ones(len(drawn[0])), drawn), shape)
    marked = (said[pairs.first] + said[pairs.second]).tocoo()
    both = sparse.csr_array((np.ones(len(shared[0])), shared), (max(len(pairs.task), 1), shape[1]))
    row, column = marked.row.astype(np.int64), marked.col.astype(np.int64)
    found = np.asarray(both[row, column]).ravel() if len(row) else np.zeros(0)  # of nothing, scipy returns a matrix
    return Labelled(names, row, column, found, marked.data)


def _samples(take: Callable[[Codes, Codes], Floats], found: Matches, row: Codes) -> Samples:
    values = take(found.one, found.other)
    values = values.reshape(len(row), prod(values.shape[1:]))
    return Samples(values.ravel(), np.repeat(row, values.shape[1]))


def region_measures(plural: str, *, overlap: str = "iou", mean: str = "mean_iou") -> tuple[Measure, ...]:
    """Return the measures of matched regions, the detection first; `overlap` is what they were matched by.

    f1: both found it and named it alike. f1_any_label: both found it (detection). mean_iou: how well matched ones lie on each
    other (localisation). class_agreement: of matched ones, how many have the same label. panoptic_quality: the sum of the
    overlaps of the same label over half of all regions (Kirillov et al. 2019). f1@0.50:0.95: the mean over ten thresholds.
    """
    nothing, no_match = f"nobody drew any {plural}", f"no two {plural} overlap by {_short(overlap)} {LEAST:.2f} or more"
    return (
        Measure(f"f1@{LEAST:.2f}", share({"same": 2}, "drawn"), nothing),
        Measure(f"f1_any_label@{LEAST:.2f}", share({"any_label": 2}, "drawn"), nothing),
        Measure(mean, share("overlap", "any_label"), no_match),
        Measure("class_agreement", share("class_same", "any_label"), no_match),
        Measure("panoptic_quality", share({"overlap_same": 2}, "drawn"), nothing),
        Measure("f1@0.50:0.95", _swept, nothing),
    )


def _short(overlap: str) -> str:
    return {"iou": "IoU", "oks": "OKS"}.get(overlap, overlap)


def _swept(sums: Mapping[str, Floats]) -> Floats:
    drawn, found = sums["drawn"], 2 * sums["sweep"].mean(axis=1)
    return np.asarray(np.divide(found, drawn, out=np.full(drawn.shape, np.nan), where=drawn > 0))
