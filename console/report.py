"""An overview for the terminal, in English and Simplified Chinese."""

from collections.abc import Sequence
from functools import partial

from yuelu.console.overview import CollectionView, Overview, ProjectView
from yuelu.console.page.render import latest
from yuelu.console.show import console, table
from yuelu.console.unfinished import UnfinishedRun
from yuelu.console.words import say, say_reason


def print_overview(view: Overview, language: str) -> None:
    """Print what went in, how the work stands, and what came out."""
    t = partial(say, language)
    columns = [t(word) for word in ("collection", "listed", "accepted", "duplicate", "quarantined", "media")]
    table(t("What went in"), columns, [_collection_row(row, language) for row in view.collections])
    if view.unfinished:
        _print_unfinished(view.unfinished, language)
    bad = [(row.path, say_reason(language, row.reason)) for collection in view.collections for row in collection.quarantine]
    if bad:
        table("\n" + t("In quarantine"), (t("file"), t("why")), bad)
    columns = [t(word) for word in ("project", "tasks", "states", "answers", "annotators")]
    table("\n" + t("Labelling and agreement"), columns, [_project_row(row, language) for row in view.projects])
    columns = [t(word) for word in ("project", "control", "metric", "value", "low", "high", "tasks", "why undefined")]
    scores = [  # of the last round that was scored
        (row.name, s.control, s.metric, s.value, s.low, s.high, s.tasks, s.reason or "")
        for row in view.projects
        for s in latest(row)
    ]
    table("", columns, scores)
    if view.acceptance.lots:
        columns = [t(word) for word in ("project", "company", "items", "drawn", "inspected", "outcome")]
        lots = [
            (row["project"], row["company"], row["size"], row["drawn"], row["inspected"], t(row["outcome"] or row["state"]))
            for row in view.acceptance.lots
        ]
        table("\n" + t("Lots"), columns, lots)
    columns = [t(word) for word in ("release", "rows", "digest")]
    table("\n" + t("What came out"), columns, [(row.name, row.rows, row.digest) for row in view.releases])


def _print_unfinished(runs: Sequence[UnfinishedRun], language: str) -> None:
    t = partial(say, language)
    columns = [t(word) for word in ("collection", "recorded", "known before", "started (UTC)", "last recorded (UTC)")]
    rows = [(run.collection, run.settled, run.already, _minute(run.started_at), _minute(run.recorded_at)) for run in runs]
    table("\n" + t("Ingest without an end: still at work, or interrupted"), columns, rows)
    for run in runs:
        to_go_on = t("To go on with {collection}, which reads nothing twice:", collection=run.collection)
        console().print(to_go_on, markup=False)
        console().print("  " + (run.command or t("the command that started it, with the same filter")), markup=False)


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")


def _collection_row(row: CollectionView, language: str) -> tuple[object, ...]:
    counts = (row.outcomes.get(name, 0) for name in ("accepted", "duplicate", "quarantined"))
    media = ", ".join(f"{say(language, name)} {count}" for name, count in row.media.items())
    return (row.name, row.listed, *counts, media)


def _project_row(row: ProjectView, language: str) -> tuple[object, ...]:
    states = ", ".join(f"{say(language, name)} {count}" for name, count in row.states.items())
    return (row.name, row.tasks, states, row.answers, row.annotators)
