"""The receiver of webhooks: it believes nothing that they say, and wakes the poller when one carries the secret."""

import hmac
import threading
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from yuelu.annotate.label_studio.hooks import HEADER, PATH
from yuelu.base.errors import ServiceUnavailable

LARGEST_BYTES = 1 << 20
_TIMEOUT_S = 5.0
_AT_ONCE = 32


class Receiver:
    """Listens on `host`:`port` (0: any free one) while the block lasts, and calls `wake` for each call with the secret.

    `seen` counts how calls were met. Lost, doubled, late or replayed calls do no harm: a poll more or less.
    """

    def __init__(self, host: str, port: int, secret: str, wake: Callable[[], None]) -> None:
        self.seen: Counter[str] = Counter()
        self._secret, self._wake, self._busy = secret.encode(), wake, threading.Semaphore(_AT_ONCE)
        receiver = self

        class Handler(_Handler):
            owner = receiver

        try:
            self._server = _Server((host, port), Handler)
        except OSError as error:
            raise ServiceUnavailable(f"cannot listen on {host}:{port}: {error.strerror}", "choose another port") from None
        self.url = f"http://{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def met(self, path: str, secret: str, length: str | None) -> int:
        """Return the status for a call, having woken the poller if it is the server's. Its body is never looked at."""
        status = self._status(path, secret, length)
        self.seen[{204: "woken", 403: "forged", 413: "too large"}.get(status, "refused")] += 1
        if status == 204:
            self._wake()
        return status

    def _status(self, path: str, secret: str, length: str | None) -> int:
        if path != PATH:
            return 404
        if not hmac.compare_digest(secret.encode("utf-8", "surrogateescape"), self._secret):
            return 403
        if length is None or not length.isdecimal():
            return 411
        return 413 if int(length) > LARGEST_BYTES else 204

    def enter(self) -> bool:
        """Return whether one more call may be met now."""
        return self._busy.acquire(blocking=False)

    def leave(self) -> None:
        """Say that a call was met."""
        self._busy.release()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a caller that went away is no news."""


class _Handler(BaseHTTPRequestHandler):
    owner: Receiver
    timeout = _TIMEOUT_S
    server_version, sys_version = "yuelu", ""

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def do_POST(self) -> None:
        """Meet a call."""
        self.close_connection = True
        if not self.owner.enter():
            self._say(503)
            return
        try:
            length = self.headers.get("Content-Length")
            status = self.owner.met(self.path, self.headers.get(HEADER, ""), length)
            if status == 204:
                self.rfile.read(int(length or 0))  # so that the caller is not cut off while it still sends
            self._say(status)
        finally:
            self.owner.leave()

    def _say(self, status: int) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
