"""Krippendorff's alpha of codes and of strings, of continuous values, and 1,000 resamples of it, against `krippendorff`."""

import numpy as np
import pyarrow as pa
from measuring import OURS, Row, Settings, row
from numpy.typing import NDArray
from peers import ask, peer_rows

from yuelu.quality import coefficients
from yuelu.quality.coded import Coded, code_labels
from yuelu.quality.labels import label_scores
from yuelu.quality.patterns import patterns
from yuelu.quality.resample import units
from yuelu.quality.tally import tally_nominal

_PEER_STANDS = 400  # tasks of continuous values: with 1,000 it asks for 53 GiB
_PEER = """
import krippendorff
data = given["data"].astype(float)
data[data < 0] = np.nan
level = str(given["level"])
found = timed("krippendorff 0.9.0", lambda: krippendorff.alpha(data, level_of_measurement=level))
told["krippendorff 0.9.0"][2] = float(found)
"""


def rows(settings: Settings) -> list[Row]:
    """Return alpha of 3 annotators with a tenth missing, nominal, then of continuous values."""
    units_of = (100_000,) if settings.quick else (100_000, 1_000_000)
    made: list[Row] = []
    for tasks in units_of:
        made += _nominal(tasks, settings)
    made += _resampled(10_000, settings)
    return made + _continuous(400, settings) + _continuous(units_of[-1], settings)


def _answers(tasks: int, seed: int, labels: int = 5) -> NDArray[np.int64]:
    """Return the answers of three annotators, shape (annotators, tasks); -1 is missing."""
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, labels, tasks)
    found = np.where(draw.random((3, tasks)) < 0.8, truth, draw.integers(0, labels, (3, tasks)))
    found[draw.random((3, tasks)) < 0.1] = -1
    return found


def _coded(data: NDArray[np.int64]) -> Coded:
    annotator, task = np.nonzero(data >= 0)
    names = pa.array([f"{number:07}" for number in range(data.shape[1])])
    labels = tuple(str(label) for label in range(int(data.max()) + 1))
    return Coded(names, tuple(f"a{at}" for at in range(len(data))), labels, task, annotator, data[annotator, task])


def _alpha(coded: Coded) -> float:
    found = patterns(coded)
    drawn = units(found.of_task, found.tasks, None, 0)
    return float(coefficients.krippendorff_alpha(tally_nominal(found, drawn.members).weighed(drawn.weights))[0])


def _nominal(tasks: int, settings: Settings) -> list[Row]:
    job, data = f"alpha, nominal, {tasks:.0e} tasks x 3", _answers(tasks, settings.seed)
    coded = _coded(data)
    told = ask(settings, _PEER, data=data, level=np.asarray("nominal"))
    assert all(abs(each.found - _alpha(coded)) < 1e-9 for each in told.values()), "the values differ"
    made = [row(job, "yuelu, from codes", OURS, lambda: _alpha(coded), settings.rounds, tasks), *peer_rows(job, tasks, told)]
    names = coded.tasks.take(pa.array(coded.task))
    columns = [names, np.asarray(coded.annotators)[coded.annotator], np.asarray(coded.labels)[coded.label]]
    table = pa.table(dict(zip(("task", "annotator", "label"), columns, strict=True)))
    strings, note = f"{job}, from a table of strings", "codes made by hand before"
    ours = row(strings, "yuelu", OURS, lambda: _alpha(code_labels(table)), settings.rounds, tasks)
    return [*made, ours, *peer_rows(strings, tasks, told, note)]


def _resampled(tasks: int, settings: Settings) -> list[Row]:
    coded = _coded(_answers(tasks, settings.seed))

    def resample() -> None:
        found = patterns(coded)
        drawn = units(found.of_task, found.tasks, None, 0)
        tallied = tally_nominal(found, drawn.members)
        draws = np.random.default_rng(0).multinomial(tasks, drawn.groups / drawn.groups.sum(), 1000).astype(np.float64)
        coefficients.krippendorff_alpha(tallied.weighed(draws))

    job = f"1,000 resamples of alpha, {tasks:.0e} tasks x 3"
    return [row(job, "yuelu", OURS, resample, settings.rounds, 1000)]


def _continuous(tasks: int, settings: Settings) -> list[Row]:
    draw = np.random.default_rng(settings.seed)
    data = draw.normal(0, 1, tasks)[np.newaxis] + draw.normal(0, 0.5, (3, tasks)) + 10
    columns = {"task": np.tile(np.arange(tasks), 3).astype(str), "annotator": np.repeat(["a", "b", "c"], tasks)}
    table = pa.table({**columns, "label": data.ravel().astype(str)})
    told = ask(settings, _PEER, data=data, level=np.asarray("interval")) if tasks <= _PEER_STANDS else {}
    (ours,) = (score.value for score in label_scores(table, level="interval") if score.metric == "krippendorff_alpha")
    assert ours is not None
    assert all(abs(each.found - ours) < 1e-9 for each in told.values()), "the values differ"
    job = f"alpha, interval, {tasks:.0e} tasks x 3 continuous values"
    way = "yuelu, from a table of strings, with a bootstrap interval"
    made = row(job, way, OURS, lambda: label_scores(table, level="interval"), 1, tasks)
    return [made, *peer_rows(job, tasks, told, "no interval")]
