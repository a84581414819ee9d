"""Impossible times: what the browser reports adds up to more than the server's clock let pass."""

from collections.abc import Mapping
from dataclasses import dataclass

from yuelu.quality.signals.record import Looked, looked

KIND = "clock"
SLACK_S = 60.0  # between two clocks
_MEANING = "reported time, as a share of the time that passed by the server's clock while the packets were open"
_REASON = "nothing says by the server's clock how long anybody had"


@dataclass(frozen=True, slots=True)
class Passed:
    """One annotator's answers: the time they reported, the time that passed while they had the tasks, and how many they are."""

    reported_s: float
    passed_s: float
    answers: int


def clock(times: Mapping[str, Passed]) -> Looked:
    """Return whose reported times are impossible: who has one task open at a time cannot work longer than the clock goes.

    It is no matter of chance, so the p-value is 0 or 1. Several tasks open at once look like this, too.
    """
    known = {who: each for who, each in sorted(times.items()) if each.passed_s > 0}
    rows = [
        ((who,), each.reported_s / each.passed_s, 1.0, each.answers, float(each.reported_s <= each.passed_s + SLACK_S))
        for who, each in known.items()
    ]
    return looked(KIND, rows, _MEANING, _REASON)
