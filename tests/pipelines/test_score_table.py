"""Scores of a table in parts are those of the table in one piece, however it is parted."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from yuelu.base.errors import InvalidRecord
from yuelu.base.schemas import LABELS
from yuelu.pipelines.score_table import deal_by_task, table_scores
from yuelu.quality.labels import Level, label_scores
from yuelu.quality.resample import Sampling
from yuelu.quality.score import Score


def answers(tasks: int, annotators: int, each: int, seed: int = 1) -> pa.Table:
    draw = np.random.default_rng(seed)
    truth = np.repeat(draw.integers(1, 5, tasks), each)
    who = np.argsort(draw.random((tasks, annotators)), axis=1)[:, :each].ravel()
    label = np.where(draw.random(len(who)) < 0.7, truth, draw.integers(1, 5, len(who)))
    columns = (np.repeat(np.arange(tasks), each), who, label)
    table = pa.table({name: column.astype(str) for name, column in zip(LABELS.names, columns, strict=True)})
    return table.take(pa.array(draw.permutation(len(who)))).slice(0, len(who) - tasks // 3).cast(LABELS)  # some are missing


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval", "ratio"])
@pytest.mark.parametrize(("annotators", "each"), [(2, 2), (40, 4)])
def test_the_same_answer_however_it_is_parted(tmp_path: Path, level: Level, annotators: int, each: int) -> None:
    table = answers(300, annotators, each)
    parquet.write_table(table, tmp_path / "labels.parquet", row_group_size=500)
    whole = label_scores(table, level=level, replicates=20)
    told: list[tuple[Score, ...]] = []
    for parts in (1, 11):
        folder = tmp_path / str(parts)
        folder.mkdir()
        told.append(table_scores(deal_by_task([tmp_path / "labels.parquet"], folder, parts), level, Sampling(replicates=100)))
    for one, other, all_of_it in zip(*told, whole, strict=True):
        assert (one.metric, one.level, one.tasks, one.annotators, one.annotations, one.reason) == (
            all_of_it.metric, all_of_it.level, all_of_it.tasks, all_of_it.annotators, all_of_it.annotations, all_of_it.reason,
        )  # fmt: skip
        if one.value is not None:
            assert [one.value, other.value] == pytest.approx([all_of_it.value] * 2, abs=1e-9)
            assert [other.low, other.high] == pytest.approx([one.low, one.high], abs=1e-9)
            assert one.low is not None
            assert one.low < one.value


def test_intervals_of_parts_are_as_wide_as_those_of_the_table(tmp_path: Path) -> None:
    table = answers(3000, 5, 3)
    parquet.write_table(table, tmp_path / "labels.parquet")
    parted = table_scores([tmp_path / "labels.parquet"])[1]
    whole = label_scores(table)[1]
    assert None not in (parted.low, parted.high, whole.low, whole.high)
    assert parted.high - parted.low == pytest.approx(whole.high - whole.low, rel=0.1)  # type: ignore[operator]


def test_what_one_table_refuses_parts_refuse(tmp_path: Path) -> None:
    twice = pa.table({"task": ["t", "t"], "annotator": ["a", "a"], "label": ["x", "y"]}).cast(LABELS)
    parquet.write_table(twice, tmp_path / "twice.parquet")
    with pytest.raises(InvalidRecord, match="answered task 't' more than once"):
        table_scores([tmp_path / "twice.parquet"])
    parquet.write_table(twice.slice(0, 1), tmp_path / "word.parquet")
    with pytest.raises(InvalidRecord, match="not a finite number"):
        table_scores([tmp_path / "word.parquet"], "interval")
    parquet.write_table(LABELS.empty_table(), tmp_path / "empty.parquet")
    assert {each.reason for each in table_scores([tmp_path / "empty.parquet"])} == {"no task has two labels"}
