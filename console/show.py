"""Putting results before people: progress bars, tables, or JSON. Rich is imported when something is shown, not before."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from yuelu.base import progress

if TYPE_CHECKING:
    from rich.console import Console

_PIPE = 10_000  # columns: a table that nobody's screen limits is as wide as it is
_Function = TypeVar("_Function", bound=Callable[..., Any])


def json_option(command: _Function) -> _Function:
    """Give a command the option --json, passed on as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def limit_option(command: _Function) -> _Function:
    """Give a command the option --limit, passed on as `limit`: texts for `limits_of`."""
    text = "Allow another cost, such as seconds=28800 for films of 8 hours; may be repeated. Several: YUELU_LIMITS."
    return click.option("--limit", multiple=True, metavar="NAME=VALUE", envvar="YUELU_LIMITS", help=text)(command)


def computing_options(command: _Function) -> _Function:
    """Give a command the options --scheduler and --workers (None: not said), for `pipelines.computing`."""
    text = "Compare answers on this Dask cluster (tcp://...), which sees the same folders."
    more = "Compare answers with so many workers here. What is found does not depend on it."
    command = click.option("--workers", type=click.IntRange(min=1), help=more)(command)
    return click.option("--scheduler", metavar="ADDRESS", help=text)(command)


def console() -> "Console":
    """Return the console that people read; colours only where a terminal shows them, and no line is broken for a pipe."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else _PIPE)


def print_json(value: object) -> None:
    """Print `value` as JSON on standard output."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, long: Sequence[str] = ()) -> None:
    """Print rows under a title; None is shown as a dash.

    `long` names the columns that give way on a narrow screen: the words of all others stay whole. Empty: any may.
    """
    from rich.table import Table
    from rich.text import Text

    heads = any(columns)
    shown = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold", show_header=heads)
    for column in columns:
        number = bool(rows) and all(isinstance(row[columns.index(column)], int | float) for row in rows)
        kept = bool(long) and column not in long
        shown.add_column(column, overflow="fold", no_wrap=kept, justify="right" if number else "left")
    for row in rows:
        # As Text: what looks like markup is part of a file's name.
        shown.add_row(
            *(Text("-" if cell is None else f"{cell:.3f}" if isinstance(cell, float) else _plain(cell)) for cell in row)
        )
    console().print(shown)


def _plain(cell: object) -> str:
    """Return the text without what would move the cursor or colour the screen: names of files may hold anything."""
    if cell is None or isinstance(cell, float):
        return "-" if cell is None else f"{cell:.3f}"
    return "".join(character if character.isprintable() else "\ufffd" for character in str(cell))


def size(count: float) -> str:
    """Return a number of bytes as people read it: 999 B, 1.2 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


@contextmanager
def bar(label: str, *, quiet: bool = False) -> Iterator[progress.Progress]:
    """Yield a progress function that draws a bar on standard error while the block runs; silent when nobody looks."""
    if quiet or not sys.stderr.isatty():
        yield progress.silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)
