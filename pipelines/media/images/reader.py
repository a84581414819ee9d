"""Photographs and other still pictures, through Pillow; several frames of one file are shown as a stack."""

import io
import warnings
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageCms

from yuelu.pipelines.media.images import colour
from yuelu.pipelines.media.images.orientation import upright, valid
from yuelu.pipelines.media.images.stills import MOST_FRAMES, one, several
from yuelu.pipelines.media.images.tiles import is_large
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, check_size, percentile_window, windowed
from yuelu.pipelines.media.reading import Context, Reading, Refused, bytes_of

FORMATS = ("PNG", "BMP", "WEBP", "GIF", "JPEG2000", "AVIF")  # no other plugin of Pillow ever sees the bytes
_ORIENTATION = 0x0112


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the picture upright, without metadata; an animation as a stack of its frames with `frame_start_ms`."""
    data = whole(file, context.limits)
    with opened(data, FORMATS, context.limits) as image:
        count = int(getattr(image, "n_frames", 1))
        if count == 1:
            pixels, told = shown(image)
            return one(pixels, context, told, source=data)
        # An APNG may have a picture for programs that do not know APNG: no part of what moves.
        first = 1 if image.info.get("default_image") else 0
        if count - first > MOST_FRAMES:
            raise Refused(f"{count} pictures in one file are more than the limit of {MOST_FRAMES}", "split the file first")
        starts: list[float] = []
        made = several(_frames(image, range(first, count), starts, context.limits), count - first, context)
    return Reading(made.medium, made.media_type, {**made.facts, "frame_start_ms": starts}, made.derived)


def whole(file: BinaryIO, limits: Limits) -> bytes:
    """Return all bytes of an encoded picture. Raises Refused: more than the limit."""
    data = bytes_of(file, limits.picture_bytes)
    if len(data) > limits.picture_bytes:
        raise Refused(f"more than {limits.picture_bytes} bytes in one picture", "tile the picture first")
    return data


def opened(data: bytes, formats: tuple[str, ...], limits: Limits) -> Image.Image:
    """Return the picture, its size checked and nothing decoded."""
    Image.MAX_IMAGE_PIXELS = None  # opening decodes nothing, and our own check says more
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken EXIF and the like; what matters raises
        image = Image.open(io.BytesIO(data), formats=formats)
    check_size(image.width, image.height, limits, tiled=is_large(*image.size) and getattr(image, "n_frames", 1) == 1)
    return image


def _frames(image: Image.Image, numbers: range, starts: list[float], limits: Limits) -> Iterator[Pixels]:
    """Yield the frames; note in `starts` when each is shown."""
    at = 0.0
    for number in numbers:
        image.seek(number)
        check_size(image.width, image.height, limits)
        pixels, _ = shown(image)
        starts.append(at)
        at += float(image.info.get("duration") or 0)
        yield pixels


def shown(image: Image.Image) -> tuple[Pixels, dict[str, Any]]:
    """Return the picture upright, 8 bit, grey or RGB in the colours of sRGB, on white; and what was done to it.

    `window_low` and `window_high`: what is shown as black and as white of a picture with more than 8 bits.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        orientation = valid(image.getexif().get(_ORIENTATION))
        image.load()
    told: dict[str, Any] = {} if orientation == 1 else {"orientation": orientation}
    if image.mode == "F" or image.mode.startswith("I"):
        values = np.asarray(image)
        told["window_low"], told["window_high"] = percentile_window(values)
        pixels = windowed(values, told["window_low"], told["window_high"])
    else:
        profile = image.info.get("icc_profile") or b""
        image, told["icc_profile"] = _in_srgb(image, profile)
        pixels = on_white(image)
    return upright(pixels, orientation), told


def _in_srgb(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    if image.mode == "LAB":
        return lab_to_srgb(image), colour.CONVERTED
    if "transparency" in image.info or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        layer = image.convert("RGBA")
        shades, kind = colour.to_srgb(layer.convert("RGB"), profile)
        shades.putalpha(layer.getchannel("A"))
        return shades, kind
    if image.mode == "1":
        image = image.convert("L")
    # To convert a picture to the mode that it has would copy it, and it may be a gigabyte.
    return colour.to_srgb(image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB"), profile)


def lab_to_srgb(image: Image.Image) -> Image.Image:
    """Return a picture in CIE L*a*b* in the colours of sRGB."""
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    transform: Any = ImageCms.buildTransform(lab, srgb, "LAB", "RGB")
    converted = ImageCms.applyTransform(image, transform)
    if converted is None:
        raise ValueError("no transformation")
    return converted


def on_white(image: Image.Image) -> Pixels:
    """Return the pixels of a picture of 8 bits, grey or RGB; what is transparent lies on white."""
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.asarray(image if image.mode in ("L", "RGB") else image.convert("RGB"))
