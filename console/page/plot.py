"""Small plots as SVG, drawn from numbers alone, so that a page needs no script and no network."""

from collections.abc import Callable, Sequence
from html import escape

from yuelu.console.overview import ScoreView

_WIDTH, _ROW, _LEFT, _RIGHT = 560, 26, 210, 60


def intervals(scores: Sequence[ScoreView], why_undefined: Callable[[str], str]) -> str:
    """Return a plot of the scores from 0 to 1: a dot for each value, a line for its interval.

    A value that is undefined is written as what `why_undefined` makes of its reason, below the others; a value that is no
    share (seconds) is written out without a dot, and one below 0 is drawn at 0 and written out.
    """
    scores = sorted(scores, key=lambda score: score.value is None)
    height = _ROW * len(scores) + 24
    parts = [f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" xmlns="http://www.w3.org/2000/svg">']
    for tick in (0, 0.25, 0.5, 0.75, 1):
        x = _at(tick)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="4" y2="{height - 20}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{height - 6}" text-anchor="middle">{tick:g}</text>')
    for number, score in enumerate(scores):
        parts.extend(_row(score, _ROW * number + 18, why_undefined))
    return "".join([*parts, "</svg>"])


def _at(value: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(value, 0.0), 1.0), 1)


def _row(score: ScoreView, y: int, why_undefined: Callable[[str], str]) -> list[str]:
    parts = [f'<text class="name" x="0" y="{y + 4}">{escape(score.control)} · {escape(score.metric)}</text>']
    if score.value is None:
        return [*parts, f'<text class="none" x="{_LEFT}" y="{y + 4}">{escape(why_undefined(score.reason or ""))}</text>']
    if score.metric.endswith("_s"):
        return [*parts, f'<text class="value" x="{_WIDTH}" y="{y + 4}" text-anchor="end">{score.value:.3f} s</text>']
    if score.low is not None and score.high is not None:
        parts.append(f'<line class="whisker" x1="{_at(score.low)}" x2="{_at(score.high)}" y1="{y}" y2="{y}"/>')
    parts.append(f'<circle class="dot" cx="{_at(score.value)}" cy="{y}" r="5"/>')
    return [*parts, f'<text class="value" x="{_WIDTH}" y="{y + 4}" text-anchor="end">{score.value:.3f}</text>']
