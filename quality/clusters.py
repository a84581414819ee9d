"""Shapes of several annotators that mean one thing, and which of these things most of the annotators saw."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from yuelu.quality.coded import Codes
from yuelu.quality.drawn import Drawn, Seen
from yuelu.quality.matching import Iou, Matches, candidates


@dataclass(frozen=True, slots=True)
class Cluster:
    """Rows of what was drawn, one per annotator at most, in an order that does not depend on the annotators' names."""

    task: str
    item: int
    rows: Codes
    label: str
    label_votes: int
    seen: int

    @property
    def votes(self) -> int:
        """How many annotators drew it."""
        return len(self.rows)


def kept_clusters(drawn: Drawn, seen: Seen, iou: Iou, least: float) -> Iterator[Cluster]:
    """Yield the clusters that more than half of those who saw the task drew; its label is the most frequent one.

    Pairs that overlap by `least` or more are joined, the closest first, as long as no annotator would be in a cluster
    twice. Equal votes for two labels: the first in order of text.
    """
    items = int(drawn.item.max()) + 1 if len(drawn.item) else 1
    found = candidates(drawn.task * items + drawn.item, drawn.annotator, drawn.places, iou, least)
    viewers, names = seen.viewers, seen.tasks.to_pylist()
    for rows in _joined(drawn, found):
        first = int(rows[0])
        if 2 * len(rows) <= viewers[drawn.task[first]]:
            continue
        label, votes = min(Counter(drawn.label[rows].tolist()).items(), key=lambda vote: (-vote[1], vote[0]))
        task = int(drawn.task[first])
        yield Cluster(names[task], int(drawn.item[first]), rows, str(drawn.labels[label]), votes, int(viewers[task]))


def _joined(drawn: Drawn, found: Matches) -> list[Codes]:
    content = _content_rank(drawn)
    low = np.minimum(content[found.one], content[found.other])
    high = np.maximum(content[found.one], content[found.other])
    members = {row: [row] for row in range(len(drawn.task))}
    present = [{annotator} for annotator in drawn.annotator.tolist()]  # the annotators of a cluster, at its first row
    cluster, ones, others = list(range(len(drawn.task))), found.one.tolist(), found.other.tolist()
    # Rounded, so that overlaps that are equal on paper are equal here; then by content.
    for pair in np.lexsort((high, low, -np.round(found.iou, 12))).tolist():
        one, other = cluster[ones[pair]], cluster[others[pair]]
        if present[one].isdisjoint(present[other]):  # never the case for a cluster and itself
            present[one] |= present[other]
            for row in members.pop(other):
                members[one].append(row)
                cluster[row] = one
    rank = content.tolist()
    joined = [sorted(rows, key=rank.__getitem__) for rows in members.values()]
    return [np.array(rows, np.int64) for rows in sorted(joined, key=lambda rows: rank[rows[0]])]


def _content_rank(drawn: Drawn) -> Codes:
    """Return the place of each row when sorted by what was drawn, never by whom; equal content has equal rank."""
    columns = np.stack([drawn.task, drawn.item, *drawn.places.T, drawn.label], axis=1)
    return np.asarray(np.unique(columns, axis=0, return_inverse=True)[1], np.int64).ravel()
