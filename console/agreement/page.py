"""The report as one page that needs nothing else: both languages in it, pictures drawn in it, no script."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType

from markupsafe import Markup

from yuelu.base.settings import LANGUAGES
from yuelu.console.agreement import plots
from yuelu.console.agreement.measure import Report
from yuelu.console.agreement.text import bland_altman
from yuelu.console.page.template import template
from yuelu.console.words import say, say_reason
from yuelu.quality.kinds.report import ControlReport
from yuelu.quality.kinds.scoring import Confused

_WORST, _CONFUSED, _LABELS = 10, 12, 40
_NAMES: Mapping[str, str] = MappingProxyType({"en": "English", "zh": "中文"})


@dataclass(frozen=True, slots=True)
class Drawn:
    """The pictures of one question, as SVG; empty where there is nothing to draw."""

    scores: str
    matrix: str
    companies: str
    labels: str
    confusion: str
    histogram: str


def agreement_page(report: Report, language: str, server: str | None = None) -> str:
    """Return the page, with `language` shown first. `server` is what links to tasks begin with; None: no links."""
    bodies = {each: Markup(_body(report, each, server)) for each in LANGUAGES}  # noqa: S704  escaped by the template
    return template("frame.html", Path(__file__).parent).render(
        source=report.source, bodies=bodies, names=_NAMES, language=language, t=partial(say, language)
    )


def _body(report: Report, language: str, server: str | None) -> str:
    why = partial(say_reason, language)
    return template("body.html", Path(__file__).parent).render(
        r=report,
        drawn={name: _drawn(control, language) for name, control in report.controls.items()},
        worst={name: _worst(control) for name, control in report.controls.items()},
        limits={name: bland_altman(control) for name, control in report.controls.items()},
        confused={name: _confused(control) for name, control in report.controls.items()},
        address=partial(_address, report, server),
        t=partial(say, language),
        why=why,
    )


def _address(report: Report, server: str | None, task: str) -> str | None:
    """Return where a task is, also that of an answer about one item or region of it; None where that is not known."""
    page = report.pages.get(task) or report.pages.get(task.partition(" / ")[0])
    return None if server is None or page is None else f"{server.rstrip('/')}{page}"


def _drawn(control: ControlReport, language: str) -> Drawn:
    why = partial(say_reason, language)
    labels = sorted(control.labels, key=lambda part: -part.score.annotations)[:_LABELS]
    values = control.tasks.known.tolist()
    less = control.less_is_better
    found = (
        plots.intervals(control.scores, why),
        plots.annotators(control.pairs, control.main, less=less) if control.pairs else "",
        plots.bars(control.companies, why) if control.companies else "",
        plots.bars(labels, why) if labels else "",
        plots.confusion(control.confusions) if control.confusions else "",
        plots.histogram(values, less=less) if values else "",
    )
    return Drawn(*(Markup(each) for each in found))  # noqa: S704  escaped where it is drawn


def _worst(control: ControlReport) -> list[tuple[str, float]]:
    return control.tasks.worst(_WORST, less_is_better=control.less_is_better)


def _confused(control: ControlReport) -> list[Confused]:
    return [each for each in control.confusions if each.one != each.other][:_CONFUSED]
