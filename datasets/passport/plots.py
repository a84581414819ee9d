"""Plots of a card as SVG, drawn from numbers alone."""

from collections.abc import Sequence
from html import escape

_WIDTH, _ROW, _LEFT, _RIGHT = 560, 24, 210, 60


def bars(counts: Sequence[tuple[str, int]]) -> str:
    """Return one bar for each label, as long as its count."""
    most = max((count for _, count in counts), default=1)
    parts = []
    for at, (label, count) in enumerate(counts):
        y, long = _ROW * at, round((_WIDTH - _LEFT - _RIGHT) * count / most, 1)
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(_short(label))}</text>')
        parts.append(f'<rect class="bar" x="{_LEFT}" y="{y + 4}" width="{long}" height="{_ROW - 8}"/>')
        parts.append(f'<text x="{_LEFT + long + 6}" y="{y + 16}">{count}</text>')
    return _svg(_WIDTH, _ROW * len(counts) + 4, parts)


def intervals(rows: Sequence[tuple[str, float, float | None, float | None]]) -> str:
    """Return a dot for each value between 0 and 1, with a line for its interval."""
    high = _ROW * len(rows)
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{_at(tick)}" x2="{_at(tick)}" y1="0" y2="{high}"/>')
        parts.append(f'<text x="{_at(tick)}" y="{high + 14}" text-anchor="middle">{tick:g}</text>')
    for at, (name, value, low, top) in enumerate(rows):
        y = _ROW * at + 12
        parts.append(f'<text x="{_LEFT - 12}" y="{y + 4}" text-anchor="end">{escape(_short(name))}</text>')
        if low is not None and top is not None:
            parts.append(f'<line class="whisker" x1="{_at(low)}" x2="{_at(top)}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class="dot" cx="{_at(value)}" cy="{y}" r="4"/>')
        parts.append(f'<text x="{_WIDTH}" y="{y + 4}" text-anchor="end">{value:.3f}</text>')
    return _svg(_WIDTH, high + 20, parts)


def curve(points: Sequence[tuple[float, float]]) -> str:
    """Return the share that was right (up) against the probability that was said (across), with the diagonal."""
    side, left, top = 240, 34, 8

    def place(across: float, up: float) -> str:
        return f"{round(left + side * across, 1)},{round(top + side * (1 - up), 1)}"

    line = " ".join(place(said, right) for said, right in points)
    parts = [f'<polyline class="ideal" points="{place(0, 0)} {place(1, 1)}"/>', f'<polyline class="curve" points="{line}"/>']
    for tick in (0, 0.5, 1):
        parts.append(f'<text x="{left + side * tick}" y="{top + side + 16}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{left - 6}" y="{top + side * (1 - tick) + 4}" text-anchor="end">{tick:g}</text>')
    return _svg(side + left + 12, side + top + 24, parts)


def _at(value: float) -> float:
    return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * min(max(value, 0.0), 1.0), 1)


def _short(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29]}…"


def _svg(wide: float, high: float, parts: Sequence[str]) -> str:
    shown = f'style="max-width: {wide:g}px" viewBox="0 0 {wide:g} {high:g}" role="img"'
    return f'<svg {shown} xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
