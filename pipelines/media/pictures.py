"""From an array of 8-bit pixels to what annotators look at: encoded picture, thumbnail, probes. Carries no metadata."""

import io
import math
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.counts import counted, percentiles
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Derived, Refused

Pixels = NDArray[np.uint8]  # shape (height, width) or (height, width, 3)

SMALLEST_SIDE_PX = 256  # smaller pictures are enlarged by whole numbers, so that a box can be drawn on them
LARGEST_ENLARGED_PX = 4096
THUMBNAIL_PX = 256
PROBED_PX = 512  # the longer side that probes, thumbnail and fingerprint are made from
_DARK, _BRIGHT = 5, 250
_WINDOW_PERCENTILES = (0.5, 99.5)
_SAMPLED = 1 << 24  # values that percentiles are taken from
_WORDS = 1 << 16  # different values of 16 bits
_BAND = 1 << 22  # values that are windowed at a time: eight bytes each while that lasts
_RUNS = 3  # Z_RLE of zlib
_LEVELS = np.arange(256, dtype=np.float64)


def check_size(width: int, height: int, limits: Limits, *, tiled: bool = False) -> None:
    """Raise Refused: no pixels, or more than the limit. Called before anything is decoded.

    A picture that is shown in tiles may have more.
    """
    most = limits.whole_pixels if tiled else limits.pixels
    if width < 1 or height < 1:
        raise Refused(f"a picture of {width} x {height} pixels", "check the file at its origin")
    if width * height > most:
        raise Refused(
            f"{width} x {height} pixels are more than the limit of {most}",
            "save it as a tiled TIFF, which is read piece by piece",
        )


def enlargement(width: int, height: int) -> int:
    """Return the whole number by which a small picture is enlarged; 1 for pictures that are large enough."""
    wanted = -(-SMALLEST_SIDE_PX // min(width, height))
    return max(1, min(wanted, LARGEST_ENLARGED_PX // max(width, height)))


def windowed(values: NDArray[Any], low: float, high: float) -> Pixels:
    """Return `values` mapped from [low, high] to 0..255, clipped; what is not a number becomes 0."""
    if values.dtype.kind in "iu" and values.dtype.itemsize == 2 and values.size > _WORDS:  # each value is computed once
        native = np.ascontiguousarray(values, values.dtype.newbyteorder("="))
        return np.asarray(windowed(np.arange(_WORDS, dtype=np.uint16).view(native.dtype), low, high)[native.view(np.uint16)])
    span = (high - low) or 1.0
    shown = np.empty(values.shape, np.uint8)
    rows = max(1, _BAND // max(1, values[0].size)) if len(values) else 1
    for at in range(0, len(values), rows):
        band = np.nan_to_num(values[at : at + rows].astype(np.float64), nan=low)
        shown[at : at + rows] = np.rint(np.clip((band - low) / span, 0, 1) * 255)
    return shown


def window_by_percentiles(values: NDArray[Any]) -> Pixels:
    """Return `values` windowed so that all but the outermost 0.5 % on either side keep their contrast."""
    return windowed(values, *percentile_window(values))


def percentile_window(values: NDArray[Any]) -> tuple[float, float]:
    """Return what is shown as black and as white: the outermost 0.5 % on either side lose their contrast.

    A value maps back as low + shown / 255 * (high - low). Of more than 2**24 values every n-th is looked at. (0, 0) where
    no value is finite.
    """
    sample = values.ravel()[:: -(-values.size // _SAMPLED) or 1]
    if sample.dtype.kind in "iu" and sample.size:
        low, high = percentiles(*counted(sample), _WINDOW_PERCENTILES)
        return (low, high) if low != high else (float(sample.min()), float(sample.max()))
    finite = sample[np.isfinite(sample)] if sample.dtype.kind == "f" else sample
    if finite.size == 0:
        return 0.0, 0.0
    low, high = np.percentile(finite, _WINDOW_PERCENTILES)
    if low == high:
        low, high = finite.min(), finite.max()
    return float(low), float(high)


def picture(pixels: Pixels, *, as_jpeg: bool = False) -> tuple[Derived, Derived]:
    """Return the proxy and the thumbnail of `pixels`. `as_jpeg` keeps photographs small; enlarged ones are PNG."""
    return proxy(pixels, as_jpeg=as_jpeg), thumbnail(pixels)


def proxy(pixels: Pixels, *, as_jpeg: bool = False) -> Derived:
    """Return what annotators look at: PNG, or JPEG where that is asked for and the picture is not enlarged."""
    height, width = pixels.shape[:2]
    scale = enlargement(width, height)
    shown = pixels.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else pixels
    facts = {"width_px": width * scale, "height_px": height * scale, "scale": scale}
    if as_jpeg and scale == 1:
        return Derived(Role.PROXY, Medium.IMAGE, "image/jpeg", jpeg(shown, 95), facts)
    return Derived(Role.PROXY, Medium.IMAGE, "image/png", png(shown), facts)


def thumbnail(pixels: Pixels) -> Derived:
    """Return the picture at no more than 256 pixels on its longer side, as JPEG."""
    height, width = pixels.shape[:2]
    shrink = min(1.0, THUMBNAIL_PX / max(width, height))
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    # From no more than twice the size, linear interpolation sees nearly every pixel, in an eighth of the time.
    small = cv2.resize(reduced(pixels), size, interpolation=cv2.INTER_LINEAR) if shrink < 1 else pixels
    facts = {"width_px": size[0], "height_px": size[1]}
    return Derived(Role.THUMBNAIL, Medium.IMAGE, "image/jpeg", jpeg(np.asarray(small, np.uint8), 85), facts)


def png(pixels: Pixels) -> bytes:
    """Return the pixels as PNG."""
    file = io.BytesIO()
    # Of grey noise nothing but runs can be found again: half the time, and 3 % less on slices of scanners than by default.
    how = {"compress_type": _RUNS} if pixels.ndim == 2 else {"compress_level": 3}
    Image.fromarray(pixels).save(file, "PNG", **how)
    return file.getvalue()


def jpeg(pixels: Pixels, quality: int) -> bytes:
    """Return the pixels as JPEG with whole chroma, so that thin coloured lines stay."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality, subsampling="4:4:4")
    return file.getvalue()


def reduction(width: int, height: int) -> int:
    """Return the power of two that brings the longer side to 512 pixels or less: what probes are made from."""
    return 1 << max(0, (-(-max(width, height) // PROBED_PX) - 1).bit_length())


def reduced(pixels: Pixels) -> Pixels:
    """Return the picture, its longer side halved until it is no more than 512 pixels; each pixel the mean of its area."""
    height, width = pixels.shape[:2]
    if (by := reduction(width, height)) == 1:
        return pixels
    return np.asarray(cv2.resize(pixels, (-(-width // by), -(-height // by)), interpolation=cv2.INTER_AREA), np.uint8)


def luma_of(pixels: Pixels) -> Pixels:
    """Return the picture in grey."""
    return pixels if pixels.ndim == 2 else np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def probes(pixels: Pixels, already: int = 1) -> dict[str, float]:
    """Return cheap measures of quality, on the luma of the picture reduced to 512 pixels or less on its longer side.

    `scale`: measured pixels per pixel of the picture; `already`: by how much `pixels` are reduced before. One rule for all
    pictures makes them comparable, and a JPEG is decoded to that scale at once. `laplacian_variance`: sharpness, low is
    blurred. `noise_sigma`: standard deviation of the noise that is left at that scale, of 255 (J. Immerkaer (1996), Fast
    Noise Variance Estimation), 0 where a side has under 3 pixels. `mean_share`, `dark_share`, `bright_share`: exposure.
    """
    luma = luma_of(reduced(pixels))
    shares = cv2.calcHist([luma], [0], None, [256], [0, 256]).ravel().astype(np.float64) / luma.size
    return {
        "scale": 1 / (already * reduction(pixels.shape[1], pixels.shape[0])),
        "laplacian_variance": round(_variance(cv2.Laplacian(luma, cv2.CV_16S)), 3),
        "noise_sigma": round(_noise(luma), 3),
        "mean_share": round(float(shares @ _LEVELS) / 255, 6),
        "dark_share": round(float(shares[: _DARK + 1].sum()), 6),
        "bright_share": round(float(shares[_BRIGHT:].sum()), 6),
    }


def _variance(values: NDArray[Any]) -> float:
    """Return the variance of whole numbers. The sums are exact; `cv2.meanStdDev` gives the same in five times the time."""
    share = 1 / values.size
    mean = float(np.ravel(cv2.sumElems(values))[0]) * share
    return math.sqrt(max(cv2.norm(values, cv2.NORM_L2SQR) * share - mean * mean, 0.0)) ** 2


def _noise(luma: Pixels) -> float:
    # Differences of the second order down and across: the kernel of the paper, whole numbers all the way.
    inner = cv2.Sobel(luma, cv2.CV_16S, 2, 2)[1:-1, 1:-1]
    return float(np.sqrt(np.pi / 2) * cv2.norm(inner, cv2.NORM_L1) / inner.size / 6) if inner.size else 0.0
