"""DICOM pixels: parse and decode every frame, against pydicom's pixel_array; a file per way of coding."""

import io
import warnings
from pathlib import Path
from typing import Any

import deid
import numpy as np
import pydicom
from measuring import OURS, PEER, Row, Settings, row
from pydicom import dcmread, dcmwrite

from yuelu.pipelines.media.dicom.frames import Frames

FILES = {
    "JPEG 2000 lossless, MR 64 x 64": "MR_small_jp2klossless.dcm",
    "JPEG-LS lossless, MR 64 x 64": "MR_small_jpeg_ls_lossless.dcm",
    "RLE, colour 100 x 100, 2 frames": "SC_rgb_rle_2frame.dcm",
    "JPEG baseline, colour 100 x 100": "SC_rgb_jpeg_dcmtk.dcm",
    "JPEG extended, 256 x 1024, 12 bits": "JPGExtended.dcm",
    "deflated, 512 x 512, 8 bits": "image_dfl.dcm",
}
_SLACK = 1  # of a level: two ways to make RGB of YBR round differently


def rows(settings: Settings) -> list[Row]:
    """Return ours and pydicom for each; raises where their pixels differ."""
    warnings.simplefilter("ignore")
    folder, made = Path(pydicom.__file__).parent / "data/test_files", list[Row]()
    given = {"not compressed, CT 512 x 512, 16 bits": _written()}
    given |= {name: (folder / path).read_bytes() for name, path in FILES.items() if (folder / path).exists()}
    for name, data in given.items():
        ours, theirs = _ours(data), _theirs(data)
        assert np.abs(ours.astype(int) - theirs.reshape(ours.shape).astype(int)).max() <= _SLACK, name
        times = settings.rounds * (10 if settings.quick else 40), 1, len(data)
        made += [
            row(f"decode {name}", "yuelu: parse, every frame", OURS, lambda data=data: _ours(data), *times),
            row(f"decode {name}", "pydicom: parse, pixel_array", PEER, lambda data=data: _theirs(data), *times),
        ]
    return made


def _written() -> bytes:
    file = io.BytesIO()
    dcmwrite(file, deid.ct())
    return file.getvalue()


def _ours(data: bytes) -> Any:
    frames = Frames(dcmread(io.BytesIO(data)))
    return np.stack(list(frames.in_order(range(frames.count))))


def _theirs(data: bytes) -> Any:
    return dcmread(io.BytesIO(data)).pixel_array
