"""Drawing a sample that anybody can draw again: from a frozen list, by a seed, with nothing but SHA-256."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass

from yuelu.base.canonical import digest
from yuelu.base.errors import InvalidRecord


@dataclass(frozen=True, slots=True)
class Drawn:
    """A sample: `items` of the list whose canonical digest is `list_digest`, drawn by `seed`."""

    seed: str
    list_digest: str
    lot_size: int
    items: tuple[str, ...]


def draw(items: Collection[str], n: int, seed: str) -> Drawn:
    """Return `n` of the items, each as likely as any other; the order in which they are given does not matter.

    An item's rank is the SHA-256 of seed, digest of the list and item, so the sample can be checked without this code
    and cannot be chosen by whoever made the list. The seed must come from somebody else, after the list was frozen.
    Raises InvalidRecord: an item is there twice, or more are wanted than there are.
    """
    frozen = sorted(set(items))
    if len(frozen) != len(items):
        raise InvalidRecord(f"{len(items) - len(frozen)} items are in the list twice", "give each item once")
    if not 0 < n <= len(frozen):
        raise InvalidRecord(f"cannot draw {n} of {len(frozen)} items", "draw at least 1, and no more than there are")
    listed = digest(frozen)
    ranked = sorted(frozen, key=lambda item: hashlib.sha256(f"{seed}\0{listed}\0{item}".encode()).digest())
    return Drawn(seed, listed, len(frozen), tuple(ranked[:n]))
