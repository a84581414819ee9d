"""Series that want to break their reader, through the decoding process: each becomes a reason, none a crash."""

import importlib
import io
import random
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.io
from isolated import isolated

from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused

ROWS = 2000
TIMES = np.arange(ROWS) / 100


def parquet(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def matlab(values: dict[str, Any]) -> bytes:
    file: Any = io.BytesIO()
    scipy.io.savemat(file, values, do_compression=True)
    return bytes(file.getvalue())


def mdf(version: str, compression: int = 0) -> bytes:
    """Return what the peer writes; its temporary files are for the test alone, a decoding process has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # asammdf's own
        asammdf = importlib.import_module("asammdf")
        signals = [asammdf.Signal(np.sin(TIMES), TIMES, name="speed", unit="m/s")]
        with tempfile.TemporaryDirectory() as folder, asammdf.MDF(version=version) as made:
            made.append(signals)
            return Path(made.save(Path(folder) / "drive.mf4", overwrite=True, compression=compression)).read_bytes()


GOOD = {
    "CSV": "\n".join(["time [s],speed", *(f"{t:.2f},{np.sin(t):.5f}" for t in TIMES)]).encode(),
    "Parquet": parquet(pa.table({"time": TIMES, "speed": np.sin(TIMES)})),
    "MATLAB": matlab({"time": TIMES, "speed": np.sin(TIMES)}),
    "MDF 4": mdf("4.10"),
    "MDF 4, transposed and compressed": mdf("4.10", compression=2),
    "MDF 3": mdf("3.30"),
}


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders(Limits(wall_s=120.0, cpu_s=60, memory_bytes=3 << 30))
    yield decoders
    decoders.close()


def read(decoders: Decoders, data: bytes, folder: Path, name: str = "") -> Reading:
    return isolated(decoders, data, folder / "series", name)


@pytest.mark.parametrize("kind", GOOD)
def test_good_series_cross_the_pipe(kind: str, decoders: Decoders, tmp_path: Path) -> None:
    made = read(decoders, GOOD[kind], tmp_path)
    assert (made.facts["rows"], made.facts["channels"], len(made.derived)) == (ROWS, 1, 3)


@cache
def bombs() -> dict[str, tuple[bytes, str]]:
    zeros = pa.chunked_array([pa.array(np.zeros(1_000_000))] * 30)
    return {
        "a small Parquet of many rows": (parquet(pa.table({"time": zeros, "x": zeros})), "are more than the limit"),
        "a small MATLAB file of many rows": (matlab({"fs": 1.0, "x": np.zeros(30_000_000, np.uint8)}), "are more than the limit"),
        "a line without an end": (GOOD["CSV"] + b"\n" + b"1" * (40 << 20), "cannot be decoded|rows have not"),
        "nothing but the sign of Parquet": (b"PAR1" + bytes(100), "cannot be decoded"),
        "nothing but the sign of MATLAB": (b"MATLAB 5.0 MAT-file" + bytes(300), "cannot be decoded|no array"),
        "nothing but the sign of MDF": (b"MDF     4.10    " + bytes(300), "cannot be decoded|no channel group|asammdf"),
    }


@pytest.mark.parametrize("kind", bombs())
def test_bombs_are_refused(kind: str, decoders: Decoders, tmp_path: Path) -> None:
    data, reason = bombs()[kind]
    with pytest.raises(Refused, match=reason):
        read(decoders, data, tmp_path)


@pytest.mark.parametrize("kind", GOOD)
def test_damage_is_a_reason_or_a_reading(kind: str, decoders: Decoders, tmp_path: Path) -> None:
    draw, channels, reasons = random.Random(kind), [], []
    for _ in range(30):
        data = bytearray(GOOD[kind])
        for _ in range(draw.randrange(1, 30)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        damaged = bytes(data[: draw.choice((len(data), draw.randrange(len(data))))])
        try:
            channels.append(read(decoders, damaged, tmp_path, kind).facts["channels"])
        except Refused as refusal:
            reasons.append(refusal.problem)
    assert all(channels)
    assert all(reasons)
    assert len(channels) + len(reasons) == 30
    assert reasons or kind == "CSV"  # of which a row is lost, but not the series
