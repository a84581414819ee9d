"""From an array of 8-bit pixels to what annotators look at: encoded picture, thumbnail, probes. Carries no metadata."""

import io
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Derived, Refused

Pixels = NDArray[np.uint8]  # shape (height, width) or (height, width, 3)

SMALLEST_SIDE_PX = 256  # smaller pictures are enlarged by whole numbers, so that a box can be drawn on them
LARGEST_ENLARGED_PX = 4096
THUMBNAIL_PX = 256
_DARK, _BRIGHT = 5, 250
_WINDOW_PERCENTILES = (0.5, 99.5)


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raise Refused: no pixels, or more than the limit. Called before anything is decoded."""
    if width < 1 or height < 1:
        raise Refused(f"a picture of {width} x {height} pixels", "check the file at its origin")
    if width * height > limits.pixels:
        raise Refused(f"{width} x {height} pixels are more than the limit of {limits.pixels}", "tile the picture first")


def enlargement(width: int, height: int) -> int:
    """Return the whole number by which a small picture is enlarged; 1 for pictures that are large enough."""
    wanted = -(-SMALLEST_SIDE_PX // min(width, height))
    return max(1, min(wanted, LARGEST_ENLARGED_PX // max(width, height)))


def windowed(values: NDArray[Any], low: float, high: float) -> Pixels:
    """Return `values` mapped from [low, high] to 0..255, clipped; what is not a number becomes 0."""
    span = (high - low) or 1.0
    scaled = np.clip((np.nan_to_num(values.astype(np.float64), nan=low) - low) / span, 0, 1)
    return np.asarray(np.rint(scaled * 255), np.uint8)


def window_by_percentiles(values: NDArray[Any]) -> Pixels:
    """Return `values` windowed so that all but the outermost 0.5 % on either side keep their contrast."""
    finite = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    if finite.size == 0:
        return np.zeros(values.shape, np.uint8)
    low, high = np.percentile(finite, _WINDOW_PERCENTILES)
    if low == high:
        low, high = float(finite.min()), float(finite.max())
    return windowed(values, float(low), float(high))


def picture(pixels: Pixels, *, as_jpeg: bool = False) -> tuple[Derived, Derived]:
    """Return the proxy and the thumbnail of `pixels`. `as_jpeg` keeps photographs small; enlarged ones are PNG."""
    height, width = pixels.shape[:2]
    scale = enlargement(width, height)
    shown = pixels.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else pixels
    facts = {"width_px": width * scale, "height_px": height * scale, "scale": scale}
    if as_jpeg and scale == 1:
        proxy = Derived(Role.PROXY, Medium.IMAGE, "image/jpeg", _jpeg(shown, 95), facts)
    else:
        proxy = Derived(Role.PROXY, Medium.IMAGE, "image/png", png(shown), facts)
    return proxy, thumbnail(pixels)


def thumbnail(pixels: Pixels) -> Derived:
    """Return the picture at no more than 256 pixels on its longer side, as JPEG."""
    small = Image.fromarray(pixels)
    small.thumbnail((THUMBNAIL_PX, THUMBNAIL_PX), Image.Resampling.LANCZOS)
    facts = {"width_px": small.width, "height_px": small.height}
    return Derived(Role.THUMBNAIL, Medium.IMAGE, "image/jpeg", _jpeg(np.asarray(small), 85), facts)


def png(pixels: Pixels) -> bytes:
    """Return the pixels as PNG."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=4)
    return file.getvalue()


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:4:4")
    return file.getvalue()


def probes(pixels: Pixels) -> dict[str, float]:
    """Return cheap measures of quality: sharpness (variance of the Laplacian, low is blurred) and exposure, all on luma."""
    luma = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return {
        "laplacian_variance": round(float(cv2.Laplacian(luma, cv2.CV_64F).var()), 3),
        "mean_share": round(float(luma.mean()) / 255, 6),
        "dark_share": round(float((luma <= _DARK).mean()), 6),
        "bright_share": round(float((luma >= _BRIGHT).mean()), 6),
    }
