"""A proxy without what was found in its frames: the same frames at the same times, coded anew where something was found.

Every frame is searched for faces and plates, and what is found in one is hidden in all frames within a second of it, with
a margin: a detector that misses a face for some frames does not show it. Text is looked for in every second of film: in its
first frame, and in its brightest and darkest values, which show letters that stand still before a moving picture.
"""

import io
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from yuelu.pipelines.deid.seen import TEXT, Box, find
from yuelu.pipelines.deid.text import Detector, Mask
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import Pixels
from yuelu.pipelines.media.reading import Derived, Refused
from yuelu.pipelines.media.streams import opened, packets
from yuelu.pipelines.media.video.proxy import Picture, mp4
from yuelu.pipelines.media.video.upright import Sourced

_HELD_S = 1.0  # before and after the frame in which something was found
_MARGIN = 0.2  # of a box, on each side
_FACES_PX = 640
_SQUARES = 6  # across a hidden box: nothing of a face comes back from six of them
_LARGEST_SHARE = 0.3  # of the frame; a page of text is no film to label
_CHECK = "have it checked, and ingest it into a collection that is not searched for text"
_PROXY = "mov"

Planes = NDArray[np.uint8]  # of 4:2:0, shape (height x 3 / 2, width)


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is hidden in the frames `first` to `last` (from 0): text under the colour around it, all else as coarse squares."""

    kind: str
    first: int
    last: int
    boxes: tuple[Box, ...]


def without(
    part: Derived, kinds: Sequence[str], counts: Counter[str], found_by: Detector | None, limits: Limits
) -> tuple[BinaryIO, Pixels] | None:
    """Return the proxy with what was found hidden, and its middle frame; None where nothing was found.

    `counts` is added the number of frames in which something of a kind is hidden. Raises Refused: text over most of a frame.
    """
    rate = float(part.facts["frame_rate_hz"])
    file: BinaryIO = io.BytesIO(part.data) if part.file is None else part.file
    found = tuple(_found(file, [kind for kind in kinds if kind != TEXT], found_by, round(rate) or 1))
    at: dict[int, list[Hidden]] = defaultdict(list)
    last = int(part.facts["frames"]) - 1
    for one in found:
        held = 0 if one.kind == TEXT else round(_HELD_S * rate)
        for number in range(max(0, one.first - held), min(last, one.last + held) + 1):
            at[number].append(one)
    counts.update(kind for here in at.values() for kind in {one.kind for one in here})
    return _coded_anew(file, at, last // 2, limits) if at else None


def _found(file: BinaryIO, kinds: Sequence[str], found_by: Detector | None, second: int) -> Iterator[Hidden]:
    with opened(file, _PROXY) as container:
        together: list[Pixels] = []  # first, brightest and darkest of a second
        start = number = 0
        for number, frame in enumerate(_frames(container)):
            luma = _planes(frame)[: frame.height]
            for kind in kinds:
                if boxes := _seen(kind, luma):
                    yield Hidden(kind, number, number, tuple(_grown(box, frame.width, frame.height) for box in boxes))
            if found_by is None:
                continue
            pixels = frame.to_ndarray(format="rgb24")
            if together and number - start >= second:
                yield from _text(together, found_by, start, number - 1)
                together = []
            if not together:
                together, start = [pixels, pixels, pixels], number
            together[1:] = [np.maximum(together[1], pixels), np.minimum(together[2], pixels)]
        if together and found_by is not None:
            yield from _text(together, found_by, start, number)


def _seen(kind: str, luma: NDArray[np.uint8]) -> tuple[Box, ...]:
    """Return where `kind` is, faces looked for at 640 pixels: the time that takes grows with the area."""
    by = max(luma.shape) / _FACES_PX if kind == "faces" else 1.0
    if by <= 1:
        return find(kind, luma)
    small = cv2.resize(luma, None, fx=1 / by, fy=1 / by, interpolation=cv2.INTER_AREA)
    found = find(kind, np.asarray(small, np.uint8))
    return tuple(Box(*(round(value * by) for value in (box.x, box.y, box.width, box.height))) for box in found)


def _text(together: Sequence[Pixels], found_by: Detector, first: int, last: int) -> Iterator[Hidden]:
    text: Mask = np.zeros(together[0].shape[:2], np.bool_)
    for picture in together:
        text |= found_by.find(picture)
    if text.mean() > _LARGEST_SHARE:
        raise Refused(f"burned-in text over more than {_LARGEST_SHARE:.0%} of the picture", _CHECK)
    if text.any():
        _, _, boxes, _ = cv2.connectedComponentsWithStats(text.astype(np.uint8), connectivity=8)
        yield Hidden(TEXT, first, last, tuple(Box(*(int(value) for value in one[:4])) for one in boxes[1:]))


def _frames(container: Any) -> Iterator[Any]:
    container.streams.video[0].codec_context.thread_count = 1
    yield from container.decode(video=0)


def _planes(frame: Any) -> Planes:
    return np.asarray(frame.to_ndarray(format="yuv420p"), np.uint8)


def _grown(box: Box, width: int, height: int) -> Box:
    across, down = round(box.width * _MARGIN), round(box.height * _MARGIN)
    left, top = max(0, box.x - across), max(0, box.y - down)
    return Box(left, top, min(width, box.x + box.width + across) - left, min(height, box.y + box.height + down) - top)


def _coded_anew(file: BinaryIO, at: Mapping[int, Sequence[Hidden]], middle: int, limits: Limits) -> tuple[BinaryIO, Pixels]:
    poster: Pixels | None = None
    with opened(file, _PROXY) as container, mp4() as made:
        video = container.streams.video[0]
        video.codec_context.thread_count = 1
        picture = Picture(made.out, video.average_rate, limits)
        sound = container.streams.audio[0] if container.streams.audio else None
        copied = None if sound is None else made.out.add_stream_from_template(sound)
        early: list[Any] = []  # packets of sound that wait for the first picture
        for packet in packets(container, [video] if sound is None else [video, sound]):
            if packet.stream is sound:
                early.append(packet)
                continue
            for frame in packet.decode():
                number = picture.count
                if not number:
                    context = video.codec_context
                    colours = (context.colorspace, context.color_primaries, context.color_trc)
                    picture.begin(frame.width, frame.height, colours, frame.height)
                shown = _hiding(frame, at.get(number, ()))
                poster = shown.to_ndarray(format="rgb24") if number == middle else poster
                for coded in picture.show(Sourced(number, number, 0, shown), number):
                    made.out.mux(coded)
            if picture.count:
                _mux(made.out, early, copied)
        for coded in picture.close():
            made.out.mux(coded)
        _mux(made.out, early, copied)
        if poster is None:
            raise Refused("a video without frames that can be decoded", "check the file at its origin")
        return made.finished(), poster


def _mux(out: Any, waiting: list[Any], stream: Any) -> None:
    for packet in waiting:
        if packet.dts is not None:
            packet.stream = stream
            out.mux(packet)
    waiting.clear()


def _hiding(frame: Any, hidden: Sequence[Hidden]) -> Any:
    planes, height, width = _planes(frame).copy(), frame.height, frame.width
    luma = planes[:height]
    chroma = planes[height:].reshape(2, height // 2, width // 2)
    for one in hidden:
        cover = _flat if one.kind == TEXT else _coarse
        for box in one.boxes:
            cover(luma, box)
            for plane in chroma:
                cover(plane, Box(box.x // 2, box.y // 2, -(-box.width // 2) + 1, -(-box.height // 2) + 1))
    shown = av.VideoFrame.from_ndarray(planes, format="yuv420p")
    shown.colorspace, shown.color_range = frame.colorspace, frame.color_range
    return shown


def _flat(plane: Planes, box: Box) -> None:
    """Give the box the median of what lies around it."""
    left, top = max(0, box.x - 2), max(0, box.y - 2)
    near = plane[top : box.y + box.height + 2, left : box.x + box.width + 2]
    plane[box.y : box.y + box.height, box.x : box.x + box.width] = np.median(
        np.concatenate([near[:2].ravel(), near[-2:].ravel(), near[:, :2].ravel(), near[:, -2:].ravel()])
    )


def _coarse(plane: Planes, box: Box) -> None:
    part = plane[box.y : box.y + box.height, box.x : box.x + box.width]
    if part.size:
        few = cv2.resize(part, (min(_SQUARES, part.shape[1]), min(_SQUARES, part.shape[0])), interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(few, (part.shape[1], part.shape[0]), interpolation=cv2.INTER_NEAREST)
