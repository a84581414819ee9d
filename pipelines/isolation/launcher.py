"""Decoding processes as their owner sees them, and how they are started: forked from one that has imported what they need."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict
from threading import Lock
from typing import Any

from yuelu.base.errors import ServiceUnavailable
from yuelu.pipelines.isolation.fork_server import LONGEST_MESSAGE
from yuelu.pipelines.isolation.frames import Reply, receive_reply, send
from yuelu.pipelines.media.limits import Limits

# All that a decoder inherits. Threads of numeric libraries would only reserve memory against its limit; and what has threads
# cannot be forked, which is why Arrow's allocator may have none either. Memory of up to 32 MB is kept for the next object
# (up to 64 MB in all): to get it anew from the kernel each time takes a tenth of the time of a picture.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1",
                "JE_ARROW_MALLOC_CONF": "background_thread:false", "MALLOC_ARENA_MAX": "2",
                "MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(64 << 20)}  # fmt: skip
_PATIENCE_S = 60.0  # for the import of a reader on a busy machine
_LEAVE_S, _DIE_S = 0.2, 10.0
_CLOSED = "the decoders were closed", "start the run again"


class _ForkServer:
    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control.settimeout(_PATIENCE_S)
        self.lock = Lock()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-m", "yuelu.pipelines.isolation.fork_server", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd=tempfile.gettempdir(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

    def asked(self, message: dict[str, Any], *descriptors: int) -> dict[str, Any]:
        """Return its answer. Raises OSError: it is gone."""
        with self.lock:
            try:
                socket.send_fds(self.control, [json.dumps(message).encode()], descriptors)
                answer = self.control.recv(LONGEST_MESSAGE)
            except TimeoutError:
                self.control.shutdown(socket.SHUT_RDWR)  # a late answer would be taken for that to the next question
                raise
        if not answer:
            raise ConnectionResetError
        return dict(json.loads(answer))

    def end(self) -> None:
        """End it, and with it every decoder that it started."""
        with suppress(OSError):
            self.control.shutdown(socket.SHUT_RDWR)
        try:
            self.process.wait(_DIE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        with self.lock:
            self.control.close()


class Decoder:
    """One decoding process. `imported` are the modules of readers that it need not import any more."""

    def __init__(self, server: _ForkServer, pid: int, channel: socket.socket, imported: frozenset[str]) -> None:
        self.pid, self.imported, self.jobs = pid, imported, 0
        self._server, self._channel, self._code = server, channel, None  # type: _ForkServer, socket.socket, int | None

    def ask(self, request: dict[str, Any], descriptor: int, limits: Limits) -> Reply:
        """Return what it tells of the open file, within the time that `limits` has. Raises as `receive_reply` does."""
        self.jobs += 1
        deadline = time.monotonic() + limits.wall_s
        self._channel.settimeout(limits.wall_s)
        send(self._channel, request, descriptor)
        return receive_reply(self._channel, limits.reply_bytes, deadline)

    def end(self, leave_s: float = _LEAVE_S) -> int | None:
        """Kill it if it still runs after `leave_s`; return its exit code, None where nobody can tell any more."""
        self._channel.close()  # it leaves by itself then, unless it is at work
        with suppress(OSError):
            if not self._ended(leave_s):
                self._kill()
                self._ended(_DIE_S)
        return self._code

    def _ended(self, within_s: float) -> bool:
        deadline, pause = time.monotonic() + within_s, 0.0005
        while self._code is None:
            self._code = self._server.asked({"ended": self.pid})["code"]
            if self._code is None:
                if time.monotonic() > deadline:
                    return False
                time.sleep(pause := min(2 * pause, 0.05))
        return True

    def _kill(self) -> None:
        """Kill it, and whatever it may have started."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:  # it has not even come to make a group of its own
            os.kill(self.pid, signal.SIGKILL)


class Launcher:
    """Starts decoders from a process that imports each reader once. Close it when done: that ends them all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._server: _ForkServer | None = None
        self._imported: frozenset[str] = frozenset()
        self._imports = self._open = True

    def warm(self) -> None:
        """Start what decoders are forked from, without waiting for it."""
        with self._lock:
            self._running()

    def start(self, reader: str, limits: Limits, readable: tuple[str, ...]) -> Decoder:
        """Return a decoder that has imported the module `reader`. Raises ServiceUnavailable: closed, or none can be started."""
        with self._lock:
            for _ in range(3):  # once more where the server died, and where a reader must not be imported before a fork
                server = self._running()
                with suppress(OSError):
                    return self._forked(server, reader if self._imports else "", limits, readable)
                server.end()
                self._server, self._imported = None, frozenset()
        raise ServiceUnavailable("no decoding process starts", "see whether memory is left, then run the same command again")

    def _running(self) -> _ForkServer:
        if not self._open:
            raise ServiceUnavailable(*_CLOSED)
        self._server = self._server or _ForkServer()
        return self._server

    def _forked(self, server: _ForkServer, reader: str, limits: Limits, readable: tuple[str, ...]) -> Decoder:
        channel, theirs = socket.socketpair()
        try:
            with theirs:
                asked = {"reader": reader, "limits": asdict(limits), "readable": readable}
                told = server.asked(asked, theirs.fileno())
            if "threads" in told:
                self._imports = False
                raise ConnectionAbortedError
            if "failed" in told:
                raise ServiceUnavailable(f"no decoding process starts: {told['failed']}", "run the same command again later")
        except BaseException:
            channel.close()
            raise
        self._imported |= {reader}
        return Decoder(server, told["pid"], channel, self._imported)

    def close(self) -> None:
        """End every decoder, those at work too."""
        self._open = False
        if self._server is not None:
            self._server.end()  # whoever waits for its answer while holding the lock gets none
        with self._lock:
            if self._server is not None:
                self._server.end()
