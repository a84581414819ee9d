"""Answers that name classes, degrees or numbers for a whole thing: coefficients corrected for chance, and what pairs share."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pyarrow as pa

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Choice, Moment, Number, Preference, Rating, Taxonomy
from yuelu.base.schemas import LABELS, TOGETHER
from yuelu.quality.answer_distances import jaccard, masi
from yuelu.quality.coded import Codes
from yuelu.quality.kinds.answers import Answer, Asked, Pairs, pair_up
from yuelu.quality.kinds.compared import Compared, Labelled, Measure, Named, Sums, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.labels import Level, label_scores
from yuelu.quality.numbers import icc
from yuelu.quality.resample import Floats, Sampling
from yuelu.quality.score import Score

_NO_PAIR = "no task has two answers"


def label_of(said: Said) -> str:
    """Return an answer in words or numbers as one label."""
    match said[0]:
        case Choice(labels=labels):
            return TOGETHER.join(sorted(labels))
        case Rating(stars=stars):
            return str(stars)
        case Number(value=value):
            return repr(value)
        case Preference(preferred=preferred):
            return preferred
        case Moment(moment=moment):
            return moment
        case other:
            raise TypeError(f"{type(other).__name__} is no label")


def answered(answers: Sequence[Answer]) -> list[Answer]:
    """Return the answers that say anything: who skipped a question has no label for it."""
    return [each for each in answers if each.said]


def compare_labels(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return how often two annotators gave the same label: `same` of `asked`."""
    given = answered(answers)
    return label_tallies(pair_up(given), [label_of(each.said) for each in given])


def label_tallies(pairs: Pairs, labels: Sequence[str]) -> Compared:
    """Return the tallies of single labels, by answer."""
    names, code = np.unique(np.asarray(labels, np.str_), return_inverse=True)
    return coded_tallies(pairs, tuple(names.tolist()), code)


def coded_tallies(pairs: Pairs, names: tuple[str, ...], code: Codes) -> Compared:
    """Return the tallies of single labels, `code` by answer into `names`."""
    one, other = code[pairs.first], code[pairs.second]
    rows, same = np.arange(len(one)), one == other
    by_label = Labelled(
        names,
        np.concatenate([rows, rows[~same]]),
        np.concatenate([one, other[~same]]),
        np.concatenate([same, np.zeros((~same).sum(), bool)]).astype(np.float64),
        np.concatenate([np.where(same, 2, 1), np.ones((~same).sum(), np.int64)]).astype(np.float64),
    )
    counts = {"same": same.astype(np.float64), "asked": np.ones(len(one))}
    return Compared(pairs, MappingProxyType(counts), by_label, Named(rows, one, other))


AGREED = (Measure("percent_agreement", share("same", "asked"), _NO_PAIR),)


def coefficients(level: Level) -> Callable[[Sequence[Answer], Asked, Sampling], tuple[Score, ...]]:
    """Return what gives the coefficients of a level of measurement."""

    def scores(answers: Sequence[Answer], asked: Asked, s: Sampling) -> tuple[Score, ...]:
        given = answered(answers)
        rows = [{"task": each.task, "annotator": each.annotator, "label": label_of(each.said)} for each in given]
        groups = {each.task: each.group for each in given}
        order = asked.order if level == "ordinal" else None
        return label_scores(
            pa.Table.from_pylist(rows, LABELS), groups, level=level, order=order,
            confidence=s.confidence, replicates=s.replicates, seed=s.seed,
        )  # fmt: skip

    return scores


def compare_degrees(answers: Sequence[Answer], asked: Asked) -> Compared:
    """Return the tallies of labels in an order, or of numbers: beside those of labels the sums that squares need."""
    given = answered(answers)
    return degree_tallies(pair_up(given), [label_of(each.said) for each in given], asked.order)


def compare_numbers(answers: Sequence[Answer], asked: Asked) -> Compared:
    """Return the tallies of numbers, which are no labels: which of them are confused says nothing."""
    return replace(compare_degrees(answers, asked), labels=Labelled(), named=Named())


def degree_tallies(pairs: Pairs, labels: Sequence[str], order: tuple[str, ...] | None) -> Compared:
    """Return the tallies of labels in an order, or of numbers, by answer. Raises InvalidRecord: a label that is neither."""
    names, code = np.unique(np.asarray(labels, np.str_), return_inverse=True)
    return coded_degrees(pairs, tuple(names.tolist()), code, order)


def coded_degrees(pairs: Pairs, names: tuple[str, ...], code: Codes, order: tuple[str, ...] | None) -> Compared:
    """Return the same, `code` by answer into `names`."""
    compared = coded_tallies(pairs, names, code)
    degrees = _degrees(names, order)[code]
    one, other = degrees[compared.pairs.first], degrees[compared.pairs.second]
    moments = {"one": one, "other": other, "one_squared": one**2, "other_squared": other**2}
    apart = {"squared": (one - other) ** 2, "apart": np.abs(one - other)}
    return Compared(compared.pairs, MappingProxyType({**compared.counts, **moments, **apart}), compared.labels, compared.named)


def _degrees(labels: Sequence[str], order: tuple[str, ...] | None) -> Floats:
    try:
        return np.asarray([float(label) if order is None else order.index(label) for label in labels], np.float64)
    except ValueError:
        known = "numbers" if order is None else f"one of {', '.join(order)}"
        bad = next(label for label in labels if not _is_degree(label, order))
        raise InvalidRecord(f"label {bad!r} has no place on the scale", f"need {known}; list the order, or use nominal") from None


def _is_degree(label: str, order: tuple[str, ...] | None) -> bool:
    return label in order if order is not None else _number(label) is not None


def _number(label: str) -> float | None:
    try:
        return float(label)
    except ValueError:
        return None


def _weighted_kappa(sums: Sums) -> Floats:
    """Return kappa with quadratic weights: 1 less the mean squared difference over that of independent raters.

    Source: J. Cohen (1968), Weighted Kappa.
    """
    asked = np.maximum(sums["asked"], 1)
    one, other = sums["one"] / asked, sums["other"] / asked
    chance = (sums["one_squared"] + sums["other_squared"]) / asked - 2 * one * other
    return np.asarray(1 - np.divide(sums["squared"] / asked, chance, out=np.full(chance.shape, np.nan), where=chance > 1e-12))


_ONE_LABEL = "fewer than two labels were ever used, so chance cannot disagree"
_ANY = (-np.inf, 1.0)
_FAR = (0.0, np.inf)
ORDERED = (*AGREED, Measure("weighted_kappa", _weighted_kappa, _ONE_LABEL, _ANY, two=True))


def _bias(sums: Sums) -> Floats:
    return np.asarray(share({"one": 1, "other": -1}, "asked")(sums))


def _limit(side: int) -> Callable[[Sums], Floats]:
    """Return what gives an end of the limits that 95 % of the differences lie between.

    Source: J. Bland, D. Altman (1986), Statistical Methods for Assessing Agreement between Two Methods of Measurement.
    """

    def value(sums: Sums) -> Floats:
        asked, bias = sums["asked"], _bias(sums)
        squares = np.maximum(sums["squared"] - asked * bias**2, 0)
        return np.asarray(
            bias + side * 1.96 * np.sqrt(np.divide(squares, asked - 1, out=np.full(asked.shape, np.nan), where=asked > 1))
        )

    return value


_BOTH = (-np.inf, np.inf)
_FEW = "fewer than two tasks that both annotators answered"
BLAND_ALTMAN = (
    Measure("bias", _bias, _NO_PAIR, _BOTH, two=True),
    Measure("limit_of_agreement_low", _limit(-1), _FEW, _BOTH, two=True),
    Measure("limit_of_agreement_high", _limit(1), _FEW, _BOTH, two=True),
)
MEASURED = (Measure("mean_difference", share("apart", "asked"), _NO_PAIR, _FAR), *BLAND_ALTMAN, *AGREED)


def number_scores(answers: Sequence[Answer], asked: Asked, s: Sampling) -> tuple[Score, ...]:
    """Return alpha for the interval level, and ICC(2,1) over the tasks that every annotator answered."""
    given = answered(answers)
    who = {name: at for at, name in enumerate(sorted({each.annotator for each in given}))}
    by_task: dict[str, dict[int, float]] = {}
    for each in given:
        by_task.setdefault(each.task, {})[who[each.annotator]] = float(label_of(each.said))
    whole = [[found[at] for at in range(len(who))] for _, found in sorted(by_task.items()) if len(found) == len(who)]
    return (*coefficients("interval")(answers, asked, s), _icc(np.asarray(whole, np.float64), s))


def _icc(values: Floats, s: Sampling) -> Score:
    if values.ndim < 2 or len(values) < 2 or values.shape[1] < 2:
        reason = "needs two tasks that every one of two or more annotators answered"
        return Score("icc2", None, None, None, None, len(values), values.shape[1] if values.ndim > 1 else 0, values.size, reason)
    return icc(values, confidence=s.confidence)


def classes_of(said: Said) -> frozenset[Hashable]:
    """Return the set of classes of an answer; of places in a tree with all that lie above them."""
    found: set[Hashable] = set()
    for region in said:
        if isinstance(region, Choice):
            found.update(region.labels)
        elif isinstance(region, Taxonomy):
            found.update(path[:depth] for path in region.paths for depth in range(1, len(path) + 1))
    return frozenset(found)


def compare_sets(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of sets of labels: their likeness by Jaccard and MASI, and each label on its own."""
    return compare_pairs(answered(answers), {"asked": (), "same": (), "jaccard": (), "masi": ()}, _sets)


def _sets(one: Said, other: Said) -> Found:
    a, b = classes_of(one), classes_of(other)
    labels = {_name(each): (float(each in a and each in b), float((each in a) + (each in b))) for each in a | b}
    return Found({"asked": 1, "same": float(a == b), "jaccard": 1 - jaccard(a, b), "masi": 1 - masi(a, b)}, labels)


def _name(label: Hashable) -> str:
    return " / ".join(map(str, label)) if isinstance(label, tuple) else str(label)


SETS = (
    Measure("jaccard", share("jaccard", "asked"), _NO_PAIR),
    Measure("masi", share("masi", "asked"), _NO_PAIR),
    *AGREED,
)


def label_presence(answers: Sequence[Answer], _: Asked, s: Sampling) -> tuple[Score, ...]:
    """Return alpha and AC1 of each label of a set, taken as a question of its own: is it there or not?"""
    given = answered(answers)
    sets = [classes_of(each.said) for each in given]
    groups = {each.task: each.group for each in given}
    found: list[Score] = []
    for label in sorted(frozenset().union(*sets), key=_name):
        rows = [
            {"task": each.task, "annotator": each.annotator, "label": str(label in said)}
            for each, said in zip(given, sets, strict=True)
        ]
        table = pa.Table.from_pylist(rows, LABELS)
        scores = label_scores(table, groups, confidence=s.confidence, replicates=s.replicates, seed=s.seed)
        found += [replace(each, metric=f"{each.metric}[{_name(label)}]") for each in scores if each.metric in _PRESENCE]
    return tuple(found)


_PRESENCE = ("krippendorff_alpha", "gwet_ac1")
