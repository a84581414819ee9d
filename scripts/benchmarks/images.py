"""JPEG photographs of 12 and 2 megapixels: a thumbnail and all that an asset needs, against who makes only thumbnails."""

import hashlib
import io
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from measuring import OURS, PARTS, PEER, Row, Settings, memory_mb, timed
from PIL import Image

from yuelu.base.records import Role, asset_key
from yuelu.base.store.local import LocalStore
from yuelu.pipelines.ingest.examine import examine
from yuelu.pipelines.ingest.records import Found, Job
from yuelu.pipelines.isolation.pool import Decoders
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.sources.folder import folder as at

SIZES = {"JPEG of 12 MP": (4000, 3000), "JPEG of 2 MP": (1920, 1080)}
_OURS_WAY = "yuelu: examine (hash, isolated decode, probes, fingerprint, proxy, thumbnail, stored)"
_FILES, _SIDE = 3, 256
_FEW, _MANY = 8, 56  # of img2dataset, whose start-up is taken out by their difference
_SLOPE = 1.45  # of the spectrum: with it a file has the size of a photograph, about 1 bit per pixel at quality 90


def rows(settings: Settings) -> list[Row]:
    """Return ours, the peers and the parts, for each size."""
    made: list[Row] = []
    for job, (width, height) in SIZES.items():
        folder = settings.folder / f"{width}x{height}"
        folder.mkdir()
        paths = [_written(folder / f"{n}.jpg", width, height, settings.seed + n) for n in range(_FILES)]
        made += _job(job, paths, settings)
    return made


def _written(path: Path, width: int, height: int, seed: int) -> Path:
    Image.fromarray(picture(width, height, seed)).save(path, quality=90)
    return path


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """Return a picture with the spectrum of a photograph, and edges."""
    rng = np.random.default_rng(seed)
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    radius[0, 0] = 1
    waves = (rng.normal(size=radius.shape) + 1j * rng.normal(size=radius.shape)) / radius**_SLOPE
    waves[0, 0] = 0
    base = np.fft.irfft2(waves, s=(height, width))
    drawn = np.repeat((128 + 45 * base / base.std())[..., None], 3, axis=2).astype(np.float32)
    for _ in range(40):
        x, y = rng.integers(0, width), rng.integers(0, height)
        across, down = rng.integers(width // 40, width // 6), rng.integers(height // 40, height // 6)
        drawn[y : y + down, x : x + across] += rng.normal(size=3) * 40
    return np.clip(drawn, 0, 255).astype(np.uint8)


def _job(job: str, paths: list[Path], settings: Settings) -> list[Row]:
    size = sum(path.stat().st_size for path in paths)
    rounds = settings.rounds * max(1, (1_500_000 if settings.quick else 4_000_000) // (size // len(paths)))
    ours = _Ours(settings.folder / f"store {job}")
    try:
        ours(paths)  # the decoder is up, everything is imported
        found = ours.found
        _check(found, paths)
        made = [_row((job, _OURS_WAY, OURS), ours, paths, rounds)]
    finally:
        ours.close()
    ways: tuple[tuple[str, str, Callable[[list[Path]], object]], ...] = (
        ("read + sha256 + scaled decode + thumbnail", PARTS, parts),
        ("the same + sha256, write and flush of proxy and thumbnail", PARTS, Stored(settings.folder / f"parts {job}")),
        ("Pillow: thumbnail() + sha256", PEER, _pillow),
    )
    for way, kind, do in ways:
        do(paths)
        made.append(_row((job, way, kind), do, paths, rounds))
    if settings.peers is not None:
        made.append(_img2dataset(job, paths, settings))
    return made


def _row(named: tuple[str, str, str], do: Callable[[list[Path]], object], paths: list[Path], rounds: int) -> Row:
    def repeat() -> None:
        for _ in range(rounds):
            do(paths)

    cpu, wall = timed(repeat)
    size = rounds * sum(path.stat().st_size for path in paths)
    memory = memory_mb() if named[2] == OURS else None
    return Row(*named, rounds * len(paths), cpu, wall, size, memory)


class _Ours:
    """The whole way of an object in a worker; each round has an empty store, or nothing would be written."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rounds, self.found = folder, 0, list[Found]()
        self.decoders = Decoders(Limits(jobs=1_000_000))

    def __call__(self, paths: list[Path]) -> None:
        self.rounds += 1
        source = at(paths[0].parent)
        job = Job({source.address: source}, LocalStore(self.folder / str(self.rounds)), b"k" * 32)
        self.found = [examine(listed, job, self.decoders) for listed in source.listed()]

    def close(self) -> None:
        self.decoders.close()


def _check(found: list[Found], paths: list[Path]) -> None:
    """Raise ValueError: ours is not what the others make: hash, size of the thumbnail, picture of the proxy."""
    for one, path in zip(found, paths, strict=True):
        data = path.read_bytes()
        thumb = next(part for part in one.parts if part.role is Role.THUMBNAIL)
        image = Image.open(io.BytesIO(data))
        image.thumbnail((_SIDE, _SIDE))
        same = one.sha256 == hashlib.sha256(data).hexdigest() and image.size == (
            thumb.facts["width_px"],
            thumb.facts["height_px"],
        )
        if one.reason is not None or not same:
            raise ValueError(f"{path.name}: {one.reason or 'hash or thumbnail differ from what Pillow gives'}")


def parts(paths: list[Path]) -> list[bytes]:
    """Do what nobody can leave out: read, hash, decode at the smallest scale that is enough, encode the thumbnail."""
    made = []
    for path in paths:
        data = path.read_bytes()
        hashlib.sha256(data).hexdigest()
        small = simplejpeg.decode_jpeg(data, min_height=_SIDE * 3 // 4, min_width=_SIDE)
        height, width = small.shape[:2]
        size = (_SIDE, round(height * _SIDE / width))
        made.append(simplejpeg.encode_jpeg(cv2.resize(small, size, interpolation=cv2.INTER_AREA), 85))
    return made


class Stored:
    """The parts, and what is made kept under its hash, as a store that loses nothing must."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rounds = folder, 0

    def __call__(self, paths: list[Path]) -> None:
        """Do the parts into an empty store."""
        self.rounds += 1
        store = LocalStore(self.folder / str(self.rounds))
        for path, thumb in zip(paths, parts(paths), strict=True):
            for data in (path.read_bytes(), thumb):
                store.create(asset_key(hashlib.sha256(data).hexdigest()), data)


def _pillow(paths: list[Path]) -> None:
    for path in paths:
        data = path.read_bytes()
        hashlib.sha256(data).hexdigest()
        image = Image.open(io.BytesIO(data))
        image.thumbnail((_SIDE, _SIDE))
        image.save(io.BytesIO(), "JPEG", quality=85)


_IMG2DATASET = """
import sys
from img2dataset import download
urls, out = sys.argv[1:3]
download(url_list=urls, output_folder=out, processes_count=1, thread_count=8, image_size=256, resize_mode="keep_ratio",
         resize_only_if_bigger=True, encode_quality=85, output_format="files", compute_hash="sha256", enable_wandb=False)
"""


def _img2dataset(job: str, paths: list[Path], settings: Settings) -> Row:
    """Measure two runs of different length: the difference is without the start."""
    spent = {}
    for count in (_FEW, _MANY):
        folder = settings.folder / f"img2dataset {job} {count}"
        folder.mkdir()
        urls = [path.as_uri() for path in paths] * (count // len(paths) + 1)
        (folder / "urls.txt").write_text("\n".join(urls[:count]) + "\n")
        command = [str(settings.peers), "-c", _IMG2DATASET, str(folder / "urls.txt"), str(folder / "out")]

        def run(command: list[str] = command, folder: Path = folder) -> None:
            subprocess.run(
                command, check=True, capture_output=True, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}
            )

        spent[count] = timed(run)
        told = json.loads(next((folder / "out").glob("*_stats.json")).read_text())
        if told["successes"] != count:
            raise ValueError(f"img2dataset made {told['successes']} of {count}: {told['status_dict']}")
    items = _MANY - _FEW
    cpu, wall = (spent[_MANY][i] - spent[_FEW][i] for i in (0, 1))
    size = items * sum(path.stat().st_size for path in paths) // len(paths)
    start = spent[_FEW][0] - cpu * _FEW / items
    return Row(
        job, "img2dataset: 256 px JPEG + sha256", PEER, items, cpu, wall, size, None, f"without its start of {start:.0f} CPU s"
    )
