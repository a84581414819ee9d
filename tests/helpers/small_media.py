"""A small good file of each format, made by the libraries that write it."""

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
import nibabel
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from PIL import Image
from scipy.io import savemat

_RATE_HZ, _SIDE_PX, _FRAMES = 8000, 32, 6


def _sound(form: str, subtype: str) -> bytes:
    file, wave = io.BytesIO(), np.sin(np.arange(_RATE_HZ // 4) / 5) / 2
    soundfile.write(file, wave, _RATE_HZ, subtype, format=form)
    return file.getvalue()


def _video(form: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=form) as out:
        stream = out.add_stream("mpeg4", rate=Fraction(25))
        stream.width = stream.height = _SIDE_PX
        for number in range(_FRAMES):
            pixels = np.full((_SIDE_PX, _SIDE_PX, 3), 30 * number, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(stream.encode(None))
    return file.getvalue()


def _pages(form: str) -> bytes:
    file = io.BytesIO()
    pages = [Image.new("L", (24, 16), 40 * number) for number in range(3)]
    pages[0].save(file, form, save_all=True, append_images=pages[1:])
    return file.getvalue()


def _csv() -> bytes:
    rows = (f"{number / 100:.2f},{np.sin(number / 9):.4f},{number % 7}\n" for number in range(200))
    return ("time_s,force_n,step\n" + "".join(rows)).encode()


def _parquet() -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"time_s": np.arange(200) / 100, "force_n": np.sin(np.arange(200) / 9)}), file)
    return file.getvalue()


def _matlab() -> bytes:
    file: Any = io.BytesIO()
    savemat(file, {"time_s": np.arange(200) / 100, "force_n": np.sin(np.arange(200) / 9)})
    return bytes(file.getvalue())


def _nifti() -> bytes:
    volume = np.arange(8 * 8 * 4, dtype=np.int16).reshape(8, 8, 4)
    return bytes(nibabel.Nifti1Image(volume, np.eye(4)).to_bytes())


_MADE: Mapping[str, Callable[[], bytes]] = MappingProxyType(
    {
        "sound.wav": lambda: _sound("WAV", "PCM_16"),
        "sound.flac": lambda: _sound("FLAC", "PCM_16"),
        "sound.mp3": lambda: _sound("MP3", "MPEG_LAYER_III"),
        "sound.ogg": lambda: _sound("OGG", "OPUS"),
        "film.mp4": lambda: _video("mp4"),
        "film.mkv": lambda: _video("matroska"),
        "film.avi": lambda: _video("avi"),
        "film.ts": lambda: _video("mpegts"),
        "pages.tif": lambda: _pages("TIFF"),
        "pages.gif": lambda: _pages("GIF"),
        "series.csv": _csv,
        "series.parquet": _parquet,
        "series.mat": _matlab,
        "volume.nii": _nifti,
    }
)


def small_media() -> dict[str, bytes]:
    """Return the files by name."""
    return {name: make() for name, make in _MADE.items()}


def package_files(packages: Path) -> list[Path]:
    """Return a third of the media that installed packages bring along to try their own readers on, broken ones among them."""
    patterns = ("imageio/resources/**/*.*", "scipy/io/**/data/*.mat", "scipy/io/**/data/*.wav", "nibabel/**/data/*.nii*")
    found = [path for pattern in patterns for path in sorted(packages.glob(pattern)) if path.is_file()]
    return [path for path in found if path.stat().st_size < 1 << 18][::3]
