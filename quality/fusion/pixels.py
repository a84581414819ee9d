"""Masks of several annotators made one, label by label: by the vote of the pixels, or by STAPLE."""

from typing import Literal, TypeAlias

import numpy as np

from yuelu.base.errors import InvalidRecord, Misconfigured
from yuelu.base.records import Mask
from yuelu.quality.fusion.fused import Fused, Said
from yuelu.quality.masks import overlap
from yuelu.quality.masks.staple import staple, voted

PixelMethod: TypeAlias = Literal["vote", "staple"]
_INSIDE = 128  # of 0 to 255: a brush leaves levels between along its edge


def pixels(mask: Mask) -> overlap.Mask:
    """Return the pixels inside, shape (height, width)."""
    inside = np.repeat(np.asarray(mask.levels) >= _INSIDE, mask.counts)
    return np.asarray(inside.reshape(mask.height_px, mask.width_px))


def fused_masks(said: Said[Mask], control: str = "", *, method: PixelMethod = "vote") -> tuple[Fused, ...]:
    """Return one mask for each label and picture; what an annotator drew with a label in several pieces counts together.

    "vote": the pixels that more than half have. "staple": those that more probably belong than not. Who saw the task and drew
    nothing with the label has no pixel. The probability is the mean over the mask's pixels of theirs; `told` has STAPLE's
    sensitivity and specificity, in the order of the annotators. A label that ends without a pixel is left out.
    Raises InvalidRecord: masks of one picture on grids of several sizes; Misconfigured: unknown method.
    """
    if method not in ("vote", "staple"):
        raise Misconfigured(f"unknown method of consensus {method!r} for masks", "use vote or staple")
    found = []
    for label, item in sorted({(each.label, each.item) for one in said for each in one}):
        drawn = [[each for each in one if (each.label, each.item) == (label, item)] for one in said]
        stack = _stack(drawn)
        told: tuple[tuple[str, object], ...] = ()
        if method == "vote":
            likely = voted(stack)
        else:
            model = staple(stack)
            likely = model.probability
            told = (("sensitivity", tuple(model.sensitivity.tolist())), ("specificity", tuple(model.specificity.tolist())))
        kept = likely > 0.5
        if kept.any():
            votes = sum(bool(each) for each in drawn)
            mask = encoded(kept, Mask("", control, label, item, kept.shape[1], kept.shape[0], (kept.size,), (0,)))
            found.append(Fused(mask, votes, len(said), float(likely[kept].mean()), told))
    return tuple(found)


def encoded(inside: overlap.Mask, like: Mask) -> Mask:
    """Return the pixels as a mask of the label and picture of `like`."""
    flat = inside.ravel()
    starts = np.flatnonzero(np.diff(flat, prepend=~flat[0]))
    counts, levels = np.diff(starts, append=flat.size), np.where(flat[starts], 255, 0)
    size = (like.width_px, like.height_px)
    return Mask(like.id, like.control, like.label, like.item, *size, tuple(counts.tolist()), tuple(levels.tolist()))


def _stack(drawn: list[list[Mask]]) -> list[overlap.Mask]:
    sizes = {(each.height_px, each.width_px) for one in drawn for each in one}
    if len(sizes) != 1:
        raise InvalidRecord(f"masks of one picture on grids of {sorted(sizes)}", "the picture must be shown in one size")
    (shape,) = sizes
    empty = np.zeros(shape, bool)
    return [np.logical_or.reduce([empty, *(pixels(each) for each in one)]) for one in drawn]
