"""The fault proxy itself: every fault it promises reaches the client as promised, and the server did or did not hear of it."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from faults import KINDS, Fault, FaultProxy

ANSWER = b'{"done": true}'


class Counting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    heard: list[tuple[str, bytes]]

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.heard.append((self.path, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(401 if "longer" in self.headers.get("Authorization", "") else 201)
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)


@pytest.fixture
def upstream() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    heard: list[tuple[str, bytes]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Counting,), {"heard": heard}))
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}", heard
    server.shutdown()
    server.server_close()
    thread.join()


# Fault -> what the client gets (an error's class, or a status and body), and how often the server was asked.
OUTCOMES: dict[str, tuple[Any, int]] = {
    "dropped": (httpx.RemoteProtocolError, 0),
    "reset": (httpx.TransportError, 0),
    "applied-then-dropped": (httpx.RemoteProtocolError, 1),
    "applied-then-status": (502, 1),
    "status": (502, 0),
    "truncated": (httpx.RemoteProtocolError, 1),
    "broken": ((201, ANSWER[:7]), 1),
    "delayed": ((201, ANSWER), 1),
    "late": ((201, ANSWER), 1),
    "duplicated": ((201, ANSWER), 2),
    "expired": ((201, ANSWER), 1),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_fault_happens_once_and_is_counted(kind: str, upstream: tuple[str, list[tuple[str, bytes]]]) -> None:
    url, heard = upstream
    expected, times = OUTCOMES[kind]
    with FaultProxy(url) as proxy, httpx.Client(base_url=proxy.url, trust_env=False) as http:
        proxy.inject(Fault(kind, "POST", "/things", seconds=0.2))
        began = time.monotonic()
        if isinstance(expected, type):
            with pytest.raises(expected):
                http.post("/things", content=b"body")
        else:
            answer = http.post("/things", content=b"body")
            assert expected in (answer.status_code, (answer.status_code, answer.content))
        assert (time.monotonic() - began >= 0.2) == (kind in ("delayed", "late"))
        assert heard == [("/things", b"body")] * times
        assert proxy.happened == {kind: 1}
        assert http.post("/things", content=b"again").status_code == 201  # its times are used up
        assert proxy.count("POST", "/things") == 2


def test_faults_choose_their_requests(upstream: tuple[str, list[tuple[str, bytes]]]) -> None:
    with FaultProxy(upstream[0]) as proxy, httpx.Client(base_url=proxy.url, trust_env=False) as http:
        proxy.inject(Fault("status", "POST", "/import$", status=503, skip=1))
        codes = [http.post(path, content=b"x").status_code for path in ("/other", "/import", "/import", "/import")]
        assert codes == [201, 201, 503, 201]
        proxy.cut = True
        with pytest.raises(httpx.TransportError):
            http.post("/other", content=b"x")
        proxy.cut = False
        assert http.post("/other", content=b"x").status_code == 201


def test_a_token_expires_a_clock_is_wrong_and_a_hook_comes_first(upstream: tuple[str, list[tuple[str, bytes]]]) -> None:
    hooked: list[str] = []
    with FaultProxy(upstream[0]) as proxy, httpx.Client(base_url=proxy.url, trust_env=False) as http:
        proxy.inject(Fault("expired"))
        codes = [http.post("/x", content=b"x", headers={"Authorization": "Bearer good"}).status_code for _ in range(2)]
        assert codes == [401, 201]
        proxy.clock_s, proxy.hook = 86_400.0, lambda method, path: hooked.append(f"{method} {path} {len(upstream[1])}")
        shown = parsedate_to_datetime(http.post("/x", content=b"x").headers["date"])
        assert 86_000 < (shown - datetime.now(UTC)).total_seconds() < 86_500
    assert hooked == ["POST /x 2"]  # before the server heard of it
