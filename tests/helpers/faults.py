"""An HTTP proxy that makes faults on purpose and counts them: a test proves by the counts that its fault really happened.

    with FaultProxy(server_url) as proxy:
        proxy.inject(Fault("applied-then-dropped", "POST", r"/import$"))
        ...                                     # talk to proxy.url instead of server_url
        assert proxy.happened["applied-then-dropped"] == 1

Each request is met by at most one fault: the oldest whose method and path fit and that has times left.
"""

import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import formatdate, parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

# What becomes of a request, by name. "Applied" means: the server did all it was asked, and answered.
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "dropped": "the connection closes before the server hears of it",
        "reset": "the same, by a TCP reset",
        "applied-then-dropped": "applied, and the connection closes without an answer",
        "applied-then-status": "applied, and `status` is answered instead",
        "status": "`status` is answered; the server hears nothing",
        "truncated": "applied, and half of the answer's body arrives under its full length",
        "broken": "applied, and half of the answer's body arrives as if it were the whole",
        "delayed": "the server hears of it `seconds` later",
        "late": "applied, and answered `seconds` later",
        "duplicated": "sent to the server twice; the second answer is returned",
        "expired": "sent under a token that the server takes no more",
    }
)
TOLD = b'{"detail": "made by the fault proxy"}'
_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "proxy-connection"})


@dataclass
class Fault:
    """One kind of trouble for the next `times` requests of that method (any: "*") whose path with query matches."""

    kind: str
    method: str = "*"
    path: str = ""
    times: int = 1
    status: int = 502
    seconds: float = 0.0
    skip: int = 0  # so many fitting requests pass first

    def __post_init__(self) -> None:
        assert self.kind in KINDS, f"{self.kind} is none of {', '.join(KINDS)}"

    def fits(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in ("*", method) and re.search(self.path, path) is not None


@dataclass(frozen=True)
class Seen:
    """A request that reached the proxy, and the fault it met (None: it passed)."""

    method: str
    path: str
    fault: str | None


class FaultProxy:
    """A proxy on a free loopback port in front of `upstream`, which may be changed at any time (a server that moved)."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.happened: Counter[str] = Counter()  # faults by kind
        self.seen: list[Seen] = []
        self.cut = False  # while True nothing passes: the site is down
        self.clock_s = 0.0  # what the server's clock, as its answers show it, is ahead
        self.hook: Callable[[str, str], None] = lambda method, path: None  # called before a request is passed on
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        proxy = self

        class Handler(_Handler):
            owner = proxy

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Say nothing: a client that went away is part of the game."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> "FaultProxy":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def inject(self, *faults: Fault) -> None:
        """Let these happen to the requests that come from now on."""
        with self._lock:
            self._faults += faults

    def clear(self) -> None:
        """Forget the faults that have not happened."""
        with self._lock:
            self._faults = []

    def count(self, method: str, path: str) -> int:
        """Return how many requests of that kind came, faults or not."""
        with self._lock:
            return sum(each.method == method and re.search(path, each.path) is not None for each in self.seen)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault that meets this request, and count it."""
        with self._lock:
            fault = None
            for each in self._faults:
                if each.fits(method, path):
                    if each.skip:
                        each.skip -= 1
                        continue
                    each.times -= 1
                    fault = each
                    break
            if self.cut:
                fault = Fault("reset")
            self.seen.append(Seen(method, path, fault.kind if fault else None))
            if fault:
                self.happened[fault.kind] += 1
            return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: FaultProxy

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the tests' output clean."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.owner.take(self.command, self.path)
        kind = fault.kind if fault else ""
        self.owner.hook(self.command, self.path)
        if kind in ("dropped", "reset"):
            self._hang_up(reset=kind == "reset")
        elif fault and kind == "status":
            self._answer(fault.status, [], TOLD)
        else:
            self._pass_on(body, fault or Fault("delayed"))

    def _pass_on(self, body: bytes, fault: Fault) -> None:
        if fault.kind == "delayed":
            time.sleep(fault.seconds)
        if fault.kind == "expired" and "Authorization" in self.headers:
            self.headers.replace_header("Authorization", "Bearer no.longer.valid")
        try:
            status, headers, answer = self._forward(body)
            if fault.kind == "duplicated":
                status, headers, answer = self._forward(body)
        except (OSError, HTTPException):  # the server is down: so is what stands before it
            self._hang_up(reset=True)
            return
        if fault.kind == "late":
            time.sleep(fault.seconds)
        if fault.kind == "applied-then-dropped":
            self._hang_up()
        elif fault.kind == "applied-then-status":
            self._answer(fault.status, [], TOLD)
        elif fault.kind == "truncated":
            self._answer(status, headers, answer, sent=len(answer) // 2)
            self._hang_up()
        else:
            self._answer(status, headers, answer[: len(answer) // 2] if fault.kind == "broken" else answer)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        where = urlsplit(self.owner.upstream)
        connection = HTTPConnection(where.hostname or "", where.port, timeout=900)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
            headers["Host"] = where.netloc
            connection.request(self.command, self.path, body or None, headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, sent: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in _HOP | {"content-length"}:
                self.send_header(name, self._late(value) if name.lower() == "date" else value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[:sent])

    def _late(self, date: str) -> str:
        return formatdate(parsedate_to_datetime(date).timestamp() + self.owner.clock_s, usegmt=True)

    def _hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.wfile.flush()
            if reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                self.connection.shutdown(socket.SHUT_RDWR)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = _handle
