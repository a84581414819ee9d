"""From upright 8-bit pixels to a reading: one picture, one that is cut into tiles, or several pictures of one object."""

from collections.abc import Iterable, Mapping
from typing import Any

from yuelu.base.records import Medium
from yuelu.pipelines.media.fingerprints import picture_fingerprint
from yuelu.pipelines.media.images import tiles
from yuelu.pipelines.media.pictures import Pixels, luma_of, picture, probes, proxy, reduced, reduction, thumbnail
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused

MOST_FRAMES = 1000  # of one object that is shown as several pictures
_FINGERPRINTED = 5  # of them
_FILL = b"\xff"  # may stand before any marker (ISO/IEC 10918-1, B.1.1.2)
_EMPTY_IDAT = b"\0\0\0\0IDAT\x35\xaf\x06\x1e"  # the picture data of a PNG may be split anywhere, also into nothing
_AFTER_IHDR = 33


def one(
    pixels: Pixels, context: Context, told: Mapping[str, Any] | None = None, *, as_jpeg: bool = False, source: bytes = b""
) -> Reading:
    """Return the reading of one picture, cut into tiles where it is very large. `source`: the object's bytes, if at hand."""
    height, width = pixels.shape[:2]
    if tiles.is_large(width, height):
        return tiled(tiles.Whole(pixels), context, told)
    made = tuple(unlike(part, source) for part in picture(pixels, as_jpeg=as_jpeg))
    facts = {"width_px": width, "height_px": height, **(told or {}), **looks(pixels)}
    return Reading(Medium.IMAGE, context.media_type, facts, made)


def tiled(raster: tiles.Raster, context: Context, told: Mapping[str, Any] | None = None) -> Reading:
    """Return the reading of a very large picture: an overview, then its tiles; `tiles` tells what each of them shows."""
    layout = tiles.layout(raster.width, raster.height)
    proxies, overview = tiles.proxies(raster, layout, context)
    facts = {"width_px": raster.width, "height_px": raster.height, **(told or {}), "tiles": tiles.to_facts(layout)}
    facts |= looks(overview, -(-raster.width // overview.shape[1]))
    return Reading(Medium.IMAGE, context.media_type, facts, (*proxies, thumbnail(overview)))


def several(frames: Iterable[Pixels], count: int, context: Context, told: Mapping[str, Any] | None = None) -> Reading:
    """Return the reading of an object that is shown as `count` pictures, in order. Size, probes and thumbnail: the middle one's.

    `frame_width_px` and `frame_height_px` tell the size of each.
    """
    if count > MOST_FRAMES:
        raise Refused(f"{count} pictures in one file are more than the limit of {MOST_FRAMES}", "split the file first")
    proxies: list[Derived] = []
    widths, heights, prints = [], [], []
    facts: dict[str, Any] = {}
    shown = {round(i * (count - 1) / (_FINGERPRINTED - 1)) for i in range(_FINGERPRINTED)}
    for number, pixels in enumerate(frames):
        height, width = pixels.shape[:2]
        if tiles.is_large(width, height):
            raise Refused(f"a very large picture of {width} x {height} pixels among {count}", "split the file first")
        proxies.append(proxy(pixels))
        widths.append(width)
        heights.append(height)
        if number in shown:
            prints.append(picture_fingerprint(reduced(pixels)))
        if number == count // 2:
            facts = {"width_px": width, "height_px": height, "probes": probes(pixels)}
            middle = thumbnail(pixels)
    sizes = {"frame_width_px": widths, "frame_height_px": heights, "fingerprints": {"picture": prints}}
    return Reading(Medium.IMAGE, context.media_type, {**facts, **(told or {}), **sizes}, (*proxies, middle))


def looks(pixels: Pixels, already: int = 1) -> dict[str, Any]:
    """Return probes and fingerprint of pixels that are `already` reduced by that much."""
    small = luma_of(reduced(pixels))
    by = already * reduction(pixels.shape[1], pixels.shape[0])
    return {"probes": probes(small, by), "fingerprints": {"picture": [picture_fingerprint(small)]}}


def unlike(part: Derived, source: bytes) -> Derived:
    """Return the part, changed where it is the source byte for byte: one asset cannot derive from itself.

    That happens to pictures which already are what we would make of them. What is added has no meaning to a decoder.
    """
    if part.data != source:
        return part
    at, added = (2, _FILL) if source.startswith(b"\xff\xd8") else (_AFTER_IHDR, _EMPTY_IDAT)
    data = b"".join((source[:at], added, memoryview(source)[at:]))
    return Derived(part.role, part.medium, part.media_type, data, part.facts)
