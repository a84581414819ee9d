"""Splits that do not leak: a group goes to one split, and stays there whatever is added later."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from yuelu.base.canonical import digest, keyed
from yuelu.base.errors import IntegrityFailure, Misconfigured

PARTS = 10_000
SHARES: Mapping[str, int] = MappingProxyType({"train": 8_000, "validation": 1_000, "test": 1_000})


def assign_split(group: str, secret: bytes, shares: Mapping[str, int] = SHARES, *, seed: str = "") -> str:
    """Return the split of `group`; `shares` are ten thousandths, in the order of their splits.

    The keyed hash of the group alone decides, so new groups never move old ones. To get better balanced splits choose
    another `seed`; do not move groups by hand.

    Raises Misconfigured: shares that do not add up to 10,000.
    """
    if sum(shares.values()) != PARTS or min(shares.values()) < 0:
        raise Misconfigured(f"shares {dict(shares)} add up to {sum(shares.values())}", f"they must add up to {PARTS}")
    place = int(keyed(secret, f"split:{seed}", group), 16) % PARTS
    for split, share in shares.items():
        place -= share
        if place < 0:
            return split
    raise AssertionError("shares add up to every place")


def split_proof(rows: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return counts of items and groups per split, and digests of the sorted groups, from pairs (split, group).

    Raises IntegrityFailure: a group in two splits.
    """
    home: dict[str, str] = {}
    items: dict[str, int] = {}
    for split, group in rows:
        items[split] = items.get(split, 0) + 1
        if home.setdefault(group, split) != split:
            raise IntegrityFailure(f"group {group} is in {home[group]} and in {split}", "assign whole groups; see assign_split")
    groups: dict[str, list[str]] = {split: [] for split in items}
    for group in sorted(home):
        groups[home[group]].append(group)
    return {
        split: {"items": items[split], "groups": len(groups[split]), "groups_digest": digest(groups[split])}
        for split in sorted(items)
    }
