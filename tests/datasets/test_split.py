import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.canonical import digest
from yuelu.base.errors import IntegrityFailure, Misconfigured
from yuelu.datasets.split import SHARES, assign_split, split_proof


def test_the_keyed_hash_modulo_ten_thousand_decides() -> None:
    for number in range(200):
        group = f"patient-{number}"
        place = int(hmac.new(b"key", f"split:\0{group}".encode(), hashlib.sha256).hexdigest(), 16) % 10_000
        expected = "train" if place < 8_000 else "validation" if place < 9_000 else "test"
        assert assign_split(group, b"key") == expected


def test_shares_come_out_about_right() -> None:
    splits = [assign_split(str(number), b"key") for number in range(10_000)]
    # three standard deviations of a binomial share of 0.8 are 120 of 10,000
    assert splits.count("train") == pytest.approx(8_000, abs=120)
    assert splits.count("test") == pytest.approx(1_000, abs=90)


@given(st.text(), st.binary(min_size=1, max_size=32))
def test_a_split_without_a_share_gets_nothing(group: str, secret: bytes) -> None:
    assert assign_split(group, secret, {"train": 10_000, "test": 0}) == "train"


def test_another_seed_deals_anew() -> None:
    groups = [str(number) for number in range(100)]
    assert [assign_split(group, b"k", seed="1") for group in groups] != [assign_split(group, b"k") for group in groups]


def test_shares_must_add_up() -> None:
    with pytest.raises(Misconfigured, match="add up to 9000"):
        assign_split("group", b"key", {"train": 9_000})


def test_proof_counts_and_names_the_groups() -> None:
    proof = split_proof([("train", "b"), ("train", "a"), ("train", "b"), ("test", "c")])
    assert proof["train"] == {"items": 3, "groups": 2, "groups_digest": digest(["a", "b"])}
    assert proof["test"] == {"items": 1, "groups": 1, "groups_digest": digest(["c"])}


def test_a_leak_is_refused() -> None:
    with pytest.raises(IntegrityFailure, match="group a is in train and in test"):
        split_proof([("train", "a"), ("test", "a")])


def test_shares_are_whole() -> None:
    assert sum(SHARES.values()) == 10_000
