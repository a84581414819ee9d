"""What is measured of a series, on series whose faults were put there; and that no peak is lost on the way to the screen."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from yuelu.pipelines.media.timeseries.channels import Channel, parted, published
from yuelu.pipelines.media.timeseries.clock import from_numbers, from_rate
from yuelu.pipelines.media.timeseries.facts import channel_facts, clock_facts
from yuelu.pipelines.media.timeseries.shown import proxy, shown_rows, thumbnail

CLOCK = from_rate(1000, 100)


def faults(values: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> dict[str, float]:
    return channel_facts(values, CLOCK)


def test_gaps_and_rate() -> None:
    times = np.r_[np.arange(100), np.arange(150, 200), np.arange(260, 300)] / 100
    facts = clock_facts(from_numbers(times, "time", "s"))
    assert facts["sampling_rate_hz"] == pytest.approx(100)
    assert facts["gaps"] == {
        "count": 2,
        "longest_s": pytest.approx(0.61),
        "first": [
            {"start_s": pytest.approx(0.99), "length_s": pytest.approx(0.51)},
            {"start_s": pytest.approx(1.99), "length_s": pytest.approx(0.61)},
        ],
    }
    assert facts["regular"]
    assert not clock_facts(from_numbers(np.cumsum(np.tile([1.0, 1.4], 50)), "t", "s"))["regular"]


def test_faults_of_a_channel() -> None:
    noise = np.random.default_rng(1).normal(0, 1, 1000)
    clean = faults(noise)
    assert (clean["clipped_share"], clean["constant"], clean["missing_share"], clean["outlier_share"]) == (0, False, 0, 0)
    assert [clean["mean"], clean["std"]] == pytest.approx([noise.mean(), noise.std()])
    clipped = np.clip(np.sin(np.arange(1000) / 20), -0.8, 0.8)
    assert faults(clipped)["clipped_share"] == pytest.approx((np.abs(clipped) == 0.8).mean(), abs=1e-6)
    stuck = noise.copy()
    stuck[200:451] = stuck[200]
    assert faults(stuck)["stuck_s"] == pytest.approx(2.5)  # 250 steps of 10 ms without a change
    spiked = noise.copy()
    spiked[[10, 500]] = 50
    assert faults(spiked)["outlier_share"] == pytest.approx(0.002)
    missing = noise.copy()
    missing[:250] = np.nan
    assert faults(missing)["missing_share"] == 0.25
    assert faults(np.full(1000, 3.0))["constant"]
    assert faults((noise > 0).astype(float))["clipped_share"] == 0  # a switch is at an end all the time


@given(st.integers(1, 4), st.integers(12, 4000), st.integers(0, 2**32 - 1))
def test_every_channels_peaks_are_shown(channels: int, rows: int, seed: int) -> None:
    values = list(np.random.default_rng(seed).normal(0, 1, (channels, rows)))
    shown = shown_rows(values, most=200)
    assert len(shown) <= max(202, 12)
    assert (np.diff(shown) > 0).all()
    assert {0, rows - 1} <= set(shown)
    for each in values:
        assert {int(each.argmin()), int(each.argmax())} <= set(shown)


def test_shown_are_real_rows_under_their_own_times() -> None:
    clock = from_rate(100_000, 12_000)
    values = np.sin(np.arange(100_000) / 300)
    values[77_777] = 9.0
    part = proxy(clock, [values])
    shown = json.loads(part.data)
    rows = np.searchsorted(clock.times_s, shown["time_s"])
    assert clock.times_s[rows].tolist() == shown["time_s"]
    assert shown["ch0"] == pytest.approx(values[rows], rel=1e-6)
    assert max(shown["ch0"]) == 9.0
    assert part.facts["rows"] == len(rows) <= 12_002


def test_missing_values_are_bridged_for_the_editor_alone() -> None:
    values = np.arange(1000).astype(np.float64)
    values[100:200] = np.nan
    shown = json.loads(proxy(CLOCK, [values]).data)["ch0"]
    assert shown == pytest.approx(np.arange(1000.0))


def test_the_thumbnail_shows_the_curves() -> None:
    rising = np.asarray(np.linspace(-1, 1, 1000), np.float64)
    picture = np.asarray(Image.open(io.BytesIO(thumbnail(CLOCK, [rising, -rising]).data)).convert("L"))
    assert picture.shape == (144, 256)
    places = [np.argmin(picture[half], axis=0) for half in (slice(0, 72), slice(72, 144))]
    (rises_from, rises_to), (falls_from, falls_to) = ((int(half[5]), int(half[-5])) for half in places)
    assert (rises_from > 60, rises_to < 10, falls_from < 10, falls_to > 60) == (True,) * 4


@pytest.mark.parametrize(
    ("header", "name", "unit"),
    [
        ("speed [m/s]", "speed", "m/s"),
        ("温度（°C）", "温度", "°C"),
        ("speed / km/h", "speed", "km/h"),
        ("n/a", "n/a", None),
        ("  vib   x ", "vib x", None),
    ],
)
def test_names_and_units(header: str, name: str, unit: str | None) -> None:
    assert parted(header) == Channel(name, unit)


def test_names_are_unique_and_no_value_of_the_editor() -> None:
    channels = [Channel(name, None) for name in ("x", "x", "true", "time_s", "measured by Zhang San in room 7")]
    assert [each.name for each in published(channels)] == ["x 1", "x 2", "channel 3", "channel 4", "channel 5"]
