"""What a browser sends is checked before anything is done with it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.annotate import incoming
from yuelu.annotate.incoming import DEEPEST, Incoming, check_result, checked, content_digest, parse_json
from yuelu.base.errors import InvalidRecord


def nested(depth: int) -> list[Any]:
    inner: Any = 1
    for _ in range(depth - 2):
        inner = [inner]
    return [{"value": inner}]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "is no JSON"),
        (b"[", "is no JSON"),
        (b'[{"x": NaN}]', "NaN is no JSON number"),
        (b'[{"x": -Infinity}]', "-Infinity is no JSON number"),
        (b"\xff\xfe[", "is no JSON"),
        (b"[" * 100_000, "is no JSON|nested"),
        (json.dumps(nested(DEEPEST + 1)).encode(), "nested more than 24 deep"),
        (b'{"result": []}', "no list of regions"),
        (b"[1]", "no list of regions"),
        (b'[{"text": "a\\u0000b"}]', "NUL"),
        (b'[{"a\\u0000b": 1}]', "NUL"),
        (b'[{"x": 1' + b"0" * 5000 + b"}]", "is no JSON"),
    ],
)
def test_what_is_no_result_is_refused(body: bytes, why: str) -> None:
    with pytest.raises(InvalidRecord, match=why):
        check_result(parse_json(body))


def test_results_of_any_size_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(incoming, "LARGEST_BYTES", 100)
    assert len(checked(Incoming("a", "k", [{"rle": "x" * 40}]))) == 64
    with pytest.raises(InvalidRecord, match=r"an answer of 1\d\d bytes"):
        checked(Incoming("a", "k", [{"rle": "x" * 90}]))
    check_result(nested(10))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800", b"bytes", {1, 2}])
def test_what_no_database_keeps_is_refused(value: object) -> None:
    with pytest.raises(InvalidRecord, match="is no JSON"):
        checked(Incoming("a", "k", [{"value": value}]))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@pytest.mark.parametrize("number", [1.0, 1e-7, 1e21, 0.1, 33.333333333333336, 5])
def test_a_sites_copy_of_an_answer_has_the_digest_of_what_was_sent(number: float) -> None:
    """JavaScript writes 1e-7 where RFC 8785 does and Python does not; databases keep the number."""
    sent = Incoming("a", "k", parse_json(json.dumps([{"value": {"x": number}}]).encode()))
    assert content_digest(json.loads(json.dumps(sent.result)), skipped=False) == checked(sent)
    assert content_digest([], skipped=True) == checked(Incoming("a", "k", sent.result, skipped=True))


@given(st.lists(st.dictionaries(st.sampled_from(["id", "value"]), JSON), max_size=3), st.booleans())
def test_the_digest_is_of_what_was_answered_and_survives_the_wire(result: list[Any], skipped: bool) -> None:
    sent = Incoming("a", "k", result, skipped=skipped)
    back = Incoming("b", "other", json.loads(json.dumps(result)), skipped=skipped, lead_time_s=2.0, address="x", agent="y")
    assert checked(sent) == checked(back)
    assert checked(Incoming("a", "k", [*result, {"more": 1}], skipped=skipped)) == checked(sent) or not skipped
    assert checked(Incoming("a", "k", result, skipped=not skipped)) != checked(sent)


@pytest.mark.parametrize(
    "wrong", [{"lead_time_s": -1.0}, {"lead_time_s": float("nan")}, {"agent": "x" * 301}, {"address": "x" * 101}]
)
def test_what_comes_with_an_answer_is_checked_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidRecord, match=r"lead time|too long"):
        Incoming("a", "k", [], **wrong)
