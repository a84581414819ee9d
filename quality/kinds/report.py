"""All there is to say of the answers to one question: over all, and by pair, annotator, company, label, task and model."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pyarrow as pa

from yuelu.quality.coded import Repeats, code_labels, encode_sorted
from yuelu.quality.kinds.answers import Answer, Asked, pair_codes
from yuelu.quality.kinds.classes import coded_degrees, coded_tallies
from yuelu.quality.kinds.compared import Compared, Measure
from yuelu.quality.kinds.kind import Kind
from yuelu.quality.kinds.scoring import (
    Confused,
    Part,
    TaskValues,
    between,
    by_annotator,
    by_company,
    by_label,
    by_pair,
    confusions,
    task_values,
)
from yuelu.quality.kinds.scoring import pair_scores as _pair_scores
from yuelu.quality.kinds.table import kind_named, scores_of
from yuelu.quality.labels import Level, label_scores
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score

MOST_PAIRS = 100  # pairs of annotators with an interval each; more have values alone


@dataclass(frozen=True, slots=True)
class Told:
    """The people behind the answers: who is a model or a gold answer, and the company of each of the others, where known."""

    models: frozenset[str] = frozenset()
    gold: frozenset[str] = frozenset()
    companies: Mapping[str, str] = field(default_factory=dict)

    def is_human(self, name: str) -> bool:
        """Return whether it is an annotator whose answers count."""
        return name not in self.models and name not in self.gold


@dataclass(frozen=True, slots=True)
class ControlReport:
    """The agreement on one question. Only pairs of annotators count, but in `models` and `gold`.

    `main` is the measure that pairs, tasks and models are shown by, `less_is_better` whether it counts errors. `models` and
    `gold` are scores of all annotators against one of them. `left_out` says what was not scored, and how often.
    """

    asked: Asked
    main: str
    less_is_better: bool
    scores: tuple[Score, ...]
    pairs: tuple[Part, ...]
    annotators: tuple[Part, ...]
    companies: tuple[Part, ...]
    labels: tuple[Part, ...]
    confusions: tuple[Confused, ...]
    tasks: TaskValues
    models: tuple[Part, ...]
    gold: tuple[Part, ...]
    left_out: Mapping[str, int]


def control_report(
    answers: Sequence[Answer], asked: Asked, told: Told | None = None, sampling: Sampling | None = None
) -> ControlReport:
    """Return the report on the answers to one question, those of models and gold answers among them.

    Raises InvalidRecord: an answer twice, a task in two groups; Misconfigured: unknown kind.
    """
    told, sampling = told or Told(), sampling or Sampling()
    kind = kind_named(asked.kind)
    people = [each for each in answers if told.is_human(each.annotator)]
    everything = kind.compare(answers, asked)
    return _report(asked, kind, everything, told, sampling, lambda human: scores_of(people, asked, human, sampling))


def table_report(
    labels: pa.Table, groups: Mapping[str, str] | None, asked: Asked, told: Told | None = None,
    sampling: Sampling | None = None, *, repeats: Repeats = "refuse",
) -> ControlReport:  # fmt: skip
    """Return the report on a table of labels (schema LABELS); `asked.kind` is a level of measurement.

    Raises InvalidRecord: a repeated answer, a label that is no number; Misconfigured: unknown level.
    """
    told, sampling = told or Told(), sampling or Sampling()
    coded = code_labels(labels, repeats)
    names = coded.tasks.to_pylist()
    in_groups = [f"group {groups[name]}" if name in groups else f"task {name}" for name in names] if groups else names
    group = encode_sorted(pa.array(in_groups, pa.string()))[1]
    pairs = pair_codes(tuple(names), coded.annotators, group, coded.task, coded.annotator, np.ones(len(coded.label), np.int64))
    said = (coded.labels, coded.label)
    everything = coded_tallies(pairs, *said) if asked.kind == "nominal" else coded_degrees(pairs, *said, asked.order)
    people = labels
    if not all(told.is_human(name) for name in coded.annotators):
        people = labels.filter(np.asarray([told.is_human(each) for each in labels["annotator"].to_pylist()], bool))

    def scores(human: Compared) -> tuple[Score, ...]:
        found = label_scores(
            people, groups, level=cast("Level", asked.kind), order=asked.order, repeats=repeats,
            confidence=sampling.confidence, replicates=sampling.replicates, seed=sampling.seed,
        )  # fmt: skip
        known = {score.metric for score in found}
        return (*found, *_pair_scores(human, [each for each in kind.measures if each.name not in known], sampling))

    kind = kind_named(asked.kind)
    return _report(asked, kind, everything, told, sampling, scores)


def _report(  # noqa: PLR0917
    asked: Asked,
    kind: Kind,
    everything: Compared,
    told: Told,
    sampling: Sampling,
    scores: Callable[[Compared], tuple[Score, ...]],
) -> ControlReport:
    human = between(everything, lambda one, other: told.is_human(one) and told.is_human(other))
    main = kind.measures[0]
    shown = tuple(each for each in kind.measures if each is main or each.two)
    return ControlReport(
        asked,
        main.name,
        main.is_error,
        scores(human),
        _pairs(human, shown, sampling),
        by_annotator(human, (main,), sampling),
        by_company(human, told.companies, (main,), sampling),
        by_label(human, sampling),
        confusions(human),
        task_values(human, main),
        _against(everything, told.models, told, kind, sampling),
        _against(everything, told.gold, told, kind, sampling),
        everything.left_out,
    )


def _pairs(human: Compared, measures: Sequence[Measure], sampling: Sampling) -> tuple[Part, ...]:
    people = len(set(human.pairs.one.tolist()) | set(human.pairs.other.tolist()))
    return by_pair(human, measures, sampling if people * (people - 1) // 2 <= MOST_PAIRS else None)


def _against(everything: Compared, names: frozenset[str], told: Told, kind: Kind, sampling: Sampling) -> tuple[Part, ...]:
    found: list[Part] = []
    for name in sorted(names & set(everything.pairs.annotators)):
        part = between(everything, lambda one, other, name=name: _one_of(name, one, other, told))  # type: ignore[misc]
        plain = tuple(each for each in kind.measures if not each.two)
        found += [Part((name,), score) for score in _pair_scores(part, plain, sampling)]
    return tuple(found)


def _one_of(name: str, one: str, other: str, told: Told) -> bool:
    return (one == name and told.is_human(other)) or (other == name and told.is_human(one))
