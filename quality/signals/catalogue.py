"""All kinds of signals over one set of answers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from yuelu.base.schemas import LABELS
from yuelu.quality.coded import code_labels
from yuelu.quality.resample import Floats
from yuelu.quality.signals.alike import alike
from yuelu.quality.signals.clock import Passed, clock
from yuelu.quality.signals.constant import constant
from yuelu.quality.signals.copied import copied
from yuelu.quality.signals.fast import fast
from yuelu.quality.signals.leaked import leaked
from yuelu.quality.signals.record import Looked


@dataclass(frozen=True, slots=True)
class Answers:
    """What is known of a crowd's answers; whatever is not known leaves its signal out, with the reason.

    `labels` is in the schema LABELS, one row per task and annotator; `seconds` by (task, annotator); `companies` by
    annotator; `gold` by task; `shapes` are (task, annotator, digest), `shown` the (task, digest) of predictions; `passed` by
    annotator.
    """

    labels: pa.Table
    seconds: Mapping[tuple[str, str], float] = field(default_factory=dict)
    companies: Mapping[str, str] = field(default_factory=dict)
    gold: Mapping[str, str] = field(default_factory=dict)
    shapes: Iterable[tuple[str, str, str]] = ()
    shown: Iterable[tuple[str, str]] = ()
    passed: Mapping[str, Passed] = field(default_factory=dict)


def signals(answers: Answers) -> tuple[Looked, ...]:
    """Return what every kind of signal sees."""
    coded = code_labels(answers.labels)
    return (
        timed(answers.seconds),
        constant(coded),
        copied(answers.shapes, answers.shown),
        alike(coded, answers.companies),
        leaked(coded, answers.gold),
        clock(answers.passed),
    )


def timed(seconds: Mapping[tuple[str, str], float]) -> Looked:
    """Return who is too fast; the times are of whole answers, whatever was labelled."""
    pairs = sorted(seconds)
    columns = {"task": [task for task, _ in pairs], "annotator": [who for _, who in pairs], "label": [""] * len(pairs)}
    times: Floats = np.array([seconds[pair] for pair in pairs], np.float64)
    return fast(code_labels(pa.table(columns, schema=LABELS)), times)
