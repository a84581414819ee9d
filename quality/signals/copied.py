"""Copied: the very same shape from two hands. Nobody draws a box twice to the last digit, not even their own."""

from collections import Counter
from collections.abc import Iterable
from itertools import combinations

from scipy.stats import binom

from yuelu.quality.signals.record import Looked, looked

KIND = "copied"
_TASKS = 3  # that both drew in
_RATE = 1e-3  # identical shapes that are granted to chance, at least
_MEANING = "share of the tasks that both drew in with an identical shape"
_REASON = f"no two annotators drew shapes in {_TASKS} common tasks"


def copied(shapes: Iterable[tuple[str, str, str]], known: Iterable[tuple[str, str]] = ()) -> Looked:
    """Return which pairs have identical shapes; `shapes` are (task, annotator, digest of the geometry).

    Shapes that were shown as predictions (`known`: task, digest), and those that at least half of three or more annotators
    of a task have, such as the whole frame, say nothing. By how much the other pairs coincide is taken for chance.
    """
    tasks: dict[str, dict[str, set[str]]] = {}
    shown = set(known)
    for task, annotator, digest in shapes:
        tasks.setdefault(task, {}).setdefault(annotator, set()).add(digest)
    same: Counter[tuple[str, str]] = Counter()
    both: Counter[tuple[str, str]] = Counter()
    for task, drawn in tasks.items():
        common = Counter(digest for mine in drawn.values() for digest in mine)
        telling = {
            who: {
                d
                for d in mine
                if (task, d) not in shown and not (len(drawn) > 2 and common[d] * 2 >= len(drawn) and common[d] > 2)
            }
            for who, mine in drawn.items()
        }
        for pair in combinations(sorted(drawn), 2):
            both[pair] += 1
            same[pair] += bool(telling[pair[0]] & telling[pair[1]])
    rows = []
    for pair, count in sorted(both.items()):
        if count >= _TASKS:
            elsewhere = both.total() - count
            rate = max((same.total() - same[pair]) / elsewhere if elsewhere else 0.0, _RATE)
            rows.append((pair, same[pair] / count, rate, count, float(binom.sf(same[pair] - 1, count, rate))))
    return looked(KIND, rows, _MEANING, _REASON)
