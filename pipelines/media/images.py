"""Photographs and other still pictures, through Pillow."""

import io
import warnings
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from yuelu.base.records import Medium
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, check_size, picture, probes, window_by_percentiles
from yuelu.pipelines.media.reading import Context, Reading, Refused

_FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")  # no other plugin of Pillow ever sees the bytes
_SUBFILE_TYPE, _REDUCED = 254, 1  # TIFF 6.0: a page with this bit is a smaller copy of another page


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the picture upright, without metadata. Raises Refused: too large, or several pictures in one file."""
    data = file.read(context.limits.picture_bytes + 1)
    if len(data) > context.limits.picture_bytes:
        raise Refused(f"more than {context.limits.picture_bytes} bytes in one picture", "tile the picture first")
    pixels = decode(data, context.limits)
    proxy, thumb = picture(pixels, as_jpeg=context.media_type == "image/jpeg")
    facts = {"width_px": pixels.shape[1], "height_px": pixels.shape[0], "probes": probes(pixels)}
    return Reading(Medium.IMAGE, context.media_type, facts, (proxy, thumb))


def decode(data: bytes, limits: Limits) -> Pixels:
    """Return the pixels of an encoded picture, upright, 8 bit, grey or RGB on white."""
    Image.MAX_IMAGE_PIXELS = limits.pixels
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # broken EXIF and the like; what matters raises
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            check_size(image.width, image.height, limits)
            pages = _pages(image)
            if pages > 1:
                raise Refused(f"{pages} pictures in one file; a task shows one", "split the file into single pictures")
            image.load()
            return _eight_bit(ImageOps.exif_transpose(image))


def _pages(image: Image.Image) -> int:
    frames = int(getattr(image, "n_frames", 1))
    if frames == 1 or image.format in ("MPO", "JPEG"):
        return 1  # the further pictures of a camera's JPEG are previews and gain maps
    if image.format != "TIFF":
        return frames
    full = 0
    for page in range(frames):
        image.seek(page)
        full += not int(image.tag_v2.get(_SUBFILE_TYPE, 0)) & _REDUCED  # type: ignore[attr-defined]  # TIFF has it
    image.seek(0)
    return full


def _eight_bit(image: Image.Image) -> Pixels:
    if image.mode == "F" or image.mode.startswith("I"):
        return window_by_percentiles(np.asarray(image))
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L"))
    if image.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in image.info:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return np.asarray(image.convert("RGB"))
