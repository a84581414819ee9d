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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from threading import Lock
from typing import Any, BinaryIO, cast

from yuelu.base.errors import InvalidRecord, ServiceUnavailable
from yuelu.base.store.ranged import Ranged
from yuelu.pipelines.isolation.allowance import limits_for
from yuelu.pipelines.isolation.frames import Reply, receive_reply, send
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused, clean_text, from_wire

# All that a decoder inherits. Threads of numeric libraries would only reserve memory against its limit.
_ENVIRONMENT = {"LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "OPENCV_FOR_THREADS_NUM": "1",
                "MALLOC_ARENA_MAX": "2"}  # fmt: skip


class _Process:
    def __init__(self, limits: Limits, readable: tuple[str, ...]) -> None:
        self.limits, self.jobs = limits, 0
        self.channel, theirs = socket.socketpair()
        told = [str(theirs.fileno()), json.dumps(asdict(limits)), json.dumps(readable)]
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-m", "yuelu.pipelines.isolation.child", *told],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd=tempfile.gettempdir(),
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C is for whoever waits for the decoder, not for the decoder
            )

    def ask(self, request: dict[str, Any], descriptor: int, limits: Limits) -> Reply:
        self.jobs += 1
        deadline = time.monotonic() + limits.wall_s
        self.channel.settimeout(limits.wall_s)
        send(self.channel, request, descriptor)
        return receive_reply(self.channel, limits.reply_bytes, deadline)

    def end(self) -> int:
        """Kill the process if it still runs; return its exit code."""
        self.channel.close()
        try:
            return self.process.wait(0.2)  # it leaves by itself when its channel closes
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.wait()

    def kill(self) -> None:
        """Kill it, and whatever it may have started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)


class Decoders:
    """Decoding processes for as many threads as ask at once. Close it when done.

    Their file system holds what they run on and the folders `readable`, and nothing they can write to.
    """

    def __init__(self, limits: Limits, readable: tuple[str, ...] = ()) -> None:
        self.limits, self.readable = limits, readable
        self._idle: deque[_Process] = deque()
        self._busy: set[_Process] = set()
        self._closed = False
        self._lock = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return Decoders, (self.limits, self.readable)  # processes do not travel to a Dask worker

    def warm(self, count: int) -> None:
        """Start `count` processes now, so that their start-up overlaps with other work."""
        self._idle.extend(_Process(self.limits, self.readable) for _ in range(count))

    @contextmanager
    def read(self, request: dict[str, Any], descriptor: int) -> Iterator[Reading]:
        """Yield what the reader named in `request` makes of the open file; its parts can be read until the block ends.

        Raises Refused: the reader refused, failed, died or took too long. A death is tried once more in a fresh process,
        since it may have been the fault of an earlier object or of the machine. Raises ServiceUnavailable: closed meanwhile.
        """
        try:
            reply = self._asked(request, descriptor)
        except EOFError:
            try:
                reply = self._asked(request, descriptor, fresh=True)
            except EOFError as death:
                raise Refused(str(death), "look at the object by hand, on a machine that may be lost") from None
        try:
            yield _reading(reply)
        finally:
            os.close(reply.descriptor)

    def _asked(self, request: dict[str, Any], descriptor: int, *, fresh: bool = False) -> Reply:
        limits = limits_for(self.limits, request, descriptor)
        process = self._take(fresh)
        keep = False
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)  # the position is shared with whoever read before
            reply = process.ask(request, descriptor, limits)
            keep = process.jobs < self.limits.jobs and not reply.told.get("exhausted", False)
        except TimeoutError:
            raise Refused(f"decoding took longer than {limits.wall_s:g} s", "cut the object first") from None
        except (EOFError, OSError):
            code = process.end()
            if self._closed:
                raise ServiceUnavailable("the decoders were closed", "start the run again") from None
            if (reason := _out_of_time(code, self.limits, limits)) is not None:  # its own time: nobody else is to blame
                raise Refused(reason, "cut the object first, or have the limit raised") from None
            raise EOFError(_death(code)) from None
        except InvalidRecord as error:
            raise Refused(error.problem, error.hint) from None
        finally:
            self._give_back(process, keep)
        return reply

    def _take(self, fresh: bool) -> _Process:
        with self._lock:
            if self._closed:
                raise ServiceUnavailable("the decoders were closed", "start the run again")
            process = self._idle.popleft() if self._idle and not fresh else None
            if process is None:
                process = _Process(self.limits, self.readable)
            self._busy.add(process)
            return process

    def _give_back(self, process: _Process, keep: bool) -> None:
        with self._lock:
            self._busy.discard(process)
            if keep and not self._closed:
                self._idle.append(process)
                return
        if process.process.poll() is None:
            process.kill()
        process.end()

    def close(self) -> None:
        """End every process, those at work too: whoever waits for one is told that it is over."""
        with self._lock:
            self._closed = True
            for process in self._busy:
                process.kill()
            while self._idle:
                self._idle.pop().end()


def _reading(reply: Reply) -> Reading:
    """Return the reading that the reply tells of. Raises Refused."""
    if "refused" in reply.told:
        raise Refused(clean_text(str(reply.told["refused"])), clean_text(str(reply.told.get("hint", ""))))
    try:
        return from_wire(reply.told, [_part(reply.descriptor, *part) for part in reply.parts])
    except InvalidRecord as error:
        raise Refused(error.problem, error.hint) from None


def _part(descriptor: int, start: int, end: int) -> BinaryIO:
    def fetch(first: int, last: int) -> bytes:
        return os.pread(descriptor, last - first, start + first)

    return cast(BinaryIO, Ranged(fetch, end - start))


def _out_of_time(code: int, step: Limits, whole: Limits) -> str | None:
    """Return what was used up, None where nothing was."""
    if code == -signal.SIGXCPU:
        text = f"decoding used more than {step.cpu_s} s of processor time"
        return text if step.cpu_s == whole.cpu_s else f"{text} without getting on, or {whole.cpu_s} s in all"
    return f"decoding did not get on for {step.wall_s:g} s" if code == -signal.SIGALRM else None


def _death(code: int) -> str:
    if code < 0:
        return f"the decoder died of {signal.Signals(-code).name}"
    return f"the decoder left with exit code {code}"
