"""Krippendorff's alpha of codes and of strings, of continuous values, and 1,000 resamples of it, against `krippendorff`."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from measuring import Row, Settings
from numpy.typing import NDArray
from peers import Told, ask, found_by_peers, turns_rows

from yuelu.quality import coefficients
from yuelu.quality.coded import Coded, code_labels
from yuelu.quality.labels import label_scores
from yuelu.quality.patterns import Patterns, patterns, patterns_of
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
_TABLE = """
import krippendorff, pandas as pd
answers = pd.DataFrame({name: given[name] for name in ("task", "annotator", "label")})
def crosstab():
    counts = pd.crosstab(answers["task"], answers["label"]).to_numpy()
    return krippendorff.alpha(value_counts=counts, level_of_measurement="nominal")
def unstack():
    answered = answers.assign(code=answers["label"].astype("category").cat.codes)
    data = answered.pivot(index="annotator", columns="task", values="code").to_numpy(float)
    return krippendorff.alpha(data, level_of_measurement="nominal")
for way, do in (("pandas crosstab and krippendorff", crosstab), ("pandas pivot and krippendorff", unstack)):
    found = timed(way, do, once=len(answers) > 1e6)
    told[way][2] = float(found)
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


def _alpha(found: Patterns) -> float:
    drawn = units(found.of_task, found.tasks, None, 0)
    return float(coefficients.krippendorff_alpha(tally_nominal(found, drawn.members).weighed(drawn.weights))[0])


def _same(told: dict[str, Told], ours: float) -> None:
    assert all(abs(found - ours) < 1e-9 for found in found_by_peers(told)), "the values differ"


def _nominal(tasks: int, settings: Settings) -> list[Row]:
    job, data = f"alpha, nominal, {tasks:.0e} tasks x 3", _answers(tasks, settings.seed)
    coded, made = _coded(data), list[Row]()
    names = coded.tasks.take(pa.array(coded.task))
    columns = [names, np.asarray(coded.annotators)[coded.annotator], np.asarray(coded.labels)[coded.label]]
    table = pa.table(dict(zip(("task", "annotator", "label"), columns, strict=True)))
    strings = {name: np.asarray(column.to_pylist(), np.str_) for name, column in zip(table.column_names, table, strict=True)}
    matrix = {"data": data, "level": np.asarray("nominal")}
    for what, ours, program, given in (
        ("a matrix of codes", lambda: _alpha(patterns_of(data, 5)), _PEER, matrix),
        ("rows of codes; the peer has a matrix", lambda: _alpha(patterns(coded)), _PEER, matrix),
        ("a table of strings", lambda: _alpha(patterns(code_labels(table))), _TABLE, strings),
    ):
        told = ask(settings, program, ours, **given)
        _same(told, ours())
        made += turns_rows(f"{job}, {what}", "yuelu", tasks, told)
    return made


def _resampled(tasks: int, settings: Settings) -> list[Row]:
    data = _answers(tasks, settings.seed)

    def resample() -> None:
        found = patterns_of(data, 5)
        drawn = units(found.of_task, found.tasks, None, 0)
        tallied = tally_nominal(found, drawn.members)
        draws = np.random.default_rng(0).multinomial(tasks, drawn.groups / drawn.groups.sum(), 1000).astype(np.float64)
        coefficients.krippendorff_alpha(tallied.weighed(draws))

    job = f"1,000 resamples of alpha, {tasks:.0e} tasks x 3"
    return turns_rows(job, "yuelu", 1000, ask(replace(settings, peers=None, rounds=9), "", resample))


def _continuous(tasks: int, settings: Settings) -> list[Row]:
    draw = np.random.default_rng(settings.seed)
    data = draw.normal(0, 1, tasks)[np.newaxis] + draw.normal(0, 0.5, (3, tasks)) + 10
    columns = {"task": np.tile(np.arange(tasks), 3).astype(str), "annotator": np.repeat(["a", "b", "c"], tasks)}
    table = pa.table({**columns, "label": data.ravel().astype(str)})

    def ours() -> float:
        (score,) = (each for each in label_scores(table, level="interval") if each.metric == "krippendorff_alpha")
        assert score.value is not None
        return score.value

    stands = settings if tasks <= _PEER_STANDS else replace(settings, peers=None)
    told = ask(stands, _PEER, ours, data=data, level=np.asarray("interval"))
    _same(told, ours())
    job = f"alpha, interval, {tasks:.0e} tasks x 3 continuous values"
    return turns_rows(job, "yuelu, from a table of strings, with a bootstrap interval", tasks, told, "no interval")
