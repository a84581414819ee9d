"""Quality of a video, measured on the frames of its proxy while they go by, and the pictures that stand for it."""

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

from yuelu.pipelines.media.fingerprints import picture_fingerprint
from yuelu.pipelines.media.pictures import Pixels, probes

SAMPLES = 16
# Luma of 4:2:0 video lies between 16 and 235. A frame is black when 98 % of it is at most a tenth of the way up: the
# measure and both numbers of FFmpeg's blackdetect.
_BLACK_LUMA, _BLACK_SHARE = 16 + 219 // 10, 0.98
_FROZEN = 0.001 * 255  # mean difference to the frame before; -60 dB, as in FFmpeg's freezedetect
_CUT = 0.3  # FFmpeg's scene score (select filter) from which its manual calls a change likely
_STEP = 8  # every eighth pixel of every eighth line is looked at
_DULL = 4.0  # a picture whose luma varies less than this is a poor poster


@dataclass(slots=True)
class Watcher:
    """Sees each source frame once, as it is shown; keeps a few small tallies and at most 16 pictures."""

    expected: int  # frames, from the index; only decides which frames are kept
    frames: int = 0
    black: int = 0
    frozen: int = 0
    cuts: int = 0
    samples: list[Pixels] = field(default_factory=list)
    _last: Pixels | None = None
    _last_change: float = 0.0

    def see(self, frame: Any) -> None:
        """Take note of one frame, 8 bit 4:2:0."""
        luma = _luma(frame)
        self.black += int(np.count_nonzero(luma <= _BLACK_LUMA)) >= _BLACK_SHARE * luma.size
        if self._last is not None:
            change = cv2.norm(luma, self._last, cv2.NORM_L1) / luma.size
            self.frozen += change < _FROZEN
            self.cuts += min(change, abs(change - self._last_change)) / 100 >= _CUT
            self._last_change = change
        self._last = luma
        due = (2 * len(self.samples) + 1) * self.expected // (2 * SAMPLES)
        if len(self.samples) < SAMPLES and self.frames >= due:
            self.samples.append(frame.to_ndarray(format="rgb24"))
        self.frames += 1

    def poster(self) -> Pixels:
        """Return the sample closest to the middle that shows something."""
        middle = len(self.samples) // 2
        order = sorted(range(len(self.samples)), key=lambda at: abs(at - middle))
        telling = (at for at in order if float(self.samples[at][::_STEP, ::_STEP].std()) >= _DULL)
        return self.samples[next(telling, middle)]

    def probes(self) -> dict[str, float]:
        """Return shares of the frames, cuts, and the still pictures' probes: their median over the samples."""
        each = [probes(sample) for sample in self.samples]
        return {
            "black_share": round(self.black / self.frames, 6),
            "frozen_share": round(self.frozen / max(1, self.frames - 1), 6),
            "scene_cuts": self.cuts,
            **{name: round(float(np.median([one[name] for one in each])), 6) for name in each[0]},
        }

    def fingerprints(self) -> list[str]:
        """Return the picture fingerprints of the samples, in order, each once."""
        return list(dict.fromkeys(picture_fingerprint(sample) for sample in self.samples))


def _luma(frame: Any) -> Pixels:
    plane = frame.planes[0]
    lines = np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)
    step_y, step_x = (_STEP if plane.height > 64 else 1), (_STEP if plane.width > 64 else 1)
    return lines[::step_y, : plane.width : step_x].copy()  # the frame's memory is used again
