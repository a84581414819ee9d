"""yuelu review, gold: settling what annotators and rework did not settle, and keeping known answers."""

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# `quality.adjudication.CODES`, which a test holds this to: importing that takes longer than help may.
_CODES = ("wrong-label", "missed", "spurious", "geometry", "boundary", "guideline", "ambiguous", "medium", "technical", "other")
_reviewer = click.option("--reviewer", required=True, help="Who looks; never somebody who answered the task.")


@click.group()
def review() -> None:
    """Settle tasks that rework did not settle, and correct what was accepted."""


@review.command("list")
@click.option("--project", help="Only this project's.")
@json_option
@click.pass_obj
def list_(settings: Settings, project: str | None, as_json: bool) -> None:
    """List the tasks in review, with the rule that they failed; first those where a look is expected to gain most."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.adjudicate import waiting

    with open_workspace(settings).ledger.reading() as session:
        rows = [asdict(task) for task in waiting(session, project)]
    columns = ("project", "item_key", "round", "gain", "answers", "rule", "reviewer")
    print_json(rows) if as_json else table("", columns, [[row[name] for name in columns] for row in rows], long=("rule",))


@review.command()
@_reviewer
@click.option("--project", help="Only from this project.")
@click.option("--blind", is_flag=True, help="Without the answers of the annotators.")
@json_option
@click.pass_obj
def take(settings: Settings, reviewer: str, project: str | None, blind: bool, as_json: bool) -> None:
    """Take the next task in review, or show the one that the reviewer has."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.adjudicate import take as run

    mode: Literal["blind", "open"] = "blind" if blind else "open"
    taken = run(open_workspace(settings), reviewer, mode, project)
    if as_json:
        print_json(None if taken is None else asdict(taken))
    elif taken is None:
        click.echo(say(settings.language, "nothing waits that {reviewer} may judge", reviewer=reviewer))
    else:
        click.echo(f"{taken.item_key} ({taken.project}, {say(settings.language, taken.mode)})")


@review.command("return")
@click.argument("item_key")
@_reviewer
@json_option
@click.pass_obj
def return_(settings: Settings, item_key: str, reviewer: str, as_json: bool) -> None:
    """Give a task back that the reviewer took."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.adjudicate import give_back

    give_back(open_workspace(settings), item_key, reviewer)
    print_json({"item_key": item_key}) if as_json else click.echo(say(settings.language, "given back"))


@review.command()
@click.argument("item_key")
@click.option(
    "--regions", type=_FILE, required=True, help="The answer: JSON, a list of regions as 'yuelu review show' prints them."
)
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--reason", required=True, help="Why.")
@click.option("--code", type=click.Choice(_CODES), help="Why it was disputed.")
@json_option
@click.pass_obj
def settle(settings: Settings, item_key: str, regions: Path, owner: str, reason: str, code: str | None, as_json: bool) -> None:
    """Record a curator's answer to a task; it stands above the consensus, and a task in review is accepted by it."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.tasks import read_regions
    from yuelu.pipelines.adjudicate import settle as run

    new = run(open_workspace(settings), item_key, read_regions(regions), owner=owner, reason=reason, code=code)
    print_json({"item_key": item_key, "new": new}) if as_json else click.echo("recorded" if new else "was recorded before")


@review.command()
@click.argument("item_key")
@json_option
@click.pass_obj
def show(settings: Settings, item_key: str, as_json: bool) -> None:
    """Show a task's answers, consensus, decisions and corrections; of a task taken blind only what is to be labelled."""
    from yuelu.console.tasks import task_file

    print_json(task_file(settings, item_key))  # nested: JSON is the readable form


@click.group()
def gold() -> None:
    """Tasks whose right answer is known: outcomes of reviews, once a second person approves them."""


@gold.command("list")
@json_option
@click.pass_obj
def list_gold(settings: Settings, as_json: bool) -> None:
    """List candidates and gold."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.settled import gold_rows

    with open_workspace(settings).ledger.reading() as session:
        rows = gold_rows(session)
    names = ("item_key", "state", "proposed_by", "decided_by", "reason")
    print_json(rows) if as_json else table("", names, [[row[name] for name in names] for row in rows], long=("reason",))


@gold.command()
@click.argument("item_key")
@click.option("--owner", required=True, help="Who approves it; never the one who found it.")
@click.option("--reason", required=True, help="Why.")
@json_option
@click.pass_obj
def approve(settings: Settings, item_key: str, owner: str, reason: str, as_json: bool) -> None:
    """Make a candidate gold: annotators are measured by it."""
    _judge(settings, (item_key, "gold"), owner, reason, as_json)


@gold.command()
@click.argument("item_key")
@click.option("--owner", required=True, help="Who dismisses it.")
@click.option("--reason", required=True, help="Why.")
@json_option
@click.pass_obj
def dismiss(settings: Settings, item_key: str, owner: str, reason: str, as_json: bool) -> None:
    """Dismiss a candidate, or gold that was wrong after all."""
    _judge(settings, (item_key, "dismissed"), owner, reason, as_json)


def _judge(settings: Settings, what: tuple[str, str], owner: str, reason: str, as_json: bool) -> None:
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.adjudicate import judge_gold

    judge_gold(open_workspace(settings), *what, owner=owner, reason=reason)
    print_json({"item_key": what[0], "state": what[1]}) if as_json else click.echo(say(settings.language, what[1]))
