"""yuelu lot: acceptance sampling of lots, GB/T 2828.1 (ISO 2859-1), and exact plans for a single lot."""

import csv
import sys
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.commands.lot_work import COMMANDS
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.quality.lots.curve import Point

_LEVELS = ("S-1", "S-2", "S-3", "S-4", "I", "II", "III")
_STATES = ("normal", "tightened", "reduced")
_COUNTING = ("items", "nonconformities")


@click.group()
def lot() -> None:
    """Inspect lots by samples: how many items to draw, which, and how many may fail (GB/T 2828.1, ISO 2859-1)."""


@lot.command()
@click.option("--size", type=click.IntRange(min=2), required=True, help="How many items the lot holds.")
@click.option("--aql", type=float, help="Acceptance quality limit: percent nonconforming, or nonconformities per 100 items.")
@click.option("--limit", type=float, help="Limiting quality of this one lot, in percent: 2 for a contract that says 98 % pass.")
@click.option("--level", type=click.Choice(_LEVELS), default="II", show_default=True, help="Inspection level.")
@click.option("--state", type=click.Choice(_STATES), default="normal", show_default=True, help="State of inspection.")
@click.option("--count", "counting", type=click.Choice(_COUNTING), default="items", show_default=True, help="What is counted.")
@json_option
@click.pass_obj
def plan(settings: Settings, /, size: int, aql: float | None, limit: float | None, as_json: bool, **how: Any) -> None:
    """Print the sampling plan of a lot: by --aql for a series of lots, by --limit for the promise made of one lot."""
    if (aql is None) == (limit is None):
        raise click.UsageError("give one of --aql and --limit")
    if aql is None:
        _limiting(size, float(limit or 0), settings.language, as_json)
        return
    from yuelu.quality.lots.curve import upper_bound
    from yuelu.quality.lots.plans import lot_plan
    from yuelu.quality.lots.switching import one_step_tighter

    found = lot_plan(size, aql, **how)
    chosen, tighter = found.plan, one_step_tighter(found.plan)
    told = {"letter": chosen.letter, "code": chosen.code, "n": found.n, "ac": chosen.ac, "re": chosen.re, "state": chosen.state}
    bound = upper_bound(found.n, chosen.ac, counting=how["counting"])
    if as_json:
        curve = [{"p": point.p, "accepted": point.accepted} for point in found.curve]
        print_json(
            {**told, "tighter_ac": tighter and tighter.ac, "upper_bound": bound, "curve": curve, "notes": list(found.notes)}
        )
        return
    what = "draw {n} of {size} items (code letter {code}); accept with {ac} or fewer that fail"
    click.echo(say(settings.language, what, n=found.n, size=size, code=chosen.code, ac=chosen.ac))
    told_bound = "just accepted, up to {bound} of the items may fail (95 % bound, Clopper-Pearson)"
    click.echo(say(settings.language, told_bound, bound=f"{bound:.2%}"))
    for note in found.notes:
        click.echo(say(settings.language, note))
    _print_curve(found.curve, settings.language, how["counting"])


@lot.command()
@json_option
def tables(as_json: bool) -> None:
    """Print the master tables of single sampling as CSV, for comparison with the standard."""
    from yuelu.quality.lots.tables import STATES, master_table

    names = ("state", "letter", "aql", "code", "n", "ac", "re")
    plans = [{name: getattr(one, name) for name in names} for state in STATES for one in master_table(state)]
    if as_json:
        print_json(plans)
        return
    out = csv.DictWriter(sys.stdout, names, lineterminator="\n")
    out.writeheader()
    out.writerows({**plan, "aql": f"{plan['aql']:g}"} for plan in plans)


def _limiting(size: int, limit: float, language: str, as_json: bool) -> None:
    from yuelu.base.errors import Misconfigured
    from yuelu.quality.lots.curve import limiting_quality_plans, operating_characteristic, quality_at, upper_bound

    plans = limiting_quality_plans(size, limit / 100)
    if not plans:
        raise Misconfigured(f"no sample of {size} items shows {limit:g} %", "inspect every item")
    rows = [{"n": n, "ac": ac, "p95": quality_at(n, ac, 0.95), "upper_bound": upper_bound(n, ac)} for n, ac in plans]
    if as_json:
        print_json({"limit": limit / 100, "risk": 0.10, "plans": rows})
        return
    what = "plans that let a lot with {limit} % failing pass no more often than one time in ten:"
    click.echo(say(language, what, limit=f"{limit:g}"))
    shown = [(row["n"], row["ac"], f"{row['p95']:.2%}", f"{row['upper_bound']:.2%}") for row in rows]
    heads = ("draw", "accept with up to", "passes 95 % of lots at", "95 % bound if just accepted")
    table("", [say(language, head) for head in heads], shown)
    _print_curve(operating_characteristic(*plans[0]), language, "items")


def _print_curve(curve: "tuple[Point, ...]", language: str, counting: str) -> None:
    heads = ("failing items" if counting == "items" else "failures per item", "lots accepted")
    rows = [(f"{point.p:.2%}", f"{point.accepted:.0%}") for point in curve]
    table(say(language, "operating characteristic"), [say(language, head) for head in heads], rows)


for _command in COMMANDS:  # those that work on a workspace
    lot.add_command(_command)
