"""JPEG: one decode at the scale of the thumbnail, and a proxy that is the coded picture itself without its metadata."""

from typing import Any, BinaryIO

import numpy as np
import simplejpeg
from PIL import Image

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.images import colour, tiles
from yuelu.pipelines.media.images import reader as images
from yuelu.pipelines.media.images.jpeg_segments import ARITHMETIC, BASELINE, EXTENDED, PROGRESSIVE, Coded, take_apart
from yuelu.pipelines.media.images.orientation import orientation_of, upright
from yuelu.pipelines.media.images.stills import looks, one, unlike
from yuelu.pipelines.media.pictures import Pixels, check_size, enlargement, reduction, thumbnail
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused

_PLAIN = (BASELINE, EXTENDED, PROGRESSIVE)  # what every browser shows
_MODES = {1: "L", 3: "RGB", 4: "CMYK"}
_SMALLEST_SCALE = 8  # of the cosine transform: one pixel per block
# Complaints of libjpeg that leave the picture whole. All others mean that coded data are lost.
_HARMLESS = ("extraneous bytes before marker", "Unknown Adobe color transform", "JFIF major revision", "Invalid SOS parameters")


def read(file: BinaryIO, context: Context) -> Reading:
    """Return the picture without metadata.

    An upright one of 8 bits in the colours of sRGB keeps its coded data, bit for bit; all others are decoded, turned,
    converted and coded anew. Raises Refused: stops before its end, coded data damaged, or a process nobody shows.
    """
    source = images.whole(file, context.limits)
    coded = take_apart(source)
    check(coded, context)
    orientation, mode = orientation_of(coded.exif), _MODES[coded.components]
    profile = colour.kind_of(coded.icc, mode)
    told: dict[str, Any] = {"icc_profile": profile}
    if orientation != 1:
        told["orientation"] = orientation
    as_it_is = coded.process in _PLAIN and mode != "CMYK" and orientation == 1 and profile != colour.CONVERTED
    if as_it_is and enlargement(coded.width, coded.height) == 1 and not tiles.is_large(coded.width, coded.height):
        by = reduction(coded.width, coded.height)
        small, complaint = decoded(coded, min(by, _SMALLEST_SCALE))
        if complaint is None and small is not None:
            return _copied(coded, small, context, told, source)
    return _coded_anew(coded, context, told, source, orientation)


def check(coded: Coded, context: Context) -> None:
    """Raise Refused: the picture is too large or of a kind that is not decoded."""
    check_size(coded.width, coded.height, context.limits, tiled=tiles.is_large(coded.width, coded.height))
    if coded.bits != 8:
        raise Refused(f"a JPEG of {coded.bits} bits per sample; 8 are read", "export it as PNG or TIFF of 16 bits")
    if coded.process not in (*_PLAIN, *ARITHMETIC):
        raise Refused(f"a JPEG of process SOF{coded.process - 0xC0}", "lossless and hierarchical JPEG: export it as PNG or TIFF")
    if coded.components not in _MODES:
        raise Refused(f"a JPEG of {coded.components} components", "export it in grey, RGB or CMYK")


def decoded(coded: Coded, by: int) -> tuple[Pixels | None, str | None]:
    """Return the pixels at 1/by of the size, and what the decoder complained about; None for what only Pillow decodes.

    Raises Refused: coded data are damaged or missing.
    """
    space = "GRAY" if coded.components == 1 else "RGB"
    size = {"min_height": -(-coded.height // by), "min_width": -(-coded.width // by)}
    try:
        return _plane(simplejpeg.decode_jpeg(coded.copy, space, **size)), None
    except ValueError as error:
        complaint = str(error)
    if complaint.startswith("tj"):  # not a complaint about the data: TurboJPEG's interface does not know such a picture
        return None, complaint
    if not any(known in complaint for known in _HARMLESS):
        raise Refused(f"cannot be decoded: {complaint}", "fetch the file again from its origin")
    return _plane(simplejpeg.decode_jpeg(coded.copy, space, **size, strict=False)), complaint


def _plane(pixels: Any) -> Pixels:
    return np.asarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels, np.uint8)


def _copied(coded: Coded, small: Pixels, context: Context, told: dict[str, Any], source: bytes) -> Reading:
    size = {"width_px": coded.width, "height_px": coded.height}
    by = -(-coded.width // small.shape[1]) if coded.width >= coded.height else -(-coded.height // small.shape[0])
    proxy = Derived(Role.PROXY, Medium.IMAGE, "image/jpeg", coded.copy, {**size, "scale": 1})
    facts = {**size, **told, **looks(small, by)}
    return Reading(Medium.IMAGE, context.media_type, facts, (proxy, unlike(thumbnail(small), source)))


def _coded_anew(coded: Coded, context: Context, told: dict[str, Any], source: bytes, orientation: int) -> Reading:
    pixels, complaint = (None, None) if coded.components == 4 else decoded(coded, 1)
    if complaint:
        told["decoder_complaint"] = complaint
    if pixels is None:
        image = images.opened(coded.copy, ("JPEG",), context.limits)
        image.load()
    elif told["icc_profile"] != colour.CONVERTED:
        return one(upright(pixels, orientation), context, told, as_jpeg=True, source=source)
    else:
        image = Image.fromarray(pixels)
    shown, _ = colour.to_srgb(image, coded.icc)
    return one(upright(images.on_white(shown), orientation), context, told, as_jpeg=True, source=source)
