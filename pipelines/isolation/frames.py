"""How requests and replies cross the socket: a length, JSON, then raw bytes. Never pickle: one end is not trusted."""

import json
import socket
import struct
import time
from typing import Any

from yuelu.base.errors import InvalidRecord

_LENGTH = struct.Struct(">I")
_LONGEST_JSON = 1 << 20


def send_request(channel: socket.socket, request: dict[str, Any], descriptor: int) -> None:
    """Send the request together with an open file: the other end needs no right to open any."""
    body = json.dumps(request).encode()
    socket.send_fds(channel, [_LENGTH.pack(len(body))], [descriptor])
    channel.sendall(body)


def receive_request(channel: socket.socket) -> tuple[dict[str, Any], int] | None:
    """Return the next request and its open file; None when there will be no more."""
    head, descriptors, _, _ = socket.recv_fds(channel, _LENGTH.size, 1)
    if not head:
        return None
    return json.loads(_exactly(channel, _LENGTH.unpack(head)[0])), descriptors[0]


def send_reply(channel: socket.socket, told: dict[str, Any], blobs: list[bytes]) -> None:
    """Send JSON values and the bytes that go with them."""
    body = json.dumps({"told": told, "sizes": [len(blob) for blob in blobs]}).encode()
    channel.sendall(_LENGTH.pack(len(body)) + body)
    for blob in blobs:
        channel.sendall(blob)


def receive_reply(channel: socket.socket, most_bytes: int, deadline: float) -> tuple[dict[str, Any], list[bytes]]:
    """Return what `send_reply` sent.

    Raises EOFError: the other end is gone. Raises TimeoutError: `deadline` (of the monotonic clock) has passed. Raises
    InvalidRecord: the answer is malformed or larger than allowed.
    """
    size = _LENGTH.unpack(_exactly(channel, _LENGTH.size, deadline))[0]
    if size > _LONGEST_JSON:
        raise InvalidRecord(f"the decoder's answer has {size} bytes of facts", f"at most {_LONGEST_JSON} are taken")
    try:
        body = json.loads(_exactly(channel, size, deadline))
        told, sizes = dict(body["told"]), [int(one) for one in body["sizes"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InvalidRecord(f"the decoder's answer is malformed: {error}", "look at the reader that gave it") from None
    if sum(sizes) > most_bytes or any(one < 0 for one in sizes):
        raise InvalidRecord(f"decoding gave {sum(sizes)} bytes, more than the limit of {most_bytes}", "cut the object first")
    return told, [_exactly(channel, one, deadline) for one in sizes]


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
