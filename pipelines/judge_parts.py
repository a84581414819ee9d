"""Judging answers in parts by task, each where Dask puts it: the same scores, to the last bit, however many parts there are.

What is compared two by two (shapes, masks, tracks, texts) is compared in the parts, and so are the tasks' scores and
consensus; what comes back is numbers, and the scores of all of it are made of these here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from yuelu.base.records import Annotation
from yuelu.pipelines.computing import each_part
from yuelu.pipelines.judge import Consensus, consensus_of, task_scores
from yuelu.pipelines.tables import Answers, tabulate
from yuelu.pipelines.typed import compared
from yuelu.quality.kinds.compared import Compared
from yuelu.quality.kinds.joined import joined
from yuelu.quality.score import Score

_TASKS = 256  # of one part


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to some tasks, by task; `kinds` by control, `groups` and `frame_rates` by task."""

    annotations: Mapping[str, tuple[Annotation, ...]]
    kinds: Mapping[str, str]
    groups: Mapping[str, str]
    frame_rates: Mapping[str, float]

    def table(self) -> Answers:
        """Return the answers as tables and typed entries."""
        said = (annotation for found in self.annotations.values() for annotation in found)
        return tabulate(said, self.kinds, self.groups, self.frame_rates)


@dataclass(frozen=True, slots=True)
class Found:
    """What was found: scores by task and control, consensus by task, and the tallies of typed answers by control."""

    tasks: Mapping[str, Mapping[str, tuple[Score, ...]]]
    consensus: Mapping[str, Consensus]
    compared: Mapping[str, Compared]


def judge_parts(whole: Answered, *, tasks: int = _TASKS) -> Found:
    """Return what is found in all answers, `tasks` in a part. Raises as `tables.tabulate`."""
    keys = sorted(whole.annotations)
    parts = [_part(whole, keys[start : start + tasks]) for start in range(0, len(keys), tasks)]
    found = each_part(_judged, parts)
    return Found(
        {task: scores for each in found for task, scores in each.tasks.items()},
        {task: one for each in found for task, one in each.consensus.items()},
        {name: joined([each.compared[name] for each in found], whole.groups) for name in (found[0].compared if found else ())},
    )


def _part(whole: Answered, keys: Sequence[str]) -> Answered:
    return Answered(
        {key: whole.annotations[key] for key in keys},
        whole.kinds,
        {key: whole.groups[key] for key in keys},
        {key: whole.frame_rates[key] for key in keys if key in whole.frame_rates},
    )


def _judged(part: Answered) -> Found:
    answers = part.table()
    tallies = {name: compared(name, typed.kind, typed.answers) for name, typed in answers.typed.items()}
    return Found(
        task_scores(answers, tallies),
        consensus_of(answers, part.kinds, part.frame_rates),
        {name: replace(each, counts=dict(each.counts)) for name, each in tallies.items()},  # a proxy of a dict cannot travel
    )
