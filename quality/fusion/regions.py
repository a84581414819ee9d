"""Regions of any kind that most annotators drew: which are the same thing is what agreement says it is."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from yuelu.quality.clusters import kept_clusters
from yuelu.quality.coded import encode_sorted
from yuelu.quality.drawn import Drawn, Seen
from yuelu.quality.fusion.fused import Fused, said_text
from yuelu.quality.fusion.medians import middle
from yuelu.quality.kinds.answers import Answer
from yuelu.quality.kinds.placing import PLACING
from yuelu.quality.kinds.regions import LEAST, Placed

Merge: TypeAlias = Callable[[Sequence[Any]], Any]


def fused_regions(
    answers: Sequence[Answer], kind: str, merge: Merge | None = None, *, named: bool = False
) -> dict[str, tuple[Fused, ...]]:
    """Return for each task the regions of `kind` that more than half of its annotators drew, in an order of their content.

    Two regions are the same thing when they overlap by half, as agreement measures it (`kinds.placing`); `named`: and when
    they have the same label. `merge` makes one of a cluster; None: the one that is most like the others. The probability is
    the share that drew it with its label. Regions that have no place are left out.
    """
    entries = sorted(((said_text(region), at, region) for at, each in enumerate(answers) for region in each.said), key=_first)
    seen, drawn, placed = _drawn(answers, entries, PLACING[kind], named=named)
    found: dict[str, list[Fused]] = {each.task: [] for each in answers}
    clusters = kept_clusters(drawn, seen, placed.iou, LEAST)
    names, labels = seen.tasks.to_pylist(), drawn.labels.to_pylist()
    regions = [region for (_, _, region), reason in zip(entries, placed.reasons, strict=True) if reason is None]
    start = 0
    for at, votes in enumerate(clusters.votes.tolist()):
        rows = np.sort(clusters.rows[start : start + votes])  # in the order of their content
        start += votes
        cluster = [regions[row] for row in rows.tolist()]
        one = merge(cluster) if merge else middle(cluster, _alike(drawn, placed, rows))
        saw, label_votes = int(clusters.seen[at]), int(clusters.label_votes[at])
        region = replace(one, label=labels[clusters.label[at]])
        found[names[clusters.task[at]]].append(Fused(region, votes, saw, label_votes / saw))
    return {task: tuple(sorted(kept, key=lambda each: said_text(each.region))) for task, kept in found.items()}


def _first(entry: tuple[bytes, int, Any]) -> bytes:
    return entry[0]


def _drawn(
    answers: Sequence[Answer], entries: Sequence[tuple[bytes, int, Any]], place: Callable[..., Placed], *, named: bool
) -> tuple[Seen, Drawn, Placed]:
    tasks, task = encode_sorted(pa.array([each.task for each in answers], pa.string()))
    annotators, annotator = encode_sorted(pa.array([each.annotator for each in answers], pa.string()))
    placed = place([region for _, _, region in entries])
    good = np.asarray([reason is None for reason in placed.reasons], bool)
    labels, label = encode_sorted(pa.array([region.label for _, _, region in entries], pa.string()))
    answer = np.asarray([at for _, at, _ in entries], np.int64)
    item = placed.item - placed.item.min(initial=0)
    cell = item * (len(labels) + 1) + label if named else item
    drawn = Drawn(task[answer][good], annotator[answer][good], cell[good], label[good], labels, placed.places[good])
    return Seen(tasks, annotators, task, annotator, np.arange(len(tasks))), drawn, placed


def _alike(drawn: Drawn, placed: Placed, rows: Any) -> list[list[float]]:
    one, other = np.repeat(rows, len(rows)), np.tile(rows, len(rows))
    near = placed.iou(drawn.places[one], drawn.places[other]).reshape(len(rows), len(rows))
    return [[float(value) for value in row] for row in near]
