"""Agreement on one label alone: a floor for each class shows what an overall figure hides."""

import numpy as np
import pyarrow as pa

from yuelu.base.schemas import SEEN, conform
from yuelu.quality.coded import Codes, code_labels, encode_sorted
from yuelu.quality.resample import Floats, Resamples, Sampling, deal
from yuelu.quality.score import Score

NAME = "specific_agreement"


def specific_agreement(labels: pa.Table, seen: pa.Table, label: str, sampling: Sampling | None = None) -> Score:
    """Return how often a second annotator says `label` when one does, over the tasks that two or more answered.

    With k of n annotators saying it: the sum of k(k-1) over that of k(n-1). `labels` is in the schema LABELS, `seen` in SEEN.
    Source: R. Spitzer, J. Fleiss (1974), A Re-analysis of the Reliability of Psychiatric Diagnosis.
    """
    coded, seen = code_labels(labels), conform(seen, SEEN)
    tasks = coded.tasks.to_pylist()
    answers = np.bincount(coded.task, minlength=len(tasks))
    said: Codes = np.zeros(len(tasks), np.int64)
    if label in coded.labels:
        chosen = coded.label == coded.labels.index(label)
        said = np.bincount(coded.task[chosen], minlength=len(tasks))
    kept = answers >= 2
    both, any_ = (said * (said - 1))[kept], (said * (answers - 1))[kept]
    annotators = len(np.unique(coded.annotator[kept[coded.task]])) if len(coded.task) else 0
    counts = (int(kept.sum()), annotators, int(said[kept].sum()))
    if any_.sum() == 0:
        return Score(NAME, None, None, None, None, *counts, f"nobody of two or more said {label}")
    groups = dict(zip(seen["task"].to_pylist(), seen["group"].to_pylist(), strict=True))
    names = pa.array([groups[task] for task, keep in zip(tasks, kept, strict=True) if keep])
    chosen_sampling = sampling or Sampling()
    unit, count = deal(encode_sorted(names)[1], chosen_sampling.seed)
    top, bottom = np.bincount(unit, both, count), np.bincount(unit, any_, count)

    def evaluate(weights: Floats) -> Floats:
        above, below = weights @ top, weights @ bottom
        undefined: Floats = np.full(len(below), np.nan)
        return np.divide(above, below, out=undefined, where=below > 0)

    point = float(both.sum() / any_.sum())
    low, high = Resamples(np.ones(count, np.int64), chosen_sampling).interval(evaluate, point, (0.0, 1.0))
    return Score(NAME, None, point, low, high, *counts, None)
