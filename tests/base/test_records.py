from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yuelu.base.errors import InvalidRecord
from yuelu.base.records import (
    Annotation,
    Asset,
    Box,
    Choice,
    FrameRange,
    Medium,
    Region,
    Role,
    Segment,
    asset_key,
    region_from_json,
    region_to_json,
)

names = st.text(min_size=1, max_size=8)
sizes = st.floats(0.1, 1e4)
regions: st.SearchStrategy[Region] = st.one_of(
    st.builds(Choice, names, st.lists(names).map(tuple), st.none() | names),
    st.builds(Box, names, names, names, st.integers(0, 9), st.floats(-10, 1e4), st.floats(-10, 1e4), sizes, sizes),
    st.builds(Segment, names, names, names, st.floats(0, 10), st.floats(11, 20), st.none() | st.integers(0, 1)),
    st.builds(FrameRange, names, names, names, st.integers(1, 9), st.integers(9, 20)),
)


@given(regions)
def test_a_region_comes_back_from_json(region: Region) -> None:
    assert region_from_json(region_to_json(region)) == region


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"kind": "blob"}, "unknown kind of region 'blob'"),
        ({}, "unknown kind of region None"),
        ({"kind": "box", "id": "b"}, "box: .*missing"),
        ({"kind": "choice", "control": "c", "labels": [], "colour": 1}, "choice: .*colour"),
        ({"kind": "choice", "control": "c", "labels": "ab"}, "choice: labels is 'ab'"),
        ({"kind": "choice", "control": "c", "labels": [1]}, r"choice: labels is \[1\]"),
        ({"kind": "box", "id": "b", "control": "c", "label": "l", "item": True}, "box: item is True"),
        ({"kind": "segment", "start_s": "0"}, "segment: start_s is '0'\n  try: need float or int"),
    ],
)
def test_what_is_not_a_region_is_refused(data: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRecord, match=message):
        region_from_json(data)


def test_empty_and_infinite_shapes_are_refused() -> None:
    with pytest.raises(InvalidRecord, match="empty box"):
        Box("b", "c", "l", 0, 1, 1, 0, 5)
    with pytest.raises(InvalidRecord, match=r"Box\.x_px is nan"):
        Box("b", "c", "l", 0, float("nan"), 1, 1, 5)
    with pytest.raises(InvalidRecord, match="empty or negative segment"):
        Segment("s", "c", "l", 2.0, 2.0)
    with pytest.raises(InvalidRecord, match=r"Segment\.end_s is inf"):
        Segment("s", "c", "l", 2.0, float("inf"))
    with pytest.raises(InvalidRecord, match="empty frame range"):
        FrameRange("f", "c", "l", 0, 3)


def test_an_asset_is_known_by_a_hash() -> None:
    with pytest.raises(InvalidRecord, match="not a SHA-256"):
        Asset("abc", Medium.IMAGE, "image/png", 3, Role.SOURCE, "g")
    with pytest.raises(InvalidRecord, match="asset of -1 bytes"):
        Asset("0" * 64, Medium.IMAGE, "image/png", -1, Role.SOURCE, "g")
    assert asset_key("ab" + "0" * 62) == "assets/ab/ab" + "0" * 62


def test_the_content_of_an_answer_is_neither_who_nor_when() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    one = Annotation("u1", "t", "a", moment, moment, (Choice("c", ("x",)),), 3.0)
    two = Annotation("u2", "t", "b", moment, moment, (Choice("c", ("x",)),), 9.0)
    other = Annotation("u1", "t", "a", moment, moment, (Choice("c", ("y",)),), 3.0)
    assert one.content == two.content != other.content
