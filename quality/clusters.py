"""Shapes of several annotators that mean one thing, and which of these things most of the annotators saw."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from yuelu.quality.coded import Codes
from yuelu.quality.drawn import Drawn, Seen
from yuelu.quality.matching import Matches, candidates
from yuelu.quality.overlap import Iou


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters of what was drawn, one row per annotator at most; in an order that does not depend on the annotators' names.

    `rows` are those of what was drawn, cluster after cluster; all others are of shape (clusters,). `votes`: how many
    annotators drew it, `label_votes`: how many of them with this `label`, `seen`: how many saw the task.
    """

    rows: Codes
    votes: Codes
    task: Codes
    item: Codes
    label: Codes
    label_votes: Codes
    seen: Codes

    @property
    def of_row(self) -> Codes:
        """The cluster of each of `rows`."""
        return np.repeat(np.arange(len(self.votes)), self.votes)

    def by_votes(self) -> Iterator[tuple[Codes, Codes]]:
        """Yield clusters with the same votes together: their numbers, and their rows, shape (clusters, votes)."""
        starts = np.cumsum(self.votes) - self.votes
        for votes in np.unique(self.votes).tolist():
            chosen = np.flatnonzero(self.votes == votes)
            yield chosen, self.rows[starts[chosen][:, np.newaxis] + np.arange(votes)]


def kept_clusters(drawn: Drawn, seen: Seen, iou: Iou, least: float) -> Clusters:
    """Return the clusters that more than half of those who saw the task drew; its label is the most frequent one.

    Pairs that overlap by `least` or more are joined, the closest first, as long as no annotator would be in a cluster
    twice. Equal votes for two labels: the first in order of text.
    """
    items = int(drawn.item.max()) + 1 if len(drawn.item) else 1
    found = candidates(drawn.task * items + drawn.item, drawn.annotator, drawn.places, iou, least)
    content = _content_rank(drawn)
    cluster = _joined(drawn, found, content)
    viewers = seen.viewers[drawn.task]
    kept = np.flatnonzero(2 * np.bincount(cluster, minlength=1)[cluster] > viewers) if len(cluster) else cluster
    first = np.full(int(cluster.max(initial=0)) + 1, len(content))
    np.minimum.at(first, cluster, content)
    rows = kept[np.lexsort((kept, content[kept], cluster[kept], first[cluster[kept]]))]
    ends = np.flatnonzero(np.diff(cluster[rows], append=-1))
    votes = np.diff(ends, prepend=-1)
    starts = rows[ends - votes + 1]
    label, label_votes = _majority(np.repeat(np.arange(len(votes)), votes), drawn.label[rows], len(drawn.labels))
    return Clusters(rows, votes, drawn.task[starts], drawn.item[starts], label, label_votes, viewers[starts])


def _majority(cluster: Codes, label: Codes, labels: int) -> tuple[Codes, Codes]:
    """Return each cluster's most frequent label, the first of them in order of text, and its votes."""
    key, votes = np.unique(cluster * max(labels, 1) + label, return_counts=True)
    of, what = np.divmod(key, max(labels, 1))
    order = np.lexsort((what, -votes, of))
    best = order[np.diff(of[order], prepend=-1) > 0]
    return what[best], votes[best]


def _joined(drawn: Drawn, found: Matches, content: Codes) -> Codes:
    """Return the cluster of each row.

    Where all that touch each other, directly or through others, are of different annotators, they are one cluster: no
    order of joining makes a difference. Only the others are joined pair by pair.
    """
    rows = len(drawn.task)
    if rows == 0:
        return np.zeros(0, np.int64)
    touching = sparse.coo_array((np.ones(len(found.one), bool), (found.one, found.other)), (rows, rows))
    part = np.asarray(connected_components(touching, directed=False)[1], np.int64)
    key = part * (drawn.annotator.max() + 1) + drawn.annotator
    names, each = np.unique(key, return_inverse=True)
    crowded: NDArray[np.bool_] = np.zeros(int(part.max()) + 1, bool)
    crowded[part[np.bincount(each, minlength=len(names))[each] > 1]] = True
    disputed = np.flatnonzero(crowded[part[found.one]])
    if len(disputed):
        part[crowded[part]] = part.max() + 1 + _paired(drawn, found.take(disputed), content)[crowded[part]]
    return np.asarray(np.unique(part, return_inverse=True)[1], np.int64)


def _paired(drawn: Drawn, found: Matches, content: Codes) -> Codes:
    """Return the cluster of each row, a row's own number when it is in none with another."""
    low = np.minimum(content[found.one], content[found.other])
    high = np.maximum(content[found.one], content[found.other])
    cluster, ones, others = list(range(len(drawn.task))), found.one.tolist(), found.other.tolist()
    members = {row: [row] for row in {*ones, *others}}
    present = {row: {int(drawn.annotator[row])} for row in members}  # the annotators of a cluster, at its first row
    # Rounded, so that overlaps that are equal on paper are equal here; then by content.
    for pair in np.lexsort((high, low, -np.round(found.iou, 12))).tolist():
        one, other = cluster[ones[pair]], cluster[others[pair]]
        if present[one].isdisjoint(present[other]):  # never the case for a cluster and itself
            present[one] |= present[other]
            for row in members.pop(other):
                members[one].append(row)
                cluster[row] = one
    return np.asarray(cluster, np.int64)


def _content_rank(drawn: Drawn) -> Codes:
    """Return the place of each row when sorted by what was drawn, never by whom; equal content has equal rank."""
    columns = np.stack([drawn.label, *drawn.places.T[::-1], drawn.item, drawn.task])
    order = np.lexsort(columns)
    new = (np.diff(columns[:, order], axis=1) != 0).any(axis=0)
    rank = np.zeros(len(order), np.int64)
    rank[order] = np.concatenate([[0], np.cumsum(new)])[: len(order)]
    return rank
