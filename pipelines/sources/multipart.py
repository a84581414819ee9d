"""The one part of a multipart body, taken out of a stream. Source: RFC 2046, section 5.1; DICOM PS3.18, section 8.6.1."""

from collections.abc import Iterable, Iterator
from email.message import Message

from yuelu.pipelines.media.reading import Refused

_HEADER_BYTES = 16 << 10


def boundary_of(content_type: str) -> bytes | None:
    """Return what stands between the parts; None: the body is no multipart body."""
    message = Message()
    message["content-type"] = content_type
    boundary = message.get_boundary()
    return boundary.encode() if message.get_content_maintype() == "multipart" and boundary else None


def only_part(chunks: Iterable[bytes], boundary: bytes) -> Iterator[bytes]:
    """Yield the bytes of the only part. Raises Refused: there are several or none, or the body breaks off."""
    between = b"\r\n--" + boundary
    stream, ready = iter(chunks), b"\r\n"  # the first boundary may stand at the very start
    while (head := ready.find(between)) < 0 or (start := ready.find(b"\r\n\r\n", head + len(between))) < 0:
        if len(ready) > _HEADER_BYTES or not (chunk := next(stream, b"")):
            raise Refused("the server's answer has no part")
        ready += chunk
    ready = ready[start + 4 :]
    while (end := ready.find(between)) < 0:
        keep = len(between) - 1  # the boundary may begin in one chunk and end in the next
        if len(ready) > keep:
            yield ready[:-keep]
            ready = ready[-keep:]
        if not (chunk := next(stream, b"")):
            raise Refused("the server's answer breaks off")
        ready += chunk
    yield ready[:end]
    rest = ready[end + len(between) :]
    while len(rest) < 2 and (chunk := next(stream, b"")):
        rest += chunk
    if not rest.startswith(b"--"):
        raise Refused("the server's answer has several parts")
