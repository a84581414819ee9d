"""What the options of `yuelu agreement` ask for."""

from collections.abc import Sequence
from pathlib import Path

import click

from yuelu.console.agreement.measure import Options, read_companies


def options_of(
    level: str | None,
    orders: Sequence[str],
    groups: Path | None,
    models: Sequence[str],
    spacing_mm: str | None,
    *,
    gamma: bool,
    export: bool,
) -> Options:
    """Return the options as they were given. Raises click.UsageError: an order or a spacing that cannot be meant."""
    return Options(
        level,
        dict(_order(each, export=export) for each in orders),
        {} if groups is None else read_companies(groups),
        frozenset(models),
        None if spacing_mm is None else _spacing(spacing_mm),
        gamma,
    )


def _order(text: str, *, export: bool) -> tuple[str, tuple[str, ...] | None]:
    control, equals, labels = text.partition("=") if export else ("label", "=", text)
    names = tuple(each.strip() for each in labels.split(",")) if equals else None
    if names is not None and (len(names) < 2 or "" in names or len(set(names)) < len(names)):
        raise click.UsageError(f"--order {text}: name two labels or more, each once, from low to high")
    return control, names


def _spacing(text: str) -> tuple[float, float, float]:
    try:
        sizes = [float(each) for each in text.split(",")]
    except ValueError:
        sizes = []
    if len(sizes) != 3 or not all(0 < each < float("inf") for each in sizes):
        raise click.UsageError(f"--spacing-mm {text}: give three sizes in mm, slice, row and column: 5,0.7,0.7")
    return sizes[0], sizes[1], sizes[2]
