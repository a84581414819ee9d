"""Colour profiles: pictures are shown in sRGB, which is what a browser takes a picture without a profile for."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_SAME = 2.5  # of 255: a profile that moves no colour further is sRGB, whatever it calls itself
_STEPS = np.arange(0, 256, 17, dtype=np.uint8)

NONE, SRGB, CONVERTED, BROKEN = "none", "srgb", "converted to srgb", "broken, ignored"


@lru_cache(maxsize=16)
def kind_of(profile: bytes, mode: str) -> str:
    """Return what is to be done about the profile of a picture of `mode` (L, RGB, CMYK): one of the four words above."""
    if not profile:
        return NONE
    grid = _grid(mode)
    try:
        shown = _apply(grid, profile)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return BROKEN
    if mode == "CMYK":
        return CONVERTED
    moved = np.abs(np.asarray(shown, np.int16) - np.asarray(grid.convert("RGB"), np.int16))
    return SRGB if moved.max() <= _SAME else CONVERTED


def to_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    """Return the picture (mode L, RGB or CMYK) in the colours of sRGB, and what was done about its profile."""
    kind = kind_of(profile, image.mode)
    if kind != CONVERTED:
        return image, kind
    shown = _apply(image, profile)
    return (shown.convert("L") if image.mode == "L" else shown), kind


def _apply(image: Image.Image, profile: bytes) -> Image.Image:
    own, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    transform: Any = ImageCms.buildTransform(own, srgb, image.mode, "RGB")
    shown = ImageCms.applyTransform(image, transform)
    if shown is None:
        raise ValueError("no transformation")
    return shown


def _grid(mode: str) -> Image.Image:
    """Return a picture of evenly spaced colours."""
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    mesh = np.stack(np.meshgrid(_STEPS, _STEPS, _STEPS), axis=-1).reshape(1, -1, 3)
    return Image.fromarray(mesh) if mode == "RGB" else Image.fromarray(mesh).convert(mode)
