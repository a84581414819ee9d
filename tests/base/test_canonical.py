"""Canonical JSON against the examples of RFC 8785; keyed hashes against RFC 4231."""

import hashlib
import hmac
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.canonical import canonical, digest, keyed, sha256
from yuelu.base.errors import InvalidRecord


def test_the_example_of_rfc_8785_section_3_2_2() -> None:
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"\u002f",
        "literals": [None, True, False],
    }
    wanted = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(value) == wanted.encode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", 2**60, {"a": object()}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(InvalidRecord, match="not canonical JSON"):
        canonical(value)


def test_the_order_of_keys_changes_nothing() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) == sha256(b'{"a":1,"b":[2]}')


def test_sha256_of_abc_is_that_of_fips_180() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_keyed_hash_depends_on_key_purpose_and_value() -> None:
    assert keyed(b"k", "p", "v") == hmac.new(b"k", b"p\x00v", hashlib.sha256).hexdigest()
    assert len({keyed(k, p, v) for k in (b"1", b"2") for p in ("a", "b") for v in ("x", "y")}) == 8


FLAT = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), max_size=6)


@given(FLAT)
def test_the_fast_way_spells_as_the_library_does(value: Any) -> None:
    try:
        wanted = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError:
        with pytest.raises(InvalidRecord, match="not canonical JSON"):
            canonical(value)
    else:
        assert canonical(value) == wanted


def test_half_a_character_is_refused() -> None:
    for value in ({"a": "\ud800"}, ["\ud800"]):
        with pytest.raises(InvalidRecord, match="not canonical JSON"):
            canonical(value)
