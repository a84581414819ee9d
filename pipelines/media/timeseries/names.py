"""Which names mean the time, and in what unit. Pure."""

import re

_TIME = re.compile(
    r"(elapsed|relative|sample|sampling|measurement)?[ _]?"
    r"(times?|time[ _]?stamps?|date[ _/]?time|date|t|secs?|seconds?|epoch|zeit|zeitstempel|datum|uhrzeit|"
    r"时间|时间戳|日期|日期时间|采样时间|采集时间)([ _](?P<unit>s|sec|ms|us|ns|min|h|utc|unix|epoch|iso))?",
    re.IGNORECASE,
)


def names_time(name: str) -> bool:
    """Return whether a column or variable of that name holds the time."""
    return _TIME.fullmatch(name.strip()) is not None


def unit_in(name: str) -> str | None:
    """Return the unit that a name such as `time_ms` ends in."""
    found = _TIME.fullmatch(name.strip())
    return None if found is None else found["unit"]
