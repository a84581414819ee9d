"""yuelu lot list, draw, show, record, decide, rework, standing, resume: the inspection of lots in a workspace."""

import csv
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say, say_reason

if TYPE_CHECKING:
    from yuelu.pipelines.lots.inspect import Decided, Record
    from yuelu.quality.lots.classes import Terms
    from yuelu.quality.lots.switching import Standing

_CLASSES = ("critical", "major", "minor")
_LEVELS = ("S-1", "S-2", "S-3", "S-4", "I", "II", "III")
_COUNTING = ("items", "nonconformities")
_by = click.option("--by", "actor", required=True, metavar="NAME", help="Who does it; stands in the log.")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def terms_of(aql: Sequence[str], limit: Sequence[str], ac: int) -> "tuple[Terms, ...]":
    """Return the terms of each class from texts such as 1.0, minor=4.0 and critical=all. Raises click.BadParameter."""
    from yuelu.quality.lots.classes import Terms

    found = [Terms(*_term(text, "aql")) for text in aql if not text.endswith("=all")]
    found += [Terms(text.removesuffix("=all"), whole=True) for text in aql if text.endswith("=all")]
    for text in limit:
        name, percent = _term(text, "limit")
        found.append(Terms(name, limit=percent, ac=ac))
    if not found:
        raise click.UsageError("give --aql or --limit, such as --aql critical=all --aql major=1.0 --aql minor=4.0")
    return tuple(sorted(found, key=lambda terms: _CLASSES.index(terms.defect)))


def _term(text: str, option: str) -> tuple[str, float]:
    name, _, number = text.rpartition("=")
    try:
        return name or "major", float(number)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not CLASS=PERCENT", param_hint=f"--{option}") from None


@click.command("list")
@json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """List the lots: what was offered, drawn and decided."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.lots import lots

    with open_workspace(settings).ledger.reading() as session:
        rows = lots(session)
    names = ("lot", "project", "company", "work", "number", "size", "drawn", "inspected", "state", "outcome")
    print_json(rows) if as_json else table("", names, [[row[name] for name in names] for row in rows], long=("work", "project"))


@click.command()
@click.argument("batch")
@click.option("--company", help="Whose work. [default: the only company of the batch]")
@click.option(
    "--aql", multiple=True, metavar="[CLASS=]PERCENT", help="AQL of a class, or CLASS=all: every item. May be repeated."
)
@click.option("--limit", multiple=True, metavar="[CLASS=]PERCENT", help="Limiting quality of this one lot, instead of an AQL.")
@click.option("--ac", type=click.IntRange(0), default=0, show_default=True, help="Acceptance number of the plan for --limit.")
@click.option("--level", type=click.Choice(_LEVELS), default="II", show_default=True, help="Inspection level.")
@click.option("--count", "counting", type=click.Choice(_COUNTING), default="items", show_default=True, help="What is counted.")
@click.option("--seed", help="Where the draw begins; from the other side, after the list is frozen. [default: random]")
@click.option("--again", default="", metavar="REASON", help="Draw a lot that waits for its decision again; the reason stands.")
@_by
@json_option
@click.pass_obj
def draw(
    settings: Settings,
    batch: str,
    company: str | None,
    aql: tuple[str, ...],
    limit: tuple[str, ...],
    ac: int,
    level: str,
    counting: Any,
    seed: str | None,
    again: str,
    actor: str,
    as_json: bool,
) -> None:
    """Freeze what a company offers of BATCH (a project, PROJECT/NUMBER, or an id), and draw the items to inspect."""
    import secrets

    from yuelu.base.workspace import open_workspace
    from yuelu.console.lots import one_lot
    from yuelu.pipelines.lots import inspect

    workspace = open_workspace(settings)
    contract = inspect.Contract(terms_of(aql, limit, ac), level, counting)
    drawn = inspect.draw(
        workspace, batch, contract, seed=seed or secrets.token_hex(16), actor=actor, company=company, again=again
    )
    with workspace.ledger.reading() as session:
        found = one_lot(session, drawn.id)
    print_json(found) if as_json else _print_lot(found, settings.language)


@click.command()
@click.argument("lot")
@json_option
@click.pass_obj
def show(settings: Settings, lot: str, as_json: bool) -> None:
    """Show a lot: its plans, the seed and the hash of its list, the drawn items and how they were found."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.lots import one_lot

    with open_workspace(settings).ledger.reading() as session:
        found = one_lot(session, lot)
    print_json(found) if as_json else _print_lot(found, settings.language)


@click.command()
@click.argument("lot")
@click.argument("item", required=False)
@click.option("--critical", type=click.IntRange(0), default=0, help="How many critical nonconformities the item has.")
@click.option("--major", type=click.IntRange(0), default=0, help="How many major ones.")
@click.option("--minor", type=click.IntRange(0), default=0, help="How many minor ones.")
@click.option("--code", "codes", multiple=True, help="Why, as a reason code; may be repeated.")
@click.option("--comment", default="", help="What the reviewer says.")
@click.option("--file", "path", type=_FILE, help="Many items at once: CSV with item, and critical, major, minor, codes, comment.")
@_by
@json_option
@click.pass_obj
def record(
    settings: Settings,
    /,
    lot: str,
    item: str | None,
    codes: tuple[str, ...],
    comment: str,
    path: Path | None,
    actor: str,
    as_json: bool,
    **counts: int,
) -> None:
    """Write down how a drawn ITEM was found; without counts it conforms. The reviewer never worked on the item."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.lots.inspect import Record, inspect

    if (item is None) == (path is None):
        raise click.UsageError("give one of ITEM and --file FILE")
    records = [Record(str(item), actor, counts, codes, comment)] if path is None else _read_records(path, actor)
    new = inspect(open_workspace(settings), lot, records, actor=actor)
    told = say(settings.language, "{new} of {count} records are new", new=new, count=len(records))
    print_json({"new": new, "records": len(records)}) if as_json else click.echo(told)


def _read_records(path: Path, reviewer: str) -> "list[Record]":
    from yuelu.base.errors import InvalidRecord
    from yuelu.pipelines.lots.inspect import Record

    known = {"item", "codes", "comment", *_CLASSES}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        if "item" not in (rows.fieldnames or ()) or not set(rows.fieldnames or ()) <= known:
            raise InvalidRecord(
                f"{path.name} has columns {', '.join(rows.fieldnames or ())}", f"columns: {', '.join(sorted(known))}"
            )
        found = []
        for number, row in enumerate(rows, 2):
            try:
                counts = {name: int(row.get(name) or 0) for name in _CLASSES}
            except ValueError:
                raise InvalidRecord(f"{path.name}: line {number} has a count that is no number", "write 0, 1, 2, ...") from None
            found.append(Record(row["item"], reviewer, counts, tuple((row.get("codes") or "").split()), row.get("comment") or ""))
    return found


@click.command()
@click.argument("lot")
@click.option("--steady", is_flag=True, help="Production is at a steady rate: one of two conditions of reduced inspection.")
@click.option("--approve", "approved", is_flag=True, help="The authority wants reduced inspection: the other condition.")
@_by
@json_option
@click.pass_obj
def decide(settings: Settings, lot: str, steady: bool, approved: bool, actor: str, as_json: bool) -> None:
    """Accept a lot, or not, by the records of its drawn items. Exit code 3: not accepted."""
    from yuelu.base.errors import GateNotPassed
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.lots.inspect import decide as run

    decided = run(open_workspace(settings), lot, actor=actor, steady=steady, approved=approved)
    print_json(decided.to_json()) if as_json else _print_decided(decided, settings.language)
    if not decided.accepted:
        click.get_current_context().exit(GateNotPassed.exit_code)


@click.command()
@click.argument("lot")
@click.option("--reason", required=True, help="Why; it stands in the log.")
@_by
@json_option
@click.pass_obj
def rework(settings: Settings, lot: str, reason: str, actor: str, as_json: bool) -> None:
    """Send all tasks of a lot that was not accepted back to its annotators."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.lots.inspect import send_back

    sent = send_back(open_workspace(settings), lot, reason, actor=actor)
    print_json({"sent": sent}) if as_json else click.echo(say(settings.language, "{count} tasks sent back", count=sent))


@click.command()
@json_option
@click.pass_obj
def standing(settings: Settings, as_json: bool) -> None:
    """Show where the switching rules stand, read again from the first lot. Exit code 4: that is not what is stored."""
    from yuelu.base.errors import IntegrityFailure
    from yuelu.base.workspace import open_workspace
    from yuelu.console.lots import standings

    with open_workspace(settings).ledger.reading() as session:
        rows = standings(session)
    names = ("company", "work", "class", "severity", "score", "lots", "reason")
    told = [{**row, "severity": say(settings.language, row["severity"])} for row in rows]
    told = [{**row, "reason": say_reason(settings.language, row["reason"])} for row in told]
    print_json(rows) if as_json else table("", names, [[row[name] for name in names] for row in told], long=("reason", "work"))
    wrong = [row for row in rows if not row["replayed"]]
    if wrong:
        whose = f"{wrong[0]['company']}, {wrong[0]['work']}, {wrong[0]['class']}"
        raise IntegrityFailure(f"the results of {whose} do not lead to what is stored", "restore the ledger from a copy")


@click.command()
@click.argument("company")
@click.option("--work", required=True, help="The kind of work, as 'yuelu lot standing' shows it.")
@click.option(
    "--class", "defect", type=click.Choice(_CLASSES), default="major", show_default=True, help="Class of nonconformity."
)
@click.option("--action", required=True, help="The corrective action that was taken.")
@_by
@json_option
@click.pass_obj
def resume(settings: Settings, company: str, work: str, defect: str, action: str, actor: str, as_json: bool) -> None:
    """Let discontinued inspection go on, as tightened, after a corrective action."""
    from yuelu.base.workspace import open_workspace
    from yuelu.pipelines.lots.inspect import resume as run
    from yuelu.quality.lots.book import History

    now = run(open_workspace(settings), History(company, work, defect), action, actor=actor)
    print_json(asdict(now)) if as_json else click.echo(
        say(settings.language, "inspection is {severity}: {reason}", **asdict(now))
    )


def _said(language: str, now: "Standing") -> str:
    told = "inspection is {severity}: {reason}"
    return say(language, told, severity=say(language, now.severity), reason=say_reason(language, now.reason))


def _print_lot(found: dict[str, Any], language: str) -> None:
    what = "lot {lot}: {size} items of {company}, {work}; {state}"
    click.echo(say(language, what, **{**found, "state": say(language, found["state"]), "lot": found["lot"][:12]}))
    told = "list {list_digest}, seed {seed}"
    click.echo(say(language, told, list_digest=found["list_digest"], seed=found["seed"]))
    heads = ("class", "severity", "inspect", "accept with up to", "AQL", "code letter", "lot with 5 % failing passes")
    rows = [
        (
            say(language, each["defect"]), say(language, each["severity"] or "-"), each["n"], each["ac"], _short(each["aql"]),
            each["code"], f"{each['passes_at_5_percent']:.1%}",
        )
        for each in found["classes"]
    ]  # fmt: skip
    table("", [say(language, head) for head in heads], rows)
    item_heads = ("rank", "item", "reviewer", "found", "codes")
    items = [
        (each["rank"], each["item"][:12], each["reviewer"], _counts(each, language), " ".join(each["codes"]))
        for each in found["items"]
    ]
    table("", [say(language, head) for head in item_heads], items)


def _short(number: float | None) -> str | None:
    return None if number is None else f"{number:g}"


def _counts(item: dict[str, Any], language: str) -> str | None:
    if item["reviewer"] is None:
        return None
    return ", ".join(f"{say(language, name)} {count}" for name, count in item["found"].items()) or say(language, "conforms")


def _print_decided(decided: "Decided", language: str) -> None:
    click.echo(say(language, "accepted" if decided.accepted else "not accepted"))
    heads = ("class", "found", "inspect", "accept with up to", "95 % bound of failing items", "next inspection", "why")
    rows = [
        (
            say(language, each.plan.defect), each.found, each.plan.n, each.plan.ac, f"{each.upper:.2%}",
            *(_next(decided, each.plan.defect, language)),
        )
        for each in decided.results
    ]  # fmt: skip
    table("", [say(language, head) for head in heads], rows, long=("why",))
    if decided.resubmitted:
        click.echo(say(language, "the lot was refused before: the switching rules do not count it"))


def _next(decided: "Decided", defect: str, language: str) -> tuple[str | None, str | None]:
    if defect not in decided.moved:
        return None, None
    _, now = decided.moved[defect]
    return say(language, now.severity), say_reason(language, now.reason)


COMMANDS = (list_, draw, show, record, decide, rework, standing, resume)
