"""How long a decoding process may take for one object: so long without getting on, and so long in all."""

import math
import os
import resource
import signal
import time
from collections.abc import Mapping
from typing import Any

from yuelu.pipelines.media.limits import Limits

_LOOK_S = 1.0
_SPARE_S = 5  # of wall time: whoever waits for the process ends it first


def limits_for(limits: Limits, request: Mapping[str, Any], descriptor: int) -> Limits:
    """Return the limits of one request: what plays for hours, or is very large, may honestly cost more."""
    size = os.fstat(descriptor).st_size
    return limits.for_film(size) if request["demuxer"] else limits.for_object(size)


class Allowance:
    """The time that this process has for an object. Where it is used up, the kernel ends the process."""

    def __init__(self, step: Limits, whole: Limits) -> None:
        self._step, self._looked = step, -math.inf
        self._last_cpu_s, self._last_s = _used_s() + whole.cpu_s, time.monotonic() + whole.wall_s
        self.get_on()

    def get_on(self) -> None:
        """Give time for the next step, as far as there is any left."""
        now = time.monotonic()
        if now - self._looked < _LOOK_S:
            return
        self._looked = now
        allowed = min(self._last_cpu_s, _used_s() + self._step.cpu_s)
        resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(allowed), resource.RLIM_INFINITY))
        # This ends the process even when nobody is left to do it.
        signal.alarm(math.ceil(max(0.0, min(self._last_s - now, self._step.wall_s))) + _SPARE_S)


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
