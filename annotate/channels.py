"""The label configuration of time series as a server gets it: with a plot for each channel.

Label Studio 1.23.2 wants every channel named in the configuration, stops with an error at one that a series has not, and
leaves out what is not named; and a server project has one configuration. So a project's series have equally many channels,
and what these are called is shown where all series agree.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import quoteattr

from yuelu.annotate.templates import CHANNEL, Template
from yuelu.base.errors import InvalidRecord

_CHANNEL = re.compile(rf"[ \t]*<{CHANNEL}\b[^>]*/>\n?")
_COLUMN = re.compile(r'\bcolumn="[^"]*"')


@dataclass(frozen=True, slots=True)
class Plot:
    """What stands beside a channel's curve."""

    legend: str
    units: str = ""


def plots_of(series: Sequence[Sequence[Plot]]) -> tuple[Plot, ...]:
    """Return the plots that show all of `series`, each given by its channels. A name they do not share is a number.

    Raises InvalidRecord: their numbers of channels differ.
    """
    counts = sorted({len(each) for each in series})
    if len(counts) != 1:
        raise InvalidRecord(
            f"the series of one project have {' and '.join(map(str, counts)) or 'no'} channels",
            "ingest series of different machines into collections of their own, and make a project for each",
        )
    return tuple(
        same[0] if len(set(same)) == 1 else Plot(f"{number}") for number, same in enumerate(zip(*series, strict=True), 1)
    )


def with_plots(template: Template, plots: Sequence[Plot]) -> str:
    """Return the template's configuration with its one channel repeated for each of `plots`."""
    (pattern,) = _CHANNEL.findall(template.config)
    told = (_told(pattern, number, plot) for number, plot in enumerate(plots))
    return _CHANNEL.sub(lambda _: "".join(told), template.config)


def _told(pattern: str, number: int, plot: Plot) -> str:
    named = f'column="ch{number}" legend={quoteattr(plot.legend)} units={quoteattr(plot.units)}'
    return _COLUMN.sub(lambda _: named, pattern)


def same_questions(config: str, other: str) -> bool:
    """Return whether two configurations ask the same of equally many channels, whatever these are called."""
    return _CHANNEL.sub("<channel/>", config).strip() == _CHANNEL.sub("<channel/>", other).strip()
