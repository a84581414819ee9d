"""A few long-lived decoding processes, replaced when they die, hang or have done their share."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import asdict
from threading import Lock
from typing import Any

from yuelu.base.errors import InvalidRecord
from yuelu.pipelines.isolation.frames import receive_reply, send_request
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused, clean_text, from_wire

# All that a decoder inherits. Threads of numeric libraries would only reserve memory against its limit.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1",
                "MALLOC_ARENA_MAX": "2"}  # fmt: skip


class _Process:
    def __init__(self, limits: Limits) -> None:
        self.limits, self.jobs = limits, 0
        self.channel, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-m", "yuelu.pipelines.isolation.child", str(theirs.fileno()), json.dumps(asdict(limits))],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd=tempfile.gettempdir(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C is for whoever waits for the decoder, not for the decoder
            )

    def ask(self, request: dict[str, Any], descriptor: int) -> tuple[dict[str, Any], list[bytes]]:
        self.jobs += 1
        deadline = time.monotonic() + self.limits.wall_s
        self.channel.settimeout(self.limits.wall_s)
        send_request(self.channel, request, descriptor)
        return receive_reply(self.channel, self.limits.reply_bytes, deadline)

    def end(self) -> int:
        """Kill the process if it still runs; return its exit code."""
        self.channel.close()
        try:
            return self.process.wait(0.2)  # it leaves by itself when its channel closes
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Decoders:
    """Decoding processes for as many threads as ask at once. Close it when done."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._idle: deque[_Process] = deque()
        self._lock = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return Decoders, (self.limits,)  # processes do not travel to a Dask worker

    def warm(self, count: int) -> None:
        """Start `count` processes now, so that their start-up overlaps with other work."""
        self._idle.extend(_Process(self.limits) for _ in range(count))

    def read(self, request: dict[str, Any], descriptor: int) -> Reading:
        """Return what the reader named in `request` makes of the open file.

        Raises Refused: the reader refused, failed, died or took too long. A death is tried once more in a fresh process,
        since it may have been the fault of an earlier object or of the machine.
        """
        try:
            return self._once(request, descriptor)
        except EOFError:
            pass
        try:
            return self._once(request, descriptor, fresh=True)
        except EOFError as death:
            raise Refused(str(death), "look at the object by hand, on a machine that may be lost") from None

    def _once(self, request: dict[str, Any], descriptor: int, *, fresh: bool = False) -> Reading:
        process = self._take(fresh)
        keep = False
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)  # the position is shared with whoever read before
            told, blobs = process.ask(request, descriptor)
            reading = None if "refused" in told else from_wire(told, blobs)
            keep = process.jobs < self.limits.jobs and not told.get("exhausted", False)
        except TimeoutError:
            raise Refused(f"decoding took longer than {self.limits.wall_s:g} s", "cut the object first") from None
        except (EOFError, OSError):
            keep, code = False, process.end()
            raise EOFError(_death(code, self.limits)) from None
        except InvalidRecord as error:
            raise Refused(error.problem, error.hint) from None
        finally:
            self._give_back(process, keep)
        if reading is None:
            raise Refused(clean_text(str(told["refused"])))
        return reading

    def _take(self, fresh: bool) -> _Process:
        with self._lock:
            if self._idle and not fresh:
                return self._idle.popleft()
        return _Process(self.limits)

    def _give_back(self, process: _Process, keep: bool) -> None:
        if keep:
            with self._lock:
                self._idle.append(process)
        elif process.process.poll() is None:
            process.process.kill()
            process.end()

    def close(self) -> None:
        """End every process."""
        with self._lock:
            while self._idle:
                self._idle.pop().end()


def _death(code: int, limits: Limits) -> str:
    if code == -signal.SIGXCPU:
        return f"decoding used more than {limits.cpu_s} s of processor time"
    if code < 0:
        return f"the decoder died of {signal.Signals(-code).name}"
    return f"the decoder left with exit code {code}"
