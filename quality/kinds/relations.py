"""Links between regions: two are the same when both ends are the same things."""

from collections.abc import Mapping, Sequence
from typing import Any

from yuelu.base.records import Relation
from yuelu.quality.kinds.answers import Answer, Asked
from yuelu.quality.kinds.compared import Compared, Measure, share
from yuelu.quality.kinds.pairwise import Found, Said, compare_pairs
from yuelu.quality.kinds.placing import match_any

_COUNTS = ("same", "any_label", "drawn", "joinable")


def compare_relations(answers: Sequence[Answer], _: Asked) -> Compared:
    """Return the tallies of relations; an answer says its relations and all regions that they may join.

    `drawn` relations of both; `joinable`: those whose ends both have; `same` and `any_label`: those that join the same.
    """
    return compare_pairs(answers, dict.fromkeys(_COUNTS, ()), _relations)


def _relations(one: Said, other: Said) -> Found:
    partner = match_any(one, other)
    here = _links(one, {each.id: each.id for each in _regions(one)})
    there = _links(other, partner)
    counts = {
        "drawn": len(here) + len(there),
        "same": _both(here, there, labelled=True),
        "any_label": _both(here, there, labelled=False),
        "joinable": sum(_joins(each, set(partner.values())) for each in here) + sum(None not in each[:2] for each in there),
    }
    labels = {}
    for label in sorted({name for each in (*here, *there) for name in each[2]}):
        a, b = ([each for each in side if label in each[2]] for side in (here, there))
        labels[label] = (float(_both(a, b, labelled=False)), float(len(a) + len(b)))
    return Found(counts, labels)


_Link = tuple[str | None, str | None, tuple[str, ...]]


def _regions(said: Said) -> list[Any]:
    return [each for each in said if not isinstance(each, Relation)]


def _links(said: Said, names: Mapping[str, str]) -> list[_Link]:
    """Return each relation's ends under the ids of the first annotator, None for one that they have not, and its labels."""
    found: list[_Link] = []
    for each in said:
        if isinstance(each, Relation):
            start, end = names.get(each.from_id), names.get(each.to_id)
            turned = each.direction == "left" or (each.direction == "bi" and (start or "") > (end or ""))
            ends = (end, start) if turned else (start, end)
            found.append((*ends, tuple(sorted((*each.labels, *(["both ways"] if each.direction == "bi" else []))))))
    return found


def _joins(link: _Link, known: set[str]) -> bool:
    return link[0] in known and link[1] in known


def _both(one: Sequence[_Link], other: Sequence[_Link], *, labelled: bool) -> int:
    left = [each if labelled else each[:2] for each in other if None not in each[:2]]
    both = 0
    for each in one:
        wanted = each if labelled else each[:2]
        if wanted in left:
            left.remove(wanted)
            both += 1
    return both


_NOTHING = "nobody drew any relations"
RELATIONS = (
    Measure("f1", share({"same": 2}, "drawn"), _NOTHING),
    Measure("f1_any_label", share({"any_label": 2}, "drawn"), _NOTHING),
    Measure("f1_where_both_have_the_ends", share({"same": 2}, "joinable"), "no relation has ends that both annotators drew"),
)
