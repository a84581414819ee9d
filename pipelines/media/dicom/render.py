"""The frames of a DICOM object as a viewer shows them: 8-bit grey, or RGB."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from yuelu.pipelines.media.dicom.frames import Frames, whole
from yuelu.pipelines.media.dicom.greyscale import common_window, shown_grey
from yuelu.pipelines.media.dicom.look import Look, Window, look_of
from yuelu.pipelines.media.dicom.palette import Palette, coloured, palette_of
from yuelu.pipelines.media.pictures import Pixels, windowed

_SAMPLED_FRAMES, _SAMPLED_PX = 8, 1 << 24  # what a common window is found from


class Shown:
    """The frames of one object as they are shown. Nothing is decoded before it is asked for, and nothing twice in a row."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset, self.frames = dataset, Frames(dataset)
        self.photometric = str(dataset.get("PhotometricInterpretation") or "")
        self._looks: dict[int, Look] = {}

    def frame(self, index: int) -> Pixels:
        """Return frame `index` (from 0), shape (rows, columns) or (rows, columns, 3)."""
        return next(self.in_order([index]))

    def in_order(self, order: Sequence[int]) -> Iterator[Pixels]:
        """Yield the frames numbered in `order`, each decoded when its turn comes."""
        _ = self._common if self.grey else None  # before the first frame is given away: its samples are kept
        for index, values in zip(order, self.frames.in_order(order), strict=True):
            yield self._render(values, index)

    @property
    def grey(self) -> bool:
        """Whether a window decides how the values are shown."""
        return self.photometric.startswith("MONOCHROME")

    def window(self, index: int) -> Window | None:
        """Return the window that frame `index` is shown through; None where a table or a palette decides, or it is in colour."""
        if not self.grey:
            return None
        look = self._look(index)
        return None if look.voi is not None else look.window or self._common

    def _render(self, values: NDArray[Any], index: int) -> Pixels:
        if self.photometric == "PALETTE COLOR":
            return coloured(values, self._palette)
        if self.grey:
            return shown_grey(values, self._look(index), self._common)
        bits = whole(self.dataset, "BitsStored", 8)
        return values.astype(np.uint8) if bits == 8 else windowed(values, 0, 2**bits - 1)

    def _look(self, index: int) -> Look:
        if index not in self._looks:
            self._looks[index] = look_of(self.dataset, index)
        return self._looks[index]

    @cached_property
    def _palette(self) -> Palette:
        return palette_of(self.dataset)

    @cached_property
    def _common(self) -> Window | None:
        """The window of frames that state none: one for all of them, or brightness would jump from frame to frame."""
        bare = [i for i in range(self.frames.count) if self._look(i).window is None and self._look(i).voi is None]
        if not bare:
            return None
        size = max(1, whole(self.dataset, "Rows") * whole(self.dataset, "Columns"))
        few = min(len(bare), _SAMPLED_FRAMES, max(1, _SAMPLED_PX // size))
        sampled = sorted({bare[(2 * number + 1) * len(bare) // (2 * few)] for number in range(few)})
        return common_window((self.frames.keep(i), self._look(i)) for i in sampled)


def render(dataset: Dataset, frame: int = 0) -> Pixels:
    """Return a frame as a viewer shows it: grey by modality and VOI transformation, colour as RGB, all 8 bit."""
    return Shown(dataset).frame(frame)
