"""SHA-256 of files as a worker takes it, against the same function on bytes that are in memory already."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
from measuring import OURS, PARTS, PEER, Row, Settings, row

from yuelu.pipelines.ingest import examine

SIZES = {"sha256 of a file of 64 MB": (1, 64 << 20), "sha256 of 200 files of 64 kB": (200, 64 << 10)}


def rows(settings: Settings) -> list[Row]:
    """Return ours, the bare function, and the command of the system."""
    made: list[Row] = []
    for job, (count, size) in SIZES.items():
        draw = np.random.default_rng(settings.seed)
        data = [draw.bytes(size) for _ in range(count)]
        paths = [settings.folder / f"{size}-{index}" for index in range(count)]
        for path, content in zip(paths, data, strict=True):
            path.write_bytes(content)
        bare = _bare(data)
        assert [_digest(path) for path in paths] == bare
        times = 4 * settings.rounds, count, count * size
        made += [
            row(job, "yuelu: open, read, sha256", OURS, lambda paths=paths: [_digest(path) for path in paths], *times),
            row(job, "sha256 of bytes in memory", PARTS, lambda data=data: _bare(data), *times),
        ]
        if shutil.which("sha256sum"):
            command = ["sha256sum", *map(str, paths)]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            assert [line.split()[0] for line in told.splitlines()] == bare
            made.append(row(job, "sha256sum", PEER, lambda command=command: _run(command), *times))
    return made


def _digest(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return examine._digest(descriptor)
    finally:
        os.close(descriptor)


def _bare(data: list[bytes]) -> list[str]:
    return [hashlib.sha256(one).hexdigest() for one in data]


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
