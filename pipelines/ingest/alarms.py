"""Quality alarms: accepted media that somebody should look at before people label them. Hints, not verdicts.

The probes are facts of the labelled asset; an alarm is one probe beyond a limit. The limits are wide on purpose: what they name
is nearly always useless, what they do not name may still be poor.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from yuelu.base.records import Medium


@dataclass(frozen=True, slots=True)
class Limit:
    """A probe, and the values beyond which it is an alarm; None: no limit on that side."""

    probe: str
    below: float | None = None
    above: float | None = None

    def passed(self, value: float) -> bool:
        """Return whether the value is beyond the limit."""
        return (self.below is not None and value < self.below) or (self.above is not None and value > self.above)

    @property
    def text(self) -> str:
        """The limit as a short formula."""
        return f"{self.probe} < {self.below:g}" if self.below is not None else f"{self.probe} > {self.above:g}"


FACE = Limit("face_risk", above=0)  # a fact, no probe: from a volume of the head a face can be rendered
_PICTURE: Mapping[str, Limit] = MappingProxyType(
    {
        "dark": Limit("mean_share", below=0.02),  # of full brightness, on average
        "overexposed": Limit("bright_share", above=0.9),  # of the pixels are at the upper end
        "blurred": Limit("laplacian_variance", below=5),  # photographs have 100 and more, smooth X-rays some tens
    }
)
LIMITS: Mapping[str, Mapping[str, Limit]] = MappingProxyType(
    {
        Medium.IMAGE.value: {**_PICTURE, "face": FACE},
        Medium.VIDEO.value: {
            **_PICTURE,
            "black": Limit("black_share", above=0.5),  # of the frames
            "frozen": Limit("frozen_share", above=0.9),  # of the frames are like the one before
        },
        Medium.AUDIO.value: {
            "clipped": Limit("clipped_share", above=0.001),  # of the samples: 16 in a second of telephone sound
            "silent": Limit("silent_share", above=0.95),
        },
        Medium.TIMESERIES.value: {},
    }
)


def alarms(medium: str, probes: Any) -> Iterator[str]:
    """Yield the names of the alarms that an asset's probes set off; what was not probed sets off none."""
    if not isinstance(probes, Mapping):
        return
    for name, limit in LIMITS.get(medium, {}).items():
        value = probes.get(limit.probe)
        if isinstance(value, int | float) and limit.passed(value):
            yield name
