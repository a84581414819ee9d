"""Where there is text in a picture. The detector reads nothing: it tells text from no text, in any script.

The model is PP-OCR's text detector (differentiable binarization) as the wheel of rapidocr carries it; what is around
it here is its published pre- and post-processing, in tiles so that small letters in large pictures stay as they are.
Source: M. Liao and others (2020), Real-Time Scene Text Detection with Differentiable Binarization, section 3.
"""

import hashlib
import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]  # shape (height, width)

MISSING = "pip install 'yuelu[ocr]'"  # what fixes an absent detector

_TILE_PX, _OVERLAP_PX, _STEP_PX = 1024, 128, 32
_ENLARGE_BELOW_PX = 700  # pictures whose longer side is shorter are looked at twice: as they are, and at twice the size
_TEXT, _SURE, _GROWTH = 0.2, 0.4, 1.6  # pixel threshold, box threshold (PP-OCR: 0.3, 0.5; here a miss costs more), unclip
_SMALLEST_PX = 3
_LARGEST_SHARE = 0.3  # of the picture's shorter side; what is taller is the picture itself taken for one letter


@dataclass(frozen=True, slots=True)
class Detector:
    """A loaded detector; `name` says which model, with the start of its SHA-256."""

    name: str
    session: Any

    def find(self, picture: NDArray[np.uint8], whole: tuple[int, int] | None = None) -> Mask:
        """Return where text is in `picture`, shape (height, width) or (height, width, 3): boxes with a margin.

        `whole` is height and width of the picture that this one is a part of.
        """
        colour: NDArray[np.uint8] = picture if picture.ndim == 3 else np.dstack([picture] * 3)
        found = np.zeros(colour.shape[:2], np.uint8)
        height, width = whole or colour.shape[:2]
        for scale in scales(height, width):
            large = colour if scale == 1 else _enlarged(colour, scale)
            for top in _starts(large.shape[0]):
                for left in _starts(large.shape[1]):
                    tile = large[top : top + _TILE_PX, left : left + _TILE_PX]
                    for box in boxes(self._likelihood(tile), _LARGEST_SHARE * scale * min(height, width)):
                        corners = (box + np.array((left, top), np.float32)) / scale
                        cv2.fillPoly(found, [np.rint(corners).astype(np.int32)], 1)
        return found.astype(bool)

    def _likelihood(self, tile: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = tile.shape[:2]
        padded = cv2.copyMakeBorder(tile, 0, -height % _STEP_PX, 0, -width % _STEP_PX, cv2.BORDER_REPLICATE)
        values = (padded[..., ::-1].astype(np.float32) / 255 - 0.5) / 0.5  # blue comes first
        name = self.session.get_inputs()[0].name
        answer = self.session.run(None, {name: np.ascontiguousarray(values.transpose(2, 0, 1)[None])})[0]
        return np.asarray(answer[0, 0, :height, :width], np.float32)


def scales(height: int, width: int) -> tuple[int, ...]:
    """Return how many times its size a picture is looked at."""
    return (1, 2) if max(height, width) < _ENLARGE_BELOW_PX else (1,)


def _enlarged(picture: NDArray[np.uint8], scale: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def _starts(length: int) -> range:
    return range(0, max(1, length - _OVERLAP_PX), _TILE_PX - _OVERLAP_PX)


def boxes(likelihood: NDArray[np.float32], tallest_px: float) -> list[NDArray[np.float32]]:
    """Return the corners, shape (4, 2) as x and y, of each text line in a map of likelihoods, grown to hold its letters.

    Lines taller than `tallest_px` are left out.
    """
    text = cv2.dilate((likelihood > _TEXT).astype(np.uint8), np.ones((2, 2), np.uint8))
    contours, _ = cv2.findContours(text, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        (x, y), (width, height), angle = cv2.minAreaRect(contour)
        if (
            not _SMALLEST_PX <= min(width, height) <= tallest_px
            or _mean_within(likelihood, ((x, y), (width, height), angle)) < _SURE
        ):
            continue
        grown = width * height * _GROWTH / (width + height)  # the area times the ratio, over half the girth: on both sides
        found.append(np.asarray(cv2.boxPoints(((x, y), (width + grown, height + grown), angle)), np.float32))
    return found


def _mean_within(likelihood: NDArray[np.float32], box: Any) -> float:
    corners = np.rint(cv2.boxPoints(box)).astype(np.int32)
    left, top, width, height = cv2.boundingRect(corners)
    right, bottom = min(left + width, likelihood.shape[1]), min(top + height, likelihood.shape[0])
    left, top = max(left, 0), max(top, 0)
    if right <= left or bottom <= top:
        return 0.0
    inside = np.zeros((bottom - top, right - left), np.uint8)
    cv2.fillPoly(inside, [corners - np.array((left, top), np.int32)], 1)
    return float(likelihood[top:bottom, left:right][inside > 0].mean()) if inside.any() else 0.0


@cache
def detector() -> Detector | None:
    """Return the detector, loaded once for the process; None where the extra `ocr` is not installed."""
    place = importlib.util.find_spec("rapidocr")
    if place is None or not place.submodule_search_locations or importlib.util.find_spec("onnxruntime") is None:
        return None
    models = sorted(Path(place.submodule_search_locations[0], "models").glob("*_det_*.onnx"))
    if not models:
        return None
    import onnxruntime  # noqa: PLC0415  heavy, and only for suspects

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # else the memory for the largest picture is never given back
    options.log_severity_level = 3
    data = models[-1].read_bytes()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    return Detector(f"{models[-1].stem} {hashlib.sha256(data).hexdigest()[:16]}", session)
