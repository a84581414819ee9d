"""What several annotators' entries become, and which entries mean the same thing."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, TypeAlias, TypeVar

from yuelu.base.canonical import canonical
from yuelu.base.records import Region, region_from_json, region_said

Entry = TypeVar("Entry", bound=Any)
Said: TypeAlias = Sequence[tuple[Entry, ...]]  # of one task and one control: what each annotator said, perhaps nothing


@dataclass(frozen=True, slots=True)
class Fused:
    """An entry of the consensus: `votes` of the `seen` annotators said it, and how probable it is.

    `probability` is None where the answer is no matter of right and wrong (a number); `told` is what else the method found.
    """

    region: Region
    votes: int
    seen: int
    probability: float | None
    told: tuple[tuple[str, Any], ...] = ()

    @property
    def support(self) -> float:
        """The share of those who saw the task that said it."""
        return self.votes / self.seen


def majority(said: Said[Entry], alike: Callable[[Entry, Entry], float], least: float) -> list[tuple[Entry, ...]]:
    """Return the entries that mean one thing and that more than half of the annotators have, one of each annotator.

    Pairs for which `alike` is `least` or more are joined, the most alike first, as long as no annotator is in it twice.
    Neither the order of the annotators nor their names decide: what they said does.
    """
    entries = sorted(((said_text(entry), who, entry) for who, each in enumerate(said) for entry in each), key=lambda e: e[0])
    pairs = []
    for one, other in combinations(range(len(entries)), 2):
        if entries[one][1] != entries[other][1] and (near := alike(entries[one][2], entries[other][2])) >= least:
            pairs.append((-round(near, 12), one, other))
    group = list(range(len(entries)))
    members = {at: [at] for at in group}
    for _, one, other in sorted(pairs):
        a, b = group[one], group[other]
        if a != b and not {entries[at][1] for at in members[a]} & {entries[at][1] for at in members[b]}:
            members[a] += members.pop(b)
            for at in members[a]:
                group[at] = a
    kept = [sorted(rows) for rows in members.values() if 2 * len(rows) > len(said)]
    return [tuple(entries[at][2] for at in rows) for rows in sorted(kept)]


def said_text(entry: Region) -> bytes:
    """Return what the entry says as canonical bytes, without its id: it comes from the editor and means nothing."""
    return canonical({name: value for name, value in region_said(entry).items() if name != "id"})


def commonest(labels: Sequence[str]) -> tuple[str, int]:
    """Return the most frequent label, the first in order of text where several are, and how often it is there."""
    return min(Counter(labels).items(), key=lambda each: (-each[1], each[0]))


def numbered(found: Sequence[Fused], control: str) -> tuple[Fused, ...]:
    """Return the fused entries with ids of their own, in their order: `control-0`, `control-1`, ...

    What came beside one annotator's answer (a score, what the editor kept) is not the consensus', so it goes.
    """
    told = [{**region_said(each.region), "id": f"{control}-{at}"} for at, each in enumerate(found)]
    for each, plain in zip(found, told, strict=True):
        if not hasattr(each.region, "id"):
            del plain["id"]
    return tuple(replace(each, region=region_from_json(plain)) for each, plain in zip(found, told, strict=True))
