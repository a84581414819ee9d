"""The mask behind several annotators' masks: by vote, and by STAPLE, which learns how far each can be trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from yuelu.base.errors import InvalidRecord
from yuelu.quality.coded import Codes
from yuelu.quality.masks.overlap import Mask, as_stack, check_alike
from yuelu.quality.resample import Floats

_MOST = 16  # annotators: there are 2**n ways to answer a pixel
_STEPS, _STILL = 5000, 1e-9


@dataclass(frozen=True, slots=True)
class Agreed:
    """`probability` that each pixel belongs, of the masks' shape; each annotator's `sensitivity` and `specificity`."""

    probability: Floats
    sensitivity: Floats
    specificity: Floats

    @property
    def mask(self) -> Mask:
        """The pixels that more probably belong than not."""
        return np.asarray(self.probability > 0.5)


def voted(masks: Sequence[Mask]) -> Floats:
    """Return the share of annotators that has each pixel, of the masks' shape. Raises InvalidRecord as `as_stack`."""
    return np.asarray(as_stack(masks).mean(axis=0))


def staple(masks: Sequence[Mask], prior: float | None = None) -> Agreed:
    """Return the probability of each pixel from the masks of up to 16 annotators, by expectation maximisation.

    `prior` is the share of pixels that belong; None: the share of all pixels that were drawn. Pixels on which the annotators
    answered alike are one and the same to the method, so the work is in the at most 2**n such patterns, not in pixels.
    Starts at sensitivity and specificity 0.99999 and stops when neither moves by more than 1e-9, or after 5,000 steps.
    Raises InvalidRecord: masks of several shapes, more than 16 of them, or a prior outside (0, 1).
    Source: S. Warfield, K. Zou, W. Wells (2004), Simultaneous Truth and Performance Level Estimation (STAPLE).
    """
    check_alike(masks)
    if len(masks) > _MOST or (prior is not None and not 0 < prior < 1):
        raise InvalidRecord(f"{len(masks)} masks with prior {prior}", f"need at most {_MOST} masks, and 0 < prior < 1")
    pattern = _patterns(masks)
    histogram = np.bincount(pattern.ravel(), minlength=1 << len(masks))
    found = np.flatnonzero(histogram)
    pixels = histogram[found]
    answers = ((found[:, np.newaxis] >> np.arange(len(masks))) & 1).astype(np.float64)
    drawn = float((answers.mean(axis=1) * pixels).sum() / pixels.sum())
    if drawn in {0.0, 1.0}:  # all annotators drew nothing, or everything: there is nothing to learn from
        return Agreed(np.full(pattern.shape, drawn), np.ones(len(masks)), np.ones(len(masks)))
    belongs, sensitivity, specificity = _learnt(answers, pixels, prior or drawn)
    of_pattern = np.zeros(1 << len(masks))
    of_pattern[found] = belongs
    return Agreed(of_pattern.take(pattern), sensitivity, specificity)


def _patterns(masks: Sequence[Mask]) -> NDArray[np.unsignedinteger[Any]]:
    """Return for each pixel who drew it, as the bits of one number, of the masks' shape."""
    kind = np.dtype(np.uint8 if len(masks) <= 8 else np.uint16)
    pattern = np.zeros(masks[0].shape, kind)
    for mask in reversed(masks):
        np.left_shift(pattern, 1, out=pattern)
        np.bitwise_or(pattern, mask, out=pattern)
    return pattern


def _learnt(answers: Floats, pixels: Codes, prior: float) -> tuple[Floats, Floats, Floats]:
    sensitivity = specificity = np.full(answers.shape[1], 0.99999)
    for _ in range(_STEPS):
        yes = prior * np.where(answers > 0, sensitivity, 1 - sensitivity).prod(axis=1)
        no = (1 - prior) * np.where(answers > 0, 1 - specificity, specificity).prod(axis=1)
        belongs = yes / np.maximum(yes + no, np.finfo(np.float64).tiny)
        inside, outside = pixels * belongs, pixels * (1 - belongs)
        before = np.concatenate([sensitivity, specificity])
        sensitivity = inside @ answers / max(inside.sum(), np.finfo(np.float64).tiny)
        specificity = outside @ (1 - answers) / max(outside.sum(), np.finfo(np.float64).tiny)
        if np.abs(np.concatenate([sensitivity, specificity]) - before).max() < _STILL:
            break
    return belongs, sensitivity, specificity
