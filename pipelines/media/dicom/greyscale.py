"""The grey-scale pipeline of DICOM: stored values -> modality transformation -> VOI transformation -> 8 bit."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.media.counts import counted, percentiles
from yuelu.pipelines.media.dicom.look import Look, Window
from yuelu.pipelines.media.pictures import Pixels, windowed

_PERCENTILES = (0.5, 99.5)  # all but the outermost 0.5 % on either side keep their contrast
_FEW = 1 << 16  # values that a table of all of them is quicker for than arithmetic on each pixel


def shown_grey(stored: NDArray[Any], look: Look, fallback: Window | None = None) -> Pixels:
    """Return stored values as they are to be shown, dark to bright, MONOCHROME1 turned round.

    `fallback` serves where the object states neither table nor window; without it, `robust_window` of these values does.
    Source: DICOM PS3.3 sections C.11.1 (modality), C.11.2 (VOI), C.7.6.3.1.2 (photometric interpretation).
    """
    if look.voi is None and look.window is None and fallback is None:
        fallback = common_window([(stored, look)])
    if stored.dtype.kind in "iu" and stored.size:
        low, high = int(stored.min()), int(stored.max())
        if high - low < min(_FEW, stored.size):
            table = _shown(np.arange(low, high + 1), look, fallback)
            return table[stored.astype(np.int64) - low if low else stored]
    return _shown(stored, look, fallback)


def _shown(stored: NDArray[Any], look: Look, fallback: Window | None) -> Pixels:
    values = look.modal(stored)
    if look.voi is not None:
        shown = windowed(look.voi.of(values), 0, 2 ** min(look.voi.bits, 16) - 1)
    else:
        shown = through_window(values, look.window or fallback or Window(0.5, 1))
    return np.asarray(255 - shown if look.inverted else shown, np.uint8)


def through_window(values: NDArray[Any], window: Window) -> Pixels:
    """Return `values` through `window`. Source: PS3.3 sections C.11.2.1.2.1, C.11.2.1.3.1 and C.11.2.1.3.2."""
    centre, width = window.centre, window.width
    if window.function == "SIGMOID":
        return windowed(1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700))), 0, 1)
    if window.function == "LINEAR_EXACT":
        return windowed(values, centre - width / 2, centre + width / 2)
    if width == 1:
        return np.where(values > centre - 0.5, 255, 0).astype(np.uint8)
    return windowed(values, centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def robust_window(samples: Iterable[NDArray[Any]]) -> Window:
    """Return the window that shows all but the outermost 0.5 % of the samples on either side; all of them if those are equal."""
    finite = [each[np.isfinite(each)] if each.dtype.kind == "f" else each.ravel() for each in samples]
    values = np.concatenate([each.ravel() for each in finite]) if finite else np.zeros(0)
    if not values.size:
        return Window(0.5, 1, "LINEAR_EXACT")
    low, high = np.percentile(values, _PERCENTILES)
    return _window(float(low), float(high), values)


def common_window(frames: Iterable[tuple[NDArray[Any], Look]]) -> Window:
    """Return the `robust_window` of stored values after each frame's modality transformation.

    Of whole numbers, each is transformed once and counted: that takes a tenth of the time.
    """
    seen = list(frames)
    if any(stored.dtype.kind not in "iu" or not stored.size for stored, _ in seen):
        return robust_window(look.modal(stored) for stored, look in seen)
    different = [(look.modal(values), counts) for (values, counts), look in ((counted(stored), look) for stored, look in seen)]
    values, counts = np.concatenate([values for values, _ in different]), np.concatenate([counts for _, counts in different])
    order = np.argsort(values)
    order = order[np.isfinite(values[order])]
    if not order.size:
        return Window(0.5, 1, "LINEAR_EXACT")
    low, high = percentiles(values[order], counts[order], _PERCENTILES)
    return _window(low, high, values[order])


def _window(low: float, high: float, values: NDArray[Any]) -> Window:
    if low == high:
        low, high = float(values.min()), float(values.max())
    return Window((low + high) / 2, (high - low) or 1.0, "LINEAR_EXACT")
