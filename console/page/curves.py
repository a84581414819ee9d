"""The reliability curve as SVG, drawn from numbers alone."""

from collections.abc import Sequence

from yuelu.quality.calibration import Reliability

_SIDE, _LEFT, _TOP = 260, 34, 8


def reliability_curve(curve: Reliability) -> str:
    """Return the share of right labels against the probability they were said to have, with the diagonal."""
    parts = [_frame(_SIDE, _SIDE)]
    parts.append(f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>')
    points = " ".join(f"{_x(each.said)},{_y(each.right)}" for each in curve.bins)
    parts.append(f'<polyline class="curve" points="{points}"/>')
    for each in curve.bins:
        x = _x(each.said)
        parts.append(f'<line class="whisker" x1="{x}" x2="{x}" y1="{_y(each.low)}" y2="{_y(each.high)}"/>')
        parts.append(f'<circle class="dot" cx="{x}" cy="{_y(each.right)}" r="4"><title>{each.labels}</title></circle>')
    return _svg(_SIDE + _LEFT + 12, _SIDE + _TOP + 22, parts)


def _frame(wide: float, high: float) -> str:
    parts = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<line class="grid" x1="{_x(tick)}" x2="{_x(tick)}" y1="{_TOP}" y2="{_TOP + high}"/>')
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{_LEFT + wide}" y1="{_y(tick)}" y2="{_y(tick)}"/>')
        parts.append(f'<text x="{_x(tick)}" y="{_TOP + high + 15}" text-anchor="middle">{tick:g}</text>')
        parts.append(f'<text x="{_LEFT - 6}" y="{_y(tick) + 4}" text-anchor="end">{tick:g}</text>')
    return "".join(parts)


def _svg(wide: float, high: float, parts: Sequence[str]) -> str:
    return f'<svg viewBox="0 0 {wide:g} {high:g}" role="img" xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'


def _x(value: float) -> float:
    return round(_LEFT + _SIDE * value, 1)


def _y(value: float) -> float:
    return round(_TOP + _SIDE * (1 - value), 1)
