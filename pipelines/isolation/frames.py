"""How requests and replies cross the socket: a length, JSON, and an open file. Never pickle: one end is not trusted.

What a reader derives lies in the file, each part at its place: it can be larger than either end wants to hold in memory.
"""

import fcntl
import io
import json
import os
import shutil
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from yuelu.base.errors import InvalidRecord
from yuelu.pipelines.media.memory import memory_file

_LENGTH = struct.Struct(">I")
_LONGEST_JSON = 1 << 20
_CHUNK = 1 << 20
# Nobody may change the file any more: its hash and what is stored of it are read one after the other.
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@dataclass(frozen=True, slots=True)
class Reply:
    """What the other end told, and the parts that lie in the open file: (start, end) of each, in bytes."""

    told: dict[str, Any]
    descriptor: int
    parts: tuple[tuple[int, int], ...]


def send(channel: socket.socket, told: dict[str, Any], descriptor: int) -> None:
    """Send JSON values together with an open file: the other end needs no right to open any."""
    body = json.dumps(told).encode()
    socket.send_fds(channel, [_LENGTH.pack(len(body))], [descriptor])
    channel.sendall(body)


def receive_request(channel: socket.socket) -> tuple[dict[str, Any], int] | None:
    """Return the next request and its open file; None when there will be no more."""
    head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, 1)
    if not head:
        return None
    return json.loads(_exactly(channel, _LENGTH.unpack(head)[0])), descriptors[0]


def send_reply(channel: socket.socket, told: dict[str, Any], parts: Sequence[bytes | BinaryIO]) -> None:
    """Send JSON values and the parts that go with them.

    The first part that stands in a file in memory takes the others at its end: what is large lies in memory once.
    """
    first = next((part for part in parts if not isinstance(part, bytes) and _is_in_memory(part)), None)
    file, places = first or memory_file(), list[tuple[int, int]]()
    out = io.BufferedWriter(cast(io.RawIOBase, file))  # on its own, the file may write less than it is given
    own = out.seek(0, os.SEEK_END)
    for part in parts:
        start = out.tell()
        if isinstance(part, bytes):
            out.write(part)
        elif part is not first:
            part.seek(0)
            shutil.copyfileobj(part, out, _CHUNK)
        places.append((0, own) if part is first else (start, out.tell()))
    out.detach()
    fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    send(channel, {"told": told, "places": places}, file.fileno())


def _is_in_memory(file: BinaryIO) -> bool:
    try:
        return isinstance(file, io.FileIO) and fcntl.fcntl(file, fcntl.F_GET_SEALS) == 0
    except OSError:  # no memory file, or no file at all
        return False


def receive_reply(channel: socket.socket, most_bytes: int, deadline: float) -> Reply:
    """Return what `send_reply` sent; whoever receives it closes its descriptor.

    Raises EOFError: the other end is gone. Raises TimeoutError: `deadline` (of the monotonic clock) has passed. Raises
    InvalidRecord: the answer is malformed or larger than allowed.
    """
    channel.settimeout(max(deadline - time.monotonic(), 0.001))
    head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, 1)
    try:
        reply = _reply(channel, head, descriptors, deadline)
        _check(reply, most_bytes)
    except BaseException:
        for descriptor in descriptors:
            os.close(descriptor)
        raise
    return reply


def _reply(channel: socket.socket, head: bytes, descriptors: Sequence[int], deadline: float) -> Reply:
    if not head:
        raise EOFError
    head += _exactly(channel, _LENGTH.size - len(head), deadline)
    size = _LENGTH.unpack(head)[0]
    if size > _LONGEST_JSON:
        raise InvalidRecord(f"the decoder's answer has {size} bytes of facts", f"at most {_LONGEST_JSON} are taken")
    try:
        body = json.loads(_exactly(channel, size, deadline))
        places = tuple((int(start), int(end)) for start, end in body["places"])
        return Reply(dict(body["told"]), descriptors[0], places)
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise InvalidRecord(f"the decoder's answer is malformed: {error}", "look at the reader that gave it") from None


def _check(reply: Reply, most_bytes: int) -> None:
    size = os.fstat(reply.descriptor).st_size
    if size > most_bytes:
        raise InvalidRecord(f"decoding gave {size} bytes, more than the limit of {most_bytes}", "cut the object first")
    if any(not 0 <= start <= end <= size for start, end in reply.parts):
        raise InvalidRecord("the decoder's answer is malformed: parts beyond its end", "look at the reader that gave it")
    try:
        sealed = fcntl.fcntl(reply.descriptor, fcntl.F_GET_SEALS) == _SEALS
    except OSError:  # no memory file at all
        sealed = False
    if not sealed:
        raise InvalidRecord("the decoder's answer is malformed: it may still change", "look at the reader that gave it")


def _exactly(channel: socket.socket, size: int, deadline: float | None = None) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        if deadline is not None:
            channel.settimeout(max(deadline - time.monotonic(), 0.001))
        part = channel.recv(min(size - len(parts), 1 << 20))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
