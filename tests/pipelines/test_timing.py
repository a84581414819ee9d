from fractions import Fraction
from io import BytesIO

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from yuelu.base.errors import InvalidRecord
from yuelu.pipelines.media.video import frame_table
from yuelu.pipelines.media.video.timing import slots, stated_rate, timing

MS = Fraction(1, 1000)


@pytest.mark.parametrize(
    ("pts", "time_base", "stated", "rate", "variable"),
    [
        ([n * 1001 for n in range(120)], Fraction(1, 30000), None, Fraction(30000, 1001), False),  # NTSC
        ([round(n * 1000 / 30) for n in range(90)], MS, None, Fraction(30), False),  # 33, 34, 33 ms: the clock's ticks
        ([1400 + 40 * n for n in range(50)], MS, Fraction(90000), Fraction(25), False),  # what the header says is absurd
        ([n * 40 for n in range(50) if n % 7], MS, None, Fraction(25), True),  # frames were dropped
        ([n * 5 for n in range(50)], MS, None, Fraction(200), False),  # fast cameras keep all their frames
        ([n * 1 for n in range(500)], MS, None, Fraction(1000), False),
        ([0, 5000, 10000], MS, None, Fraction(1, 5), False),  # a picture every five seconds
    ],
)
def test_rate_that_shows_every_frame(
    pts: list[int], time_base: Fraction, stated: Fraction | None, rate: Fraction, variable: bool
) -> None:
    found = timing(pts, time_base, stated)
    assert (found.rate_hz, found.variable, found.timestamps) == (rate, variable, True)


def test_rate_keeps_the_proxy_within_its_limit() -> None:
    pts = [n * 40 + (n % 10 == 0) * 25 for n in range(1000)]
    assert timing(pts, MS, None).rate_hz == 30
    assert timing(pts, MS, None, most_frames=1100).rate_hz <= Fraction(1100, 40)


@pytest.mark.parametrize("pts", [[], [7, 7, 7, 7]])
def test_without_timestamps_the_header_speaks(pts: list[int]) -> None:
    assert timing(pts, MS, Fraction(24)).rate_hz == 24
    assert not timing(pts, MS, None).timestamps


@pytest.mark.parametrize(
    ("stated", "rate"),
    [(None, Fraction(25)), (Fraction(30000, 1001), Fraction(30000, 1001)), (Fraction(90000), Fraction(60)),
     (Fraction(1, 2), Fraction(1, 2)), (Fraction(-3), Fraction(25))],
)  # fmt: skip
def test_rate_that_the_header_states(stated: Fraction | None, rate: Fraction) -> None:
    assert stated_rate(stated) == rate


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(4, 400), min_size=2, max_size=80), st.integers(-5000, 10**9))
def test_no_frame_is_lost_and_none_is_off_by_half_a_frame(distances: list[int], start: int) -> None:
    times = np.cumsum([0, *distances])
    rate = timing([start + int(at) for at in times], MS, None).rate_hz
    at = slots(times / 1000, float(rate))
    assert (np.diff(at) >= 1).all()
    assert np.abs(at / float(rate) - times / 1000).max() <= max(float(np.median(distances)) / 2000, 0.002) + 1e-9


def table() -> pa.Table:
    # Proxy frames 1 to 5 show source frames 0, 0, 1, 2, 2 of a source that starts at 1.4 s.
    return frame_table.frame_table([0, 0, 1, 2, 2], [126000, 126000, 135000, 138003, 138003], Fraction(1, 90000))


def test_table_leads_to_the_source_and_back() -> None:
    told = frame_table.read_table(frame_table.table_bytes(table()))
    assert told == table()
    assert [frame_table.source_time(told, n) for n in (1, 2, 3, 5)] == [
        Fraction(7, 5), Fraction(7, 5), Fraction(3, 2), Fraction(138003, 90000)]  # fmt: skip
    assert frame_table.source_time_s(told, 3) == 1.5
    assert [frame_table.proxy_frame_at(told, at) for at in (0, 1.4, 1.44, 1.46, 1.51, 99)] == [1, 1, 1, 3, 3, 4]
    assert frame_table.source_span_s(told, 1, 2) == (1.4, 1.5)
    assert frame_table.source_span_s(told, 1, 1) == (1.4, 1.5)
    assert frame_table.source_span_s(told, 3, 5) == pytest.approx((1.5, 138003 / 90000 + (138003 - 126000) / 90000 / 4))


def test_same_table_same_bytes() -> None:
    assert frame_table.table_bytes(table()) == frame_table.table_bytes(table())


@pytest.mark.parametrize("frame", [0, 6, -1])
def test_frames_outside_are_refused(frame: int) -> None:
    with pytest.raises(InvalidRecord, match=f"proxy frame {frame} of 5"):
        frame_table.source_time(table(), frame)


def test_other_tables_are_refused() -> None:
    file = BytesIO()
    parquet.write_table(pa.table({"a": [1]}), file)
    with pytest.raises(InvalidRecord, match="not a frame table: columns a"):
        frame_table.read_table(file.getvalue())
    with pytest.raises(InvalidRecord, match="not a frame table"):
        frame_table.read_table(b"no table")
    shifted = table().set_column(0, frame_table.SCHEMA.field(0), pa.array([0, 1, 2, 3, 4], pa.int32()))
    with pytest.raises(InvalidRecord, match="its proxy frames are not 1, 2, 3"):
        frame_table.read_table(frame_table.table_bytes(shifted))
