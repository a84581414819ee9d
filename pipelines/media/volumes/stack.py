"""An object shown as several pictures in order: slices of a volume, pages, tiles. Made one at a time."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from yuelu.base.records import Medium, Role
from yuelu.pipelines.media.fingerprints import picture_fingerprint
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels, enlargement, png, probes, thumbnail
from yuelu.pipelines.media.reading import Derived, Refused


@dataclass(frozen=True, slots=True)
class Stack:
    """The proxies in order and the thumbnail of the middle one; `facts` of the whole for the labelled asset."""

    parts: tuple[Derived, ...]
    facts: dict[str, Any]


def stacked(pictures: Iterable[Pixels], count: int, limits: Limits) -> Stack:
    """Return `count` pictures of one size as proxies. Raises Refused: they take more room than a reader may."""
    proxies, told, sampled, room = [], {}, [], limits.reply_bytes
    thumb: tuple[Derived, ...] = ()
    for index, pixels in enumerate(pictures):
        proxies.append(_proxy(pixels))
        room -= len(proxies[-1].data)
        if room < 0:
            raise Refused(f"{count} pictures take more than {limits.reply_bytes} bytes", "split the object first")
        if index in samples(count):
            sampled.append(picture_fingerprint(pixels))
        if index == count // 2:
            told = {"width_px": pixels.shape[1], "height_px": pixels.shape[0], "probes": probes(pixels)}
            thumb = (thumbnail(pixels),)
    scale = proxies[0].facts["scale"] if proxies else 1
    return Stack((*proxies, *thumb), {**told, "scale": scale, "fingerprints": {"picture": sampled}})


def samples(count: int) -> Sequence[int]:
    """Return which pictures of `count` get a fingerprint: the middle one, and those half-way to both ends."""
    return sorted({count // 4, count // 2, 3 * count // 4} & set(range(count)))


def _proxy(pixels: Pixels) -> Derived:
    height, width = pixels.shape[:2]
    scale = enlargement(width, height)
    shown = pixels.repeat(scale, axis=0).repeat(scale, axis=1) if scale > 1 else pixels
    facts = {"width_px": width * scale, "height_px": height * scale, "scale": scale}
    return Derived(Role.PROXY, Medium.IMAGE, "image/png", png(shown), facts)
