"""Following: sync again and again, at an interval or when a server calls, until it is told to stop."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from yuelu.base.errors import Interrupted, ServiceUnavailable, YueluError
from yuelu.base.progress import Progress
from yuelu.pipelines.sync import SiteReport

_GAP_S = 1.0  # between two polls, however often servers call


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to poll, and how often to compare everything instead of only what changed; in seconds."""

    interval_s: float = 30.0
    full_s: float = 3600.0


class Signals:
    """What may end a wait: a call of a server, or the wish to stop. Both may come from other threads and signal handlers."""

    def __init__(self) -> None:
        self._event, self._stopped = threading.Event(), False

    @property
    def stopped(self) -> bool:
        """Whether it is time to stop."""
        return self._stopped

    def wake(self) -> None:
        """End the present wait; ten calls in a row are as good as one."""
        self._event.set()

    def stop(self) -> None:
        """Ask for the end."""
        self._stopped = True
        self._event.set()

    def wait(self, timeout_s: float) -> None:
        """Return when somebody called, or after so many seconds."""
        self._event.wait(timeout_s)
        self._event.clear()

    def check(self, progress: Progress) -> Progress:
        """Return that progress, which raises Interrupted at the next step once it is time to stop."""

        def stoppable(done: int, total: int) -> None:
            if self._stopped:
                raise Interrupted("the sync was stopped", "what was read is written; the next sync goes on from there")
            progress(done, total)

        return stoppable


def follow(
    once: Callable[[bool], Sequence[SiteReport]],
    told: Callable[[Sequence[SiteReport]], None],
    troubled: Callable[[YueluError], None],
    signals: Signals,
    pace: Pace,
    *,
    clock: Callable[[], float] = time.monotonic,
    gap_s: float = _GAP_S,
) -> int:
    """Call `once` until `signals` says stop; return how often. Its argument says whether to compare everything.

    `told` hears every report. A ledger that is away is told to `troubled` and tried again; other errors of `once` are raised.
    """
    rounds, compared = 0, clock()
    while not signals.stopped:
        began = clock()
        full = rounds > 0 and began - compared >= pace.full_s
        try:
            told(once(full))
        except ServiceUnavailable as error:
            troubled(error)
        except Interrupted:
            break
        else:
            compared = began if full or rounds == 0 else compared
        rounds += 1
        signals.wait(pace.interval_s)
        if not signals.stopped and gap_s:
            time.sleep(max(0.0, gap_s - (clock() - began)))
    return rounds
