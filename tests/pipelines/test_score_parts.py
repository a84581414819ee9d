"""Scoring over Dask: a real cluster of processes and this process find the same, however many parts there are."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from distributed import LocalCluster
from pyarrow import csv, parquet

from yuelu.annotate.templates import parse_template
from yuelu.base.errors import InvalidRecord, Misconfigured, NotFound, SchemaMismatch
from yuelu.base.records import Choice, Number, Polygon, Region
from yuelu.base.schemas import LABELS
from yuelu.pipelines import judge_parts
from yuelu.pipelines.computing import computing
from yuelu.pipelines.score import score
from yuelu.pipelines.score_table import score_tables, tables_at
from yuelu.quality.labels import label_scores
from yuelu.quality.policy import BATCH_METRICS, default_policy
from yuelu.quality.resample import Sampling

POLICY = default_policy()
FEW = Sampling(replicates=100)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A scheduler and two workers, each a process of its own on loopback."""
    own: dict[str, Any] = {
        "n_workers": 2,
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": None,
    }
    with LocalCluster(**own) as started:  # type: ignore[no-untyped-call]
        yield started.scheduler_address


def crowd(fixtures: Path) -> pa.Table:
    """A real crowd: 300 sentiments by 461 people, the first answer of each to a task."""
    table = csv.read_csv(
        fixtures / "active_crowd_toolkit/CF.csv", csv.ReadOptions(column_names=["annotator", "task", "label", "gold"])
    )
    seen: set[tuple[Any, Any]] = set()
    rows = [row for row in table.to_pylist() if (key := (row["task"], row["annotator"])) not in seen and not seen.add(key)]  # type: ignore[func-returns-value]
    return pa.Table.from_pylist([{name: str(row[name]) for name in LABELS.names} for row in rows], LABELS)


def in_files(table: pa.Table, folder: Path) -> Path:
    """The table in five files, so that the answers to a task lie in several of them; some are CSV."""
    folder.mkdir()
    for number in range(5):
        part = table.take(pa.array(range(number, len(table), 5)))
        if number % 2:
            csv.write_csv(part.append_column("more", pa.nulls(len(part), pa.string())), folder / f"{number}.csv")
        else:
            parquet.write_table(part, folder / f"{number}.parquet")
    return folder


@pytest.mark.integration
def test_a_table_in_parts_on_a_cluster(cluster: str, fixtures: Path, tmp_path: Path) -> None:
    table = crowd(fixtures)
    tables = tables_at(str(in_files(table, tmp_path / "tables")))
    told = []
    for scheduler, parts in ((None, 1), (cluster, 7)):
        (tmp_path / str(parts)).mkdir()
        with computing(scheduler, 1):
            told.append(score_tables(tables, tmp_path / str(parts), parts, sampling=FEW))
    one, several = told
    assert (one.answers, several.parts, several.files) == (len(table), 7, 5)
    for here, there, whole in zip(one.scores, several.scores, label_scores(table, replicates=20), strict=True):
        assert (there.metric, there.tasks, there.annotations, there.reason) == (
            whole.metric, whole.tasks, whole.annotations, whole.reason
        )  # fmt: skip
        if whole.value is not None:
            assert [there.value, there.low, there.high] == pytest.approx([here.value, here.low, here.high], abs=1e-9)
            assert there.value == pytest.approx(whole.value, abs=1e-9)


def test_groups_orders_and_models_of_a_table_in_parts(tmp_path: Path) -> None:
    rows = [
        (f"t{task}", who, ("low", "mid", "high")[(task + (who == "b") * (task % 5 == 0)) % 3])
        for task in range(60)
        for who in "ab"
    ]
    lines = ["task,annotator,label,group", *(f"{t},{who},{label},g{int(t[1:]) // 3}" for t, who, label in rows)]
    (tmp_path / "a.csv").write_text(
        "\n".join([*lines, *(f"{t},model,low,g{int(t[1:]) // 3}" for t, who, _ in rows if who == "a")])
    )
    order = ("low", "mid", "high")
    (tmp_path / "parts").mkdir()
    found = score_tables(
        [tmp_path / "a.csv"], tmp_path / "parts", 3, "ordinal", order=order, without=frozenset({"model"}), sampling=FEW
    )
    table = pa.Table.from_pylist([dict(zip(LABELS.names, row, strict=True)) for row in rows], LABELS)
    whole = label_scores(table, {t: f"g{int(t[1:]) // 3}" for t, *_ in rows}, level="ordinal", order=order)
    assert [each.value for each in found.scores] == pytest.approx([each.value for each in whole], abs=1e-9)
    # Twenty groups are few enough for none of them to share a set; then the same groups are resampled.
    assert [end for each in found.scores for end in (each.low, each.high)] == pytest.approx(
        [end for each in whole for end in (each.low, each.high)]
    )
    for wrong, problem, match in (
        ((), Misconfigured, "order of labels lacks"),
        (("low", "mid", "hi"), Misconfigured, "lacks"),
        (None, InvalidRecord, "not a finite number"),
    ):
        again = tmp_path / f"again-{wrong}"
        again.mkdir()
        with pytest.raises(problem, match=match):
            score_tables([tmp_path / "a.csv"], again, 2, "ordinal", order=wrong)


def test_what_is_wrong_with_tables_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no table at"):
        tables_at(str(tmp_path / "*.csv"))
    (tmp_path / "a.csv").write_text("task,annotator,label\nt,a,x\n")
    (tmp_path / "b.csv").write_text("task,annotator,label,group\nt,b,x,g\n")
    (tmp_path / "c.csv").write_text("task,annotator,label\nt,a,x\nt,b,\n")
    (tmp_path / "d.csv").write_text("task,label\nt,x\n")
    for files, problem, match in (
        ("ab", SchemaMismatch, "b.csv has a column group and a.csv has none"),
        ("c", InvalidRecord, "c.csv: row 2 has no label"),
        ("d", SchemaMismatch, "d.csv has no column annotator"),
    ):
        (tmp_path / files).mkdir()
        with pytest.raises(problem, match=match):
            score_tables([tmp_path / f"{name}.csv" for name in files], tmp_path / files, 2)
    with pytest.raises(Misconfigured, match="no Dask scheduler at"), computing("nowhere", 1):
        pass


CONFIG = """<View><Image name="image" value="$image"/>
<Choices name="grade" toName="image" level="ordinal"><Choice value="low"/><Choice value="mid"/><Choice value="high"/></Choices>
<Number name="size" toName="image" level="ratio" min="0"/>
<PolygonLabels name="organ" toName="image"><Label value="liver"/></PolygonLabels></View>"""


GRADES = [("low", "mid" if n % 2 else "low", ("high", "mid", "low", "mid", "high", "high")[n]) for n in range(6)]


def said(grade: str, size: float, x: float) -> tuple[Region, ...]:
    points = ((x, 0.0), (x + 10, 0.0), (x + 10, 10.0), (x, 10.0))
    return Choice("grade", (grade,)), Number("size", size), Polygon("p", "organ", "liver", 0, points)


@pytest.fixture
def measured(make_lab: Callable[..., Any]) -> Any:
    """A project whose controls declare their levels, with six answered tasks."""
    template = parse_template("own", "own", CONFIG, {"en": "x", "zh": "x"})
    lab = make_lab(*(f"p{number}" for number in range(6)), template=template)
    for number, grades in enumerate(GRADES):
        lab.answer(f"p{number}", *(said(grade, 1.0 + number + at / 2, 3.0 * at) for at, grade in enumerate(grades)))
    return lab


def test_levels_are_those_that_the_configuration_declares(measured: Any) -> None:
    report = score(measured.workspace, "p", POLICY, dry_run=True)
    found = {(name, each.metric): each for name, scores in report.scores.items() for each in scores}
    labels, sizes = (
        pa.Table.from_pylist([dict(zip(LABELS.names, row, strict=True)) for row in rows], LABELS)
        for rows in (
            [(f"{n}", who, grade) for n in range(6) for who, grade in zip("abc", GRADES[n], strict=True)],
            [(f"{n}", who, str(1.0 + n + at / 2)) for n in range(6) for at, who in enumerate("abc")],
        )
    )
    # What tests/quality/test_labels.py holds against published tables.
    ordinal = label_scores(labels, level="ordinal", order=("low", "mid", "high"))[1]
    ratio = label_scores(sizes, level="ratio")[1]
    nominal = label_scores(labels)[1]
    grade, size = found["grade", "krippendorff_alpha"], found["size", "krippendorff_alpha"]
    assert grade.level == "ordinal"
    assert grade.value == pytest.approx(ordinal.value)
    assert size.level == "ratio"
    assert size.value == pytest.approx(ratio.value)
    assert nominal.value != pytest.approx(ordinal.value)
    assert all(each.metric in BATCH_METRICS["ordinal"] for each in report.scores["grade"])


@pytest.mark.integration
def test_a_project_on_a_cluster(cluster: str, measured: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = score(measured.workspace, "p", POLICY, dry_run=True)
    monkeypatch.setattr(judge_parts.judge_parts, "__kwdefaults__", {"tasks": 2})
    for scheduler in (None, cluster):
        assert score(measured.workspace, "p", POLICY, dry_run=True, scheduler=scheduler) == here
    assert here.scores["organ"][0].value is not None
