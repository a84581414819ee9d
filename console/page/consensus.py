"""The page of a consensus: how probable the answers are, whether that is true, what to ask next, and the raw answers."""

from functools import partial

from markupsafe import Markup

from yuelu.console.agreement.plots import histogram
from yuelu.console.deriving import Derived
from yuelu.console.page.curves import reliability_curve
from yuelu.console.page.template import template
from yuelu.console.words import say

_MOST = 500  # rows of a table on the page


def consensus_page(found: Derived, language: str) -> str:
    """Return the page as HTML in `language`. Everything from outside is escaped; nothing is fetched from anywhere."""
    rows = found.rows()
    if "probability" in found.table.column_names and "task" in found.table.column_names:
        rows.sort(key=lambda row: (row["probability"] is None, row["probability"] or 0.0, row["task"]))
    likely = [row["probability"] for row in rows if row.get("probability") is not None]
    curves = []
    if found.checked is not None:
        named = (("as the method says", found.checked.said), ("calibrated", found.checked.calibrated))
        drawn = [(name, curve) for name, curve in named if curve is not None and curve.bins]
        curves = [(name, curve, Markup(reliability_curve(curve))) for name, curve in drawn]  # noqa: S704 (drawn from numbers alone)
    return template("consensus.html").render(
        method=found.method,
        count=len(rows),
        tasks=len({task for task, _ in found.answers}),
        given=sum(len(each) for each in found.answers.values()),
        rows=rows[:_MOST],
        columns=found.shown,
        answers=found.answers,
        checked=found.checked,
        advice=found.advice,
        ignored=found.ignored,
        histogram=Markup(histogram(likely, less=False)) if likely else "",  # noqa: S704 (likewise)
        curves=curves,
        most=_MOST,
        language=language,
        t=partial(say, language),
    )
