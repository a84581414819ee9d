"""Merkle trees as RFC 6962 hashes them: leaf SHA-256(0x00 || data), node SHA-256(0x01 || left || right).

Source: RFC 6962 section 2.1; RFC 9162 section 2.1 for the verification algorithms.
"""

import hashlib
from collections.abc import Sequence


def leaf_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of one leaf."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree hash over leaf hashes; the hash of nothing for no leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    # Pairing level by level and carrying an odd last node up gives RFC 6962's split at the largest power of two.
    level = list(leaves)
    while len(level) > 1:
        level = _next_level(level)
    return level[0]


class Growing:
    """The tree over leaf hashes that come one by one. Holds one hash for each level, not the leaves."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []  # of the complete subtrees, the largest first

    def add(self, leaf: bytes) -> None:
        """Append a leaf hash."""
        self._whole.append(leaf)
        self.size += 1
        for _ in range((self.size & -self.size).bit_length() - 1):  # as many subtrees of one size stand side by side
            right = self._whole.pop()
            self._whole[-1] = node_hash(self._whole[-1], right)

    def root(self) -> bytes:
        """Return the tree hash of what was added so far, as `root` does."""
        if not self._whole:
            return root(())
        last, *larger = reversed(self._whole)
        for left in larger:
            last = node_hash(left, last)
        return last


def _next_level(level: list[bytes]) -> list[bytes]:
    paired = [node_hash(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return paired + level[len(level) - len(level) % 2 :]


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index`, from its sibling up to the root."""
    if not 0 <= index < len(leaves):
        raise IndexError(f"leaf {index} of {len(leaves)}")
    path, level = [], list(leaves)
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            path.append(level[sibling])
        index, level = index // 2, _next_level(level)
    return path


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Return whether `path` proves that leaf hash `leaf` stands at `index` in the tree of `size` leaves."""
    if not 0 <= index < size:
        return False
    here, last, hashed = index, size - 1, leaf
    steps = iter(path)
    while last:
        if here % 2 or here < last:
            sibling = next(steps, None)
            if sibling is None:
                return False
            hashed = node_hash(sibling, hashed) if here % 2 else node_hash(hashed, sibling)
        here, last = here // 2, last // 2
    return next(steps, None) is None and hashed == expected_root


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree of the first `old_size` leaves is a prefix of the tree of all `leaves`."""
    if not 0 < old_size <= len(leaves):
        raise IndexError(f"old size {old_size} of {len(leaves)}")
    return _subproof(list(leaves), old_size, complete=True)


def _subproof(leaves: list[bytes], old_size: int, *, complete: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if complete else [root(leaves)]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    if old_size <= split:
        return [*_subproof(leaves[:split], old_size, complete=complete), root(leaves[split:])]
    return [*_subproof(leaves[split:], old_size - split, complete=False), root(leaves[:split])]


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether `proof` shows that the older tree is a prefix of the newer one (RFC 9162 section 2.1.4.2)."""
    if not 0 < old_size <= new_size:
        return False
    if old_size == new_size:
        return not proof and old_root == new_root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)  # a complete subtree is its own first node
    if not path:
        return False
    here, last = old_size - 1, new_size - 1
    while here % 2:
        here, last = here // 2, last // 2
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if here % 2 or here == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while here and not here % 2:
                here, last = here // 2, last // 2
        else:
            new = node_hash(new, step)
        here, last = here // 2, last // 2
    return last == 0 and old == old_root and new == new_root
