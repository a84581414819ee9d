"""Series in binary files: Parquet, MATLAB, MDF; and what is not read, by name."""

import io
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io

from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Context, Reading, Refused
from yuelu.pipelines.media.recognise import recognise
from yuelu.pipelines.media.timeseries import matlab as timeseries_matlab
from yuelu.pipelines.media.timeseries import mdf as timeseries_mdf
from yuelu.pipelines.media.timeseries import parquet as timeseries_parquet

Contexts = Callable[..., Context]
ROWS = 200
TIMES = np.arange(ROWS) / 50
SPEED = np.sin(TIMES * 3)
READERS = {"Parquet": timeseries_parquet.read, "MATLAB": timeseries_matlab.read, "MDF": timeseries_mdf.read}


def reading(data: bytes, context_for: Contexts, **limits: int) -> Reading:
    return READERS[recognise(data[:4096])](io.BytesIO(data), context_for(data, Limits(**limits)))


def parquet(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def matlab(values: dict[str, Any]) -> bytes:
    file: Any = io.BytesIO()
    scipy.io.savemat(file, values, do_compression=True)
    return bytes(file.getvalue())


STAMPS = [datetime(2024, 2, 1) + timedelta(seconds=float(each)) for each in TIMES]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("when", pa.array(STAMPS, pa.timestamp("us"))),
        ("when", pa.array(STAMPS, pa.timestamp("ms", tz="Asia/Shanghai"))),
        ("time [s]", pa.array(TIMES)),
        ("t", pa.array((TIMES * 1e9).round().astype(np.int64) + 1_706_745_600_000_000_000)),
        ("elapsed_time", pa.array([timedelta(seconds=float(each)) for each in TIMES], pa.duration("ms"))),
        ("timestamp", pa.array([each.isoformat() for each in STAMPS])),
    ],
)
def test_parquet(name: str, column: pa.Array, context_for: Contexts) -> None:
    made = reading(parquet({"who": ["Zhang San"] * ROWS, name: column, "speed [m/s]": SPEED, "on": SPEED > 0}), context_for)
    assert (made.facts["channel_names"], made.facts["channel_units"]) == (["speed", "on"], ["m/s", None])
    assert made.facts["sampling_rate_hz"] == pytest.approx(50, rel=1e-4)
    assert made.facts["duration_s"] == pytest.approx(ROWS / 50, abs=1e-5)
    copy = pq.read_table(io.BytesIO(made.derived[0].data))
    assert copy["speed"].to_pylist() == SPEED.tolist()
    assert b"Zhang" not in made.derived[0].data + made.derived[1].data


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"who": ["a"] * ROWS}, "no column of numbers or times"),
        ({"time": TIMES}, "0 channels"),
        ({"time": ["soon"] * ROWS, "x": SPEED}, "time runs backwards|no column tells the time"),
        ({"time": TIMES, "x": [[1.0]] * ROWS}, "0 channels"),
    ],
)
def test_parquet_without_a_series(columns: dict[str, Any], reason: str, context_for: Contexts) -> None:
    with pytest.raises(Refused, match=reason):
        reading(parquet(columns), context_for)


def test_parquet_limits(context_for: Contexts) -> None:
    with pytest.raises(Refused, match="200 x 2 values are more than the limit of 100"):
        reading(parquet({"time": TIMES, "x": SPEED}), context_for, cells=100)


def test_a_bearing_of_case_western_reserve(fixtures: Path, context_for: Contexts) -> None:
    """The published arrays, saved as the original MATLAB files name them, with the rate that their README gives: 12 kHz."""
    arrays = np.load(fixtures / "industrial_cwru/1797_B_7_DE12.npz")
    names = {f"X118_{place}_time": arrays[place] for place in ("DE", "FE", "BA")}
    made = reading(matlab({**names, "X118RPM": 1797, "fs": 12000}), context_for)
    assert (made.facts["rows"], made.facts["channels"]) == (122_571, 3)
    assert made.facts["channel_names"] == list(names)
    assert made.facts["duration_s"] == pytest.approx(122_571 / 12_000)
    for told, array in zip(made.facts["probes"]["channels"], arrays.values(), strict=True):
        assert told["std"] == pytest.approx(float(array.std()))
    with pytest.raises(Refused, match="neither times nor a sampling rate"):
        reading(matlab({**names, "X118RPM": 1797}), context_for)


def test_matlab_with_its_own_times_and_what_is_not_a_number(context_for: Contexts) -> None:
    values = {"time": TIMES, "speed": np.c_[SPEED, SPEED], "note": "Zhang San", "cell": np.array(["a", 1], object)}
    made = reading(matlab(values), context_for)
    assert made.facts["channel_names"] == ["speed 1", "speed 2"]
    with pytest.raises(Refused, match="no array of numbers"):
        reading(matlab({"note": "Zhang San", "few": [1.0, 2.0]}), context_for)
    with pytest.raises(Refused, match="200 x 3 values are more than the limit of 100"):
        reading(matlab(values), context_for, cells=100)


@pytest.mark.parametrize("version", ["4.10", "3.30"])
@pytest.mark.filterwarnings("ignore")  # asammdf's own
def test_mdf(version: str, context_for: Contexts, tmp_path: Path) -> None:
    asammdf = pytest.importorskip("asammdf")
    signals = [
        asammdf.Signal(SPEED, TIMES, name="speed", unit="m/s"),
        asammdf.Signal((SPEED * 100).astype(np.int16), TIMES, name="torque", unit="Nm"),
    ]
    with asammdf.MDF(version=version) as mdf:
        mdf.append(signals, comment="Driver: Zhang San")
        mdf.append([asammdf.Signal(np.arange(9.0), np.arange(9.0), name="slow")])
        path = mdf.save(tmp_path / "drive.mf4", overwrite=True)
    made = reading(Path(path).read_bytes(), context_for)
    assert (made.facts["channel_names"], made.facts["channel_units"]) == (["speed", "torque"], ["m/s", "Nm"])
    assert made.facts["sampling_rate_hz"] == pytest.approx(50)
    assert pq.read_table(io.BytesIO(made.derived[0].data))["speed"].to_pylist() == pytest.approx(SPEED)
    assert b"Zhang" not in b"".join(part.data for part in made.derived)


def test_a_missing_library_is_named_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch, context_for: Contexts) -> None:
    data = b"MDF     4.10    " + bytes(100)
    monkeypatch.setitem(__import__("sys").modules, "asammdf", None)
    with pytest.raises(Refused, match=r"needs asammdf(.|\n)*pip install 'yuelu\[mdf\]'"):
        reading(data, context_for)


def test_what_is_not_read_has_a_name(fixtures: Path) -> None:
    expected = {
        (fixtures / "wfdb_signals/100.hea").read_bytes(): "WFDB headers",
        (fixtures / "wfdb_signals/100_3chan.hea").read_bytes(): "WFDB headers",
        b"\x89HDF\r\n\x1a\n": "HDF5 or MATLAB 7.3",
        b"\x93NUMPY\x01\0": "NumPy arrays",
        b"TDSm\x0e": "LabVIEW TDMS",
    }
    assert {head: recognise(head[:4096]) for head in expected} == expected
