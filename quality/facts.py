"""Facts about a batch that a gate reads beside its scores: what was counted, and the bounds of what was only sampled."""

from dataclasses import dataclass

from scipy.stats import beta

from yuelu.base.errors import InvalidRecord


@dataclass(frozen=True, slots=True)
class Fact:
    """What one check found. `value` is None when there is nothing to tell, and then `reason` says why.

    `low` and `high` are 95 % bounds where `value` is an estimate, and `value` itself where everything was counted.
    `control` and `label` are "" where the fact is about the whole batch; `count` is how many it is made of.
    """

    check: str
    value: float | None
    low: float | None
    high: float | None
    count: int
    reason: str | None = None
    control: str = ""
    label: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != (self.reason is not None):
            raise InvalidRecord(f"{self.check}: value {self.value} with reason {self.reason!r}", "None and a reason go together")


def unknown(check: str, reason: str, **where: str) -> Fact:
    """Return a fact without a value."""
    return Fact(check, None, None, None, 0, reason, **where)


def counted(check: str, part: float, whole: int, reason: str, **where: str) -> Fact:
    """Return the share of `part` in `whole`, all of which was looked at; `reason` is why there is none when `whole` is 0."""
    if whole == 0:
        return unknown(check, reason, **where)
    return Fact(check, part / whole, part / whole, part / whole, whole, **where)


def number(check: str, value: int) -> Fact:
    """Return a plain count."""
    return Fact(check, value, value, value, value)


def sampled(check: str, part: int, whole: int, reason: str, **where: str) -> Fact:
    """Return the share of `part` in a sample of `whole`, with its two-sided 95 % bounds (Clopper-Pearson, 1934)."""
    if whole == 0:
        return unknown(check, reason, **where)
    low = 0.0 if part == 0 else float(beta.ppf(0.025, part, whole - part + 1))
    high = 1.0 if part == whole else float(beta.ppf(0.975, part + 1, whole - part))
    return Fact(check, part / whole, low, high, whole, **where)
