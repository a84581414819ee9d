"""When the frames of a video are shown: in the released file, and on the clock of its source."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class VideoClock:
    """What turns frames into times. `times_s`: when the source presents what frame 1, 2, 3… shows; None: not known."""

    rate_hz: float | None = None
    times_s: Sequence[float] | None = None

    def start(self, frame: int) -> float | None:
        """Return when the released file shows that frame, in seconds."""
        return (frame - 1) / self.rate_hz if self.rate_hz else None

    def source_start(self, frame: int) -> float | None:
        """Return when the source presents what that frame shows, in seconds on its own clock."""
        times = self.times_s
        return times[frame - 1] if times is not None and frame <= len(times) else None

    def span(self, first: int, last: int) -> tuple[float, float] | tuple[None, None]:
        """Return start and end in seconds of frames `first` to `last` in the released file."""
        return ((first - 1) / self.rate_hz, last / self.rate_hz) if self.rate_hz else (None, None)

    def source_span(self, first: int, last: int) -> tuple[float, float] | tuple[None, None]:
        """Return start and end in seconds on the source's clock: until it presents the next other picture.

        After the last picture the end is as much later as frames usually are apart.
        """
        times = self.times_s
        if times is None or last > len(times):
            return None, None
        later = next((time for time in times[last:] if time > times[last - 1]), None)
        usual = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
        return times[first - 1], times[last - 1] + usual if later is None else later
