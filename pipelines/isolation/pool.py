"""A few long-lived decoding processes, replaced when they die, hang or have done their share."""

import os
import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, BinaryIO, cast

from yuelu.base.errors import InvalidRecord, ServiceUnavailable
from yuelu.base.store.ranged import Ranged
from yuelu.pipelines.isolation.allowance import limits_for
from yuelu.pipelines.isolation.frames import Reply
from yuelu.pipelines.isolation.launcher import Decoder, Launcher
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Reading, Refused, clean_text, from_wire


class Decoders:
    """Decoding processes for as many threads as ask at once. Close it when done.

    Their file system holds what they run on and the folders `readable`, and nothing they can write to.
    """

    def __init__(self, limits: Limits, readable: tuple[str, ...] = ()) -> None:
        self.limits, self.readable = limits, readable
        self._idle: deque[Decoder] = deque()
        self._launcher = Launcher()
        self._closed = False
        self._lock = Lock()

    def __reduce__(self) -> tuple[object, ...]:
        return Decoders, (self.limits, self.readable)  # processes do not travel to a Dask worker

    def warm(self) -> None:
        """Start what the processes are forked from, so that this overlaps with other work."""
        self._launcher.warm()

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
        limits, reader = limits_for(self.limits, request, descriptor), request["reader"].rpartition(":")[0]
        decoder = self._taken("" if reader.endswith(".py") else reader, fresh=fresh)
        keep = False
        try:
            os.lseek(descriptor, 0, os.SEEK_SET)  # the position is shared with whoever read before
            reply = decoder.ask(request, descriptor, limits)
            keep = decoder.jobs < self.limits.jobs and not reply.told.get("exhausted", False)
        except TimeoutError:
            raise Refused(f"decoding took longer than {limits.wall_s:g} s", "cut the object first") from None
        except (EOFError, OSError):
            code = decoder.end()
            if self._closed:
                raise ServiceUnavailable("the decoders were closed", "start the run again") from None
            if (reason := _out_of_time(code, self.limits, limits)) is not None:  # its own time: nobody else is to blame
                raise Refused(reason, "cut the object first, or have the limit raised") from None
            raise EOFError(_death(code)) from None
        except InvalidRecord as error:
            raise Refused(error.problem, error.hint) from None
        finally:
            self._give_back(decoder, keep)
        return reply

    def _taken(self, reader: str, *, fresh: bool) -> Decoder:
        """Return a process that has imported the reader: to fork another is faster than to import it there."""
        with self._lock:
            idle = None if fresh else next((one for one in self._idle if not reader or reader in one.imported), None)
            if idle is not None:
                self._idle.remove(idle)
                return idle
            replaced = self._idle.popleft() if self._idle else None
        if replaced is not None:
            replaced.end(0)
        return self._launcher.start(reader, self.limits, self.readable)

    def _give_back(self, decoder: Decoder, keep: bool) -> None:
        with self._lock:
            if keep and not self._closed:
                self._idle.append(decoder)
                return
        decoder.end(0)

    def close(self) -> None:
        """End every process, those at work too: whoever waits for one is told that it is over."""
        with self._lock:
            self._closed = True
            idle = tuple(self._idle)
            self._idle.clear()
        self._launcher.close()
        for decoder in idle:
            decoder.end(0)


def _reading(reply: Reply) -> Reading:
    """Return the reading that the reply tells of. Raises Refused."""
    if "refused" in reply.told:
        raise Refused(clean_text(str(reply.told["refused"])), clean_text(str(reply.told.get("hint", ""))))
    try:
        return from_wire(reply.told, [cast(BinaryIO, _Part(reply.descriptor, *part)) for part in reply.parts])
    except InvalidRecord as error:
        raise Refused(error.problem, error.hint) from None


class _Part(Ranged):
    """A part of a reply: bytes start..end-1 of its file."""

    def __init__(self, descriptor: int, start: int, end: int) -> None:
        super().__init__(lambda first, last: os.pread(descriptor, last - first, start + first), end - start)
        self._descriptor, self._start = descriptor, start

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as there is something; return how far. Nothing is copied twice."""
        wanted = memoryview(buffer)[: max(0, self.size - self.at)]
        size = os.preadv(self._descriptor, [wanted], self._start + self.at)
        self.at += size
        return size


def _out_of_time(code: int | None, step: Limits, whole: Limits) -> str | None:
    """Return what was used up, None where nothing was."""
    if code == -signal.SIGXCPU:
        text = f"decoding used more than {step.cpu_s} s of processor time"
        return text if step.cpu_s == whole.cpu_s else f"{text} without getting on, or {whole.cpu_s} s in all"
    return f"decoding did not get on for {step.wall_s:g} s" if code == -signal.SIGALRM else None


def _death(code: int | None) -> str:
    if code is None:
        return "the decoder died"
    if code < 0:
        return f"the decoder died of {signal.Signals(-code).name}"
    return f"the decoder left with exit code {code}"
