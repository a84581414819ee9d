"""The pictures of a report on agreement, as SVG drawn from numbers alone: no script, no network."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from yuelu.quality.kinds.scoring import Confused, Part
from yuelu.quality.score import Score

if TYPE_CHECKING:
    from yuelu.console.overview import ScoreView

Scored: TypeAlias = "Score | ScoreView"
_WIDTH, _ROW, _LEFT, _RIGHT = 720, 24, 230, 150
_HALF = 420  # of what stands beside another picture
_UNITS: Mapping[str, str] = {"_s": "s", "_px": "px", "_mm": "mm", "_ml": "ml", "_frames": "frames"}
_UNBOUND = (
    "mean_difference",
    "bias",
    "limit_of_agreement_low",
    "limit_of_agreement_high",
    "switches_per_1000_frames",
    "boundary_s",
    "boundary_frames",
)
_BINS, _HIGH = 20, 120
MOST_PEOPLE, MOST_LABELS = 24, 16


def rows(scores: Sequence[tuple[str, Scored]], why: Callable[[str], str]) -> str:
    """Return a dot for each value between 0 and 1 and a line for its interval, by name; the rest is written out."""
    height = _ROW * len(scores) + 26
    parts = [_open(_WIDTH, height), *_grid(height)]
    for number, (name, score) in enumerate(scores):
        parts += _interval_row(name, score, _ROW * number + 16, why)
    return "".join([*parts, "</svg>"])


def intervals(scores: Sequence[Score], why: Callable[[str], str]) -> str:
    """Return the rows of scores, by their metric."""
    return rows([(_named(score), score) for score in scores], why)


def _named(score: Score) -> str:
    return f"{score.metric} ({score.level})" if score.level and score.metric.startswith("krippendorff_alpha") else score.metric


def _interval_row(name: str, score: Scored, y: int, why: Callable[[str], str]) -> list[str]:
    parts = [f'<text x="0" y="{y + 4}">{escape(_cut(name, 34))}<title>{escape(name)}</title></text>']
    if score.value is None:
        return [*parts, f'<text class="none" x="{_LEFT}" y="{y + 4}">{escape(_cut(why(score.reason or ""), 76))}</text>']
    bounded = not score.metric.endswith(tuple(_UNITS)) and score.metric not in _UNBOUND
    if bounded and score.low is not None and score.high is not None:
        parts.append(f'<line class="whisker" x1="{_at(score.low)}" x2="{_at(score.high)}" y1="{y}" y2="{y}"/>')
    if bounded:
        parts.append(f'<circle class="dot" cx="{_at(score.value)}" cy="{y}" r="4.5"/>')
    return [*parts, f'<text x="{_WIDTH}" y="{y + 4}" text-anchor="end">{escape(_told(score))}</text>']


def _told(score: Scored) -> str:
    unit = next((f" {unit}" for ending, unit in _UNITS.items() if score.metric.endswith(ending)), "")
    unit = "" if score.metric.startswith("boundaries") or score.metric.startswith(("surface", "der")) else unit
    ends = f" [{score.low:.2f}, {score.high:.2f}]" if score.low is not None and score.high is not None else ""
    return f"{score.value:.3f}{unit}{ends}"


def bars(parts: Sequence[Part], why: Callable[[str], str]) -> str:
    """Return the rows of parts, by their name and how much each was used."""
    return rows([(f"{' – '.join(part.names)} ({part.score.annotations})", part.score) for part in parts], why)


def matrix(
    values: Mapping[tuple[str, str], float | None],
    names: Sequence[str],
    *,
    most: float = 1.0,
    less: bool = False,
    whole: bool = False,
) -> str:
    """Return a square of names by names, the darker the more (with `less` the less), missing pairs white; `whole`: counts."""
    cell = 46 if len(names) <= 12 else 30
    left = 130
    size = left + cell * len(names)
    parts = [_open(size + 10, size - 60, wide=False)]
    for row, one in enumerate(names):
        y = 70 + cell * row
        parts.append(f'<text x="{left - 8}" y="{y + cell / 2 + 4}" text-anchor="end">{escape(_cut(one, 18))}</text>')
        x = left + cell * row + cell / 2
        turned = f'transform="rotate(-40 {x} 62)" x="{x}" y="62"'
        parts.append(f"<text {turned}>{escape(_cut(one, 12))}</text>")
        for column, other in enumerate(names):
            value = values.get((one, other), values.get((other, one)))
            parts += _cell(left + cell * column, y, cell, value, (one, other), most=most, less=less, whole=whole)
    return "".join([*parts, "</svg>"])


def _cell(
    x: float, y: float, side: int, value: float | None, names: tuple[str, str], *, most: float, less: bool, whole: bool
) -> list[str]:
    if value is None:
        return [f'<rect class="empty" x="{x}" y="{y}" width="{side - 2}" height="{side - 2}"/>']
    share = min(max(value / most, 0.0), 1.0) if most else 0.0
    depth = 0.08 + 0.87 * (1 - share if less else share)
    shown = f"{value:.0f}" if value >= 10 or whole else f"{value:.2f}"
    light = ' class="on"' if depth > 0.55 else ""
    title = f"<title>{escape(' – '.join(names))}: {value:.4g}</title>"
    return [
        f'<rect class="heat" x="{x}" y="{y}" width="{side - 2}" height="{side - 2}" fill-opacity="{depth:.2f}">{title}</rect>',
        f'<text{light} x="{x + side / 2 - 1}" y="{y + side / 2 + 4}" text-anchor="middle" font-size="11">{shown}</text>',
    ]


def annotators(pairs: Sequence[Part], main: str, *, less: bool) -> str:
    """Return the matrix of annotators by the main measure; of more than 24 those with the most tasks."""
    used = [part for part in pairs if part.score.metric == main]
    tasks: dict[str, int] = {}
    for part in used:
        for name in part.names:
            tasks[name] = tasks.get(name, 0) + part.score.tasks
    names = sorted(sorted(tasks, key=lambda name: -tasks[name])[:MOST_PEOPLE])
    values = {(part.names[0], part.names[1]): part.score.value for part in used}
    most = max((value for value in values.values() if value is not None), default=1.0) if less else 1.0
    return matrix(values, names, most=most, less=less)


def confusion(found: Sequence[Confused]) -> str:
    """Return the matrix of labels by how often one was given where another annotator gave the other, by row of the first."""
    counts: dict[str, int] = {}
    for each in found:
        counts[each.one] = counts.get(each.one, 0) + each.count
        counts[each.other] = counts.get(each.other, 0) + each.count
    names = sorted(sorted(counts, key=lambda name: -counts[name])[:MOST_LABELS])
    values: dict[tuple[str, str], float | None] = {(each.one, each.other): float(each.count) for each in found}
    return matrix(values, names, most=max((each.count for each in found), default=1), whole=True)


def histogram(values: Sequence[float], *, less: bool) -> str:
    """Return how many tasks have which score, in 20 bins from 0 to 1 (or to the largest error)."""
    most = max(values, default=1.0) or 1.0 if less else 1.0
    counts = [0] * _BINS
    for value in values:
        counts[min(max(int(value / most * _BINS), 0), _BINS - 1)] += 1
    tallest, wide = max(counts, default=0) or 1, (_HALF - 60) / _BINS
    parts = [_open(_HALF, _HIGH + 40)]
    for number, count in enumerate(counts):
        high = _HIGH * count / tallest
        x = 40 + wide * number
        parts.append(f'<rect class="bar" x="{x:.1f}" y="{16 + _HIGH - high:.1f}" width="{wide - 2:.1f}" height="{high:.1f}"/>')
        if count:
            parts.append(
                f'<text class="tick" x="{x + wide / 2:.1f}" y="{12 + _HIGH - high:.1f}" text-anchor="middle">{count}</text>'
            )
    for tick in range(5):
        x = 40 + (_HALF - 60) * tick / 4
        parts.append(f'<text class="tick" x="{x:.1f}" y="{_HIGH + 34}" text-anchor="middle">{most * tick / 4:.3g}</text>')
    return "".join([*parts, "</svg>"])


def _open(width: float, height: float, *, wide: bool = True) -> str:
    style = "" if wide else f' style="max-width:{width:.0f}px"'
    return f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" xmlns="http://www.w3.org/2000/svg"{style}>'


def _grid(height: int) -> list[str]:
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{_at(tick)}" x2="{_at(tick)}" y1="4" y2="{height - 18}"/>')
        parts.append(f'<text class="tick" x="{_at(tick)}" y="{height - 4}" text-anchor="middle">{tick:g}</text>')
    return parts


def _at(value: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(value, 0.0), 1.0), 1)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
