"""The report for the terminal, in English and Simplified Chinese."""

from functools import partial

import click

from yuelu.console.agreement.measure import Report
from yuelu.console.show import table
from yuelu.console.words import say, say_reason
from yuelu.quality.kinds.report import ControlReport
from yuelu.quality.kinds.scoring import Part
from yuelu.quality.score import Score

_PEOPLE, _LABELS, _WORST = 12, 12, 5
_LIMITS = ("bias", "limit_of_agreement_low", "limit_of_agreement_high")
_SCORE = ("control", "metric", "level", "value", "low", "high", "tasks", "annotators", "annotations", "why undefined")


def print_agreement(report: Report, language: str) -> None:
    """Print the scores, who agrees with whom, the labels least agreed on and the worst tasks, and what was left out."""
    t = partial(say, language)
    said = [f"{t(name)} {count}" for name, count in report.counts.items() if count]
    click.echo(f"{report.source}: {', '.join(said)}")
    rows = [
        (name, s.metric, s.level, s.value, s.low, s.high, s.tasks, s.annotators, s.annotations, _why(language, s.reason))
        for name, control in report.controls.items()
        for s in control.scores
    ]
    table("", [t(word) for word in _SCORE], rows)
    for name, control in report.controls.items():
        _print_control(name, control, language)
    if report.notes:
        notes = [(count, say_reason(language, what)) for what, count in report.notes.items()]
        table("\n" + t("Not measured, or only otherwise"), ("", ""), notes)


def _why(language: str, reason: str | None) -> str | None:
    return None if reason is None else say_reason(language, reason)


def _print_control(name: str, control: ControlReport, language: str) -> None:
    t = partial(say, language)
    people = sorted({each for part in control.pairs for each in part.names})
    if 2 < len(people) <= _PEOPLE:
        known = {part.names: part.score.value for part in control.pairs if part.score.metric == control.main}
        rows = [(one, *(known.get((one, other), known.get((other, one))) for other in people)) for one in people]
        table(f"\n{name}: {t('Annotator by annotator: {metric}', metric=control.main)}", ("", *people), rows)
    limits = bland_altman(control)
    if len(limits) > 1:
        columns = ["", *(t(word) for word in ("bias", "low", "high", "limit below", "limit above", "tasks"))]
        rows = [(f"{one} – {other}", b.value, b.low, b.high, low.value, high.value, b.tasks)
                for (one, other), (b, low, high) in limits[:_PEOPLE]]  # fmt: skip
        table(
            f"\n{name}: {t('Bland–Altman: how much higher the first answers, and where 95 % of differences lie')}", columns, rows
        )
    if len(control.labels) > 1:
        least = sorted(control.labels, key=_least)[:_LABELS]
        columns = [t(word) for word in ("label", "value", "low", "high", "annotations")]
        rows = [(p.names[0], p.score.value, p.score.low, p.score.high, p.score.annotations) for p in least]
        table(f"\n{name}: {t('Labels: F1, and how often they were given')}", columns, rows)
    for what, found in (
        (t("Within companies and between them: {metric}", metric=control.main), control.companies),
        (t("Models against annotators"), [part for part in control.models if part.score.metric == control.main]),
        (t("Gold answers against annotators"), [part for part in control.gold if part.score.metric == control.main]),
    ):
        if found:
            columns = ["", *(t(word) for word in ("metric", "value", "low", "high", "tasks"))]
            rows = [(" – ".join(p.names), p.score.metric, p.score.value, p.score.low, p.score.high, p.score.tasks) for p in found]
            table(f"\n{name}: {what}", columns, rows)
    if len(control.tasks) > 1:
        table(
            f"\n{name}: {t('Tasks with the least agreement')}",
            (t("task"), control.main),
            control.tasks.worst(_WORST, less_is_better=control.less_is_better),
        )


def bland_altman(control: ControlReport) -> list[tuple[tuple[str, ...], tuple[Score, Score, Score]]]:
    """Return bias and limits of agreement of every two annotators, by name; of answers that are no numbers nothing."""
    found: dict[tuple[str, ...], dict[str, Score]] = {}
    for part in control.pairs:
        if part.score.metric in _LIMITS:
            found.setdefault(part.names, {})[part.score.metric] = part.score
    return [(names, (each[_LIMITS[0]], each[_LIMITS[1]], each[_LIMITS[2]])) for names, each in sorted(found.items())]


def _least(part: Part) -> float:
    return 2.0 if part.score.value is None else part.score.value
