"""One region out of the several that mean it: the median of their numbers, or the one that is most like the others."""

from collections.abc import Sequence
from dataclasses import replace
from statistics import median, median_low
from typing import Any

from yuelu.base.records import KeyPoint, TextSpan


def median_span(cluster: Sequence[TextSpan]) -> TextSpan:
    """Return the span from the median start to the median end; of an even number the lower, an end that somebody chose."""
    start, end = median_low(each.start for each in cluster), median_low(each.end for each in cluster)
    text = next((each.text for each in cluster if (each.start, each.end) == (start, end)), None)
    return replace(cluster[0], start=start, end=end, text=text)


def median_point(cluster: Sequence[KeyPoint]) -> KeyPoint:
    """Return the point at the medians of the coordinates."""
    x, y = median(each.x_px for each in cluster), median(each.y_px for each in cluster)
    return replace(cluster[0], x_px=x, y_px=y, width_px=median(each.width_px for each in cluster))


def middle(cluster: Sequence[Any], alike: Sequence[Sequence[float]]) -> Any:
    """Return the region that is most like the others together; `alike` is by their places. Of equals the first.

    Source: A. Braylan, M. Lease (2020), Modeling and Aggregation of Complex Annotations via Annotation Distances: the
    smallest average distance.
    """
    total = [round(sum(row), 12) for row in alike]
    return cluster[max(range(len(cluster)), key=lambda at: (total[at], -at))]
