"""Opening a container, its video streams and its packets, with libav."""

import contextlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import av
from av.stream import Disposition

# Whatever a file refers to stays closed: external data of a MOV, the parts of a playlist. The demuxer is always named, so a
# playlist that calls itself a film is no film.
_CLOSED = {"protocol_whitelist": "none", "enable_drefs": "0"}
_STANDS_OUT = Disposition.default | Disposition.forced


def opened(file: BinaryIO, demuxer: str) -> Any:
    """Return the container in `file`, read from its start; nothing but this open file is ever read."""
    file.seek(0)
    return av.open(file, format=demuxer or None, metadata_errors="ignore", options=dict(_CLOSED))


def video_streams(container: Any) -> list[Any]:
    """Return the streams that move (a cover picture does not), the one to show first: marked as default, then the largest."""
    moving = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    marked = any(not stream.disposition & _STANDS_OUT for stream in moving)  # a mark on every stream says nothing
    return sorted(
        moving,
        key=lambda stream: (
            -bool(marked and stream.disposition & _STANDS_OUT),
            -(stream.width or 0) * (stream.height or 0),
            stream.index,
        ),
    )


def packets(container: Any, streams: list[Any]) -> Iterator[Any]:
    """Yield the packets of the streams, in file order. A file that breaks off ends there."""
    with contextlib.suppress(av.FFmpegError, IndexError):  # the latter for streams that a broken index does not name
        yield from container.demux(streams)
