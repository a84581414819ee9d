"""yuelu packet, answers: which tasks are whose and for how long, and what became of the answers."""

import re
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import json_option, print_json, table
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.annotate.packets import Packet

_SHOWN = ("id", "project", "round", "annotator", "company", "state", "tasks", "unanswered", "due_at")
_STATES = ("open", "closed", "returned", "expired")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}


class Span(click.ParamType[timedelta]):
    """A time such as 7d, 12h or 30m."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the time. Fails with what was expected."""
        if isinstance(value, timedelta):
            return value
        found = re.fullmatch(r"([1-9]\d{0,4})([dhm])", str(value))
        if found is None:
            self.fail(f"{value!r} is no time; write 7d, 12h or 30m", param, ctx)
        return timedelta(**{_UNITS[found[2]]: int(found[1])})


_size = click.option("--size", type=click.IntRange(1, 200), default=50, show_default=True, help="Tasks in one packet at most.")
_due = click.option("--due", type=Span(), default="7d", show_default=True, help="How long a packet stays open: 7d, 12h, 30m.")


@click.group()
def packet() -> None:
    """Lease tasks to annotators for a time, and see who has what."""


@packet.command()
@click.argument("project")
@click.option("--annotator", "names", multiple=True, help="Only to this annotator; may be repeated. [default: all at work]")
@_size
@_due
@json_option
@click.pass_obj
def lease(settings: Settings, project: str, names: tuple[str, ...], size: int, due: timedelta, as_json: bool) -> None:
    """Lease all tasks of a project that lack annotators, evenly."""
    from sqlalchemy import select

    from yuelu.annotate.packets import Terms
    from yuelu.annotate.packets import lease as run
    from yuelu.base.ledger.work import AnnotatorRow
    from yuelu.base.workspace import open_workspace

    ledger = open_workspace(settings).ledger
    with ledger.reading() as session:
        people = list(names) or list(session.scalars(select(AnnotatorRow.id)))
    leased = run(ledger, "operator", project, people, Terms(size, due))
    told = say(settings.language, "{count} tasks leased", count=leased)
    print_json({"project": project, "leased": leased}) if as_json else click.echo(told)


@packet.command()
@click.argument("project")
@click.option("--annotator", required=True, help="Who takes it.")
@_size
@_due
@json_option
@click.pass_obj
def take(settings: Settings, project: str, annotator: str, size: int, due: timedelta, as_json: bool) -> None:
    """Open an annotator's next packet of a project, or show the one they have to finish."""
    from yuelu.annotate.packets import Terms, take_packet
    from yuelu.base.workspace import open_workspace

    ledger = open_workspace(settings).ledger
    taken = take_packet(ledger, project, annotator, Terms(size, due))
    if taken is None:
        told = say(settings.language, "no task of {project} is free for {annotator}", project=project, annotator=annotator)
        print_json({"packet": None}) if as_json else click.echo(told)
        return
    _tell(settings, taken, as_json)


@packet.command("return")
@click.argument("packet")
@click.option("--reason", help="Why; it stands in the log.")
@json_option
@click.pass_obj
def return_(settings: Settings, packet: str, reason: str | None, as_json: bool) -> None:
    """End a packet now; what is not answered is free for others."""
    from yuelu.annotate.packets import return_packet
    from yuelu.base.workspace import open_workspace

    _tell(settings, return_packet(open_workspace(settings).ledger, "operator", packet, reason), as_json)


@packet.command()
@click.argument("packet")
@json_option
@click.pass_obj
def close(settings: Settings, packet: str, as_json: bool) -> None:
    """End a packet whose tasks are all answered or skipped."""
    from yuelu.annotate.packets import close_packet
    from yuelu.base.workspace import open_workspace

    _tell(settings, close_packet(open_workspace(settings).ledger, "operator", packet), as_json)


@packet.command()
@click.argument("packet")
@click.option("--due", type=Span(), required=True, help="How long from now: 7d, 12h, 30m.")
@json_option
@click.pass_obj
def extend(settings: Settings, packet: str, due: timedelta, as_json: bool) -> None:
    """Give an open packet more time, or less."""
    from yuelu.annotate.packets import extend as run
    from yuelu.base.workspace import open_workspace

    ledger = open_workspace(settings).ledger
    _tell(settings, run(ledger, "operator", packet, ledger.now() + due), as_json)


@packet.command()
@click.option("--project", help="Only packets of this project.")
@json_option
@click.pass_obj
def expire(settings: Settings, project: str | None, as_json: bool) -> None:
    """End all packets whose time is over."""
    from yuelu.annotate.packets import expire_due
    from yuelu.base.workspace import open_workspace

    ended = expire_due(open_workspace(settings).ledger, "operator", project)
    print_json({"ended": ended}) if as_json else click.echo(say(settings.language, "{count} packets ended", count=ended))


@packet.command("list")
@click.option("--project", help="Only packets of this project.")
@click.option("--annotator", help="Only packets of this annotator.")
@click.option("--state", type=click.Choice(_STATES), help="Only packets in this state.")
@json_option
@click.pass_obj
def list_packets(settings: Settings, /, as_json: bool, **wanted: str | None) -> None:
    """List packets, the newest first."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.work import packets

    with open_workspace(settings).ledger.reading() as session:
        rows = packets(session, {name: value for name, value in wanted.items() if value is not None})
    if as_json:
        print_json(rows)
        return
    table("", _SHOWN, [[_short(row[name]) for name in _SHOWN] for row in rows], long=("company", "project"))


@packet.command()
@click.argument("packet")
@json_option
@click.pass_obj
def show(settings: Settings, packet: str, as_json: bool) -> None:
    """Show a packet and its tasks: held, answered, skipped, or released when it ended."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.work import one_packet

    with open_workspace(settings).ledger.reading() as session:
        found, tasks = one_packet(session, packet)
    if as_json:
        print_json({**found, "tasks": tasks})
        return
    table("", ("", ""), [(name, _short(value)) for name, value in found.items()])
    table("", ("task", "state"), [list(task.values()) for task in tasks])


def _tell(settings: Settings, packet: "Packet", as_json: bool) -> None:
    if as_json:
        print_json(asdict(packet))
        return
    told = "packet {id} of {annotator} is {state}; due {due}"
    facts = {"id": packet.id, "annotator": packet.annotator, "state": packet.state, "due": f"{packet.due_at:%Y-%m-%d %H:%M} UTC"}
    click.echo(say(settings.language, told, **facts))


def _short(value: object) -> object:
    return value if value is None or isinstance(value, int | str) else f"{value:%Y-%m-%d %H:%M}"


@click.group()
def answers() -> None:
    """See which answers count, and which do not and why."""


@answers.command("list")
@click.argument("project")
@click.option("--rejected", "standing", flag_value="rejected", help="Only those that could not be used, with the reason.")
@click.option("--surplus", "standing", flag_value="surplus", help="Only those of people who had no place at the task.")
@click.option("--skipped", "standing", flag_value="skipped", help="Only tasks that were skipped.")
@json_option
@click.pass_obj
def list_answers(settings: Settings, project: str, standing: str | None, as_json: bool) -> None:
    """List a project's answers by task: counted, surplus, repeated, skipped, vanished, rejected; not what they say."""
    from yuelu.base.workspace import open_workspace
    from yuelu.console.work import told_answers

    with open_workspace(settings).ledger.reading() as session:
        rows = [row for row in told_answers(session, project) if standing in (None, row["standing"])]
    names = ("task", "annotator", "standing", "uid", "reason")
    print_json(rows) if as_json else table("", names, [[row[name] for name in names] for row in rows], long=("reason",))
