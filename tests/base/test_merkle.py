"""Vectors of Certificate Transparency's reference trees (RFC 6962), as in google/certificate-transparency."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base import merkle

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
HASHES = [merkle.leaf_hash(leaf) for leaf in LEAVES]


@pytest.mark.parametrize(
    ("size", "published"),
    [
        (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (8, "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"),
    ],
)
def test_roots_are_those_of_certificate_transparency(size: int, published: str) -> None:
    assert merkle.root(HASHES[:size]).hex() == published


def reference_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + reference_root(leaves[:split]) + reference_root(leaves[split:])).digest()


trees = st.lists(st.binary(max_size=4), min_size=1, max_size=40).map(lambda data: [merkle.leaf_hash(d) for d in data])


@given(trees)
def test_root_is_the_definition(leaves: list[bytes]) -> None:
    assert merkle.root(leaves) == reference_root(leaves)


@given(trees, st.data())
def test_inclusion_is_proved_for_that_leaf_at_that_place_alone(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path, root = merkle.inclusion_proof(leaves, index), merkle.root(leaves)
    assert merkle.verify_inclusion(leaves[index], index, len(leaves), path, root)
    assert not merkle.verify_inclusion(merkle.leaf_hash(b"other leaf"), index, len(leaves), path, root)
    assert not merkle.verify_inclusion(leaves[index], len(leaves), len(leaves), path, root)
    assert not merkle.verify_inclusion(leaves[index], index, len(leaves), [*path, root], root)


@given(trees, st.data())
def test_a_log_that_grew_is_consistent_and_one_that_was_changed_is_not(leaves: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(leaves)))
    proof = merkle.consistency_proof(leaves, old)
    old_root, new_root = merkle.root(leaves[:old]), merkle.root(leaves)
    assert merkle.verify_consistency(old, len(leaves), old_root, new_root, proof)
    forged = merkle.root([merkle.leaf_hash(b"another history"), *leaves[1:old]])
    assert not merkle.verify_consistency(old, len(leaves), forged, new_root, proof)


def test_proofs_of_leaves_that_are_not_there_are_refused() -> None:
    with pytest.raises(IndexError, match="leaf 8 of 8"):
        merkle.inclusion_proof(HASHES, 8)
    with pytest.raises(IndexError, match="old size 9 of 8"):
        merkle.consistency_proof(HASHES, 9)
    assert not merkle.verify_consistency(9, 8, b"", b"", [])
    assert not merkle.verify_consistency(3, 8, HASHES[0], HASHES[1], [])
