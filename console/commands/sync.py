"""yuelu sync: answers come from the Label Studio servers into the ledger."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yuelu.base.settings import Settings
from yuelu.console.show import bar, json_option, print_json
from yuelu.console.words import say

if TYPE_CHECKING:
    from yuelu.annotate.label_studio.client import Client
    from yuelu.base.errors import YueluError
    from yuelu.base.workspace import Workspace
    from yuelu.pipelines.sync import ReaderFor, SiteReport, SyncReport

_COUNTS = ("new", "updated", "unchanged", "vanished", "rejected", "submitted")
_COUNTED = "{new} new, {updated} updated, {unchanged} unchanged, {vanished} vanished, {rejected} rejected, {submitted} submitted"
_LOST = "{count} answers that the server took and lost are sent again; the next sync reads them"
_GIVEN_BACK = (
    "{site} was given back: {tasks} tasks, {answers} answers, {changed} changes, {deleted} deletions; "
    "{to_forward} answers are forwarded again"
)
_SHOWN = 5  # reasons


@click.command()
@click.argument("project")
@click.option("--full", is_flag=True, help="Compare all tasks with what was read last, not only those that changed.")
@click.option("--follow", is_flag=True, help="Go on until it is stopped (Ctrl-C, SIGTERM).")
@click.option("--interval", type=click.FloatRange(min=1), default=30.0, show_default=True, help="Seconds between two polls.")
@click.option(
    "--webhook", type=click.IntRange(0, 65535), metavar="PORT", help="With --follow: servers call here to hasten a poll."
)
@click.option("--webhook-host", metavar="ADDRESS", help="Where to listen for them. [default: a loopback address of its own]")
@click.option("--replay", is_flag=True, help="Give a server that was restored from a backup what it lost, then sync.")
@click.option("--databases", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="FILE",
              help="Addresses of the sites' own databases (YAML: site: address), to read them directly.")  # fmt: skip
@json_option
@click.pass_context
def sync(
    context: click.Context,
    project: str,
    full: bool,
    follow: bool,
    interval: float,
    webhook: int | None,
    webhook_host: str | None,
    replay: bool,
    databases: Path | None,
    as_json: bool,
) -> None:
    """Bring a project's answers from its sites into the ledger, each version exactly once.

    A site in trouble delays no other; the exit code is then that of its problem.
    """
    from yuelu.base.workspace import open_workspace
    from yuelu.console.follow import follow_project
    from yuelu.console.sites import connections
    from yuelu.pipelines.sync import project_sites, sync_sites

    settings: Settings = context.obj
    if webhook is not None and not follow:
        raise click.UsageError("--webhook goes with --follow")
    workspace = open_workspace(settings)
    sites = project_sites(workspace.ledger, project)
    with connections(workspace, settings, sites) as connect, _readers(databases) as reader_for:
        if replay:
            _replay(workspace, settings, project, sites, connect, as_json=as_json)
        if follow:
            print_ = _print_json_line if as_json else partial(_print, settings.language, project)
            hook = None if webhook is None else (webhook_host, webhook)
            follow_project(workspace, project, connect, reader_for, print_, interval_s=interval, webhook=hook)
            return
        _forward(workspace, settings)
        with bar("sync", quiet=as_json) as progress:
            reports = sync_sites(workspace, project, connect, progress, full=full or replay, reader_for=reader_for)
        if any(each.report.lost for each in reports):
            _forward(workspace, settings)
    print_json(_told(reports)) if as_json else _print(settings.language, project, reports)
    context.exit(next((each.problem.exit_code for each in reports if each.problem), 0))


def _forward(workspace: "Workspace", settings: Settings) -> None:
    """Bring what people submitted meanwhile to its sites first. One that is down says so when it is read."""
    from yuelu.base.errors import ServiceUnavailable
    from yuelu.console.forwarding import forward_all

    with suppress(ServiceUnavailable):
        forward_all(workspace, settings.label_studio)


@contextmanager
def _readers(databases: Path | None) -> Iterator["ReaderFor | None"]:
    """Yield how to read each site: from its database where the file names one, else over its API. Raises Misconfigured."""
    if databases is None:
        yield None
        return
    import stat

    import yaml

    from yuelu.annotate.label_studio.http import Conversation
    from yuelu.annotate.label_studio.reading import ApiReader, Reader
    from yuelu.annotate.label_studio.sql import SqlReader
    from yuelu.base.errors import Misconfigured

    if stat.S_IMODE(databases.stat().st_mode) & 0o077:
        raise Misconfigured(f"{databases} may be read by others", f"it may hold passwords; run: chmod 600 {databases}")
    named = yaml.safe_load(databases.read_text(encoding="utf-8"))
    if not isinstance(named, dict) or not all(isinstance(part, str) for pair in named.items() for part in pair):
        raise Misconfigured(f"{databases} is no list of addresses", "write one line for each site: 'site: postgresql://…'")
    opened: dict[str, SqlReader] = {}

    def reader_for(site: str, server: Conversation) -> Reader:
        if site not in named:
            return ApiReader(server)
        if site not in opened:
            opened[site] = SqlReader(named[site])
        return opened[site]

    try:
        yield reader_for
    finally:
        for reader in opened.values():
            reader.close()


def _replay(
    workspace: "Workspace",
    settings: Settings,
    project: str,
    sites: Sequence[str],
    connect: "Callable[[str], Client]",
    *,
    as_json: bool,
) -> None:
    from contextlib import ExitStack

    from yuelu.annotate.label_studio.sites import Sender, sender_for
    from yuelu.pipelines.replay import replay

    for site in sites:
        with ExitStack() as stack, bar(f"replay {site}", quiet=as_json) as progress:
            senders: dict[str, Sender] = {}

            def sender(
                annotator: str, site: str = site, senders: dict[str, Sender] = senders, stack: ExitStack = stack
            ) -> Sender:
                if annotator not in senders:
                    senders[annotator] = sender_for(workspace, site, annotator)
                    stack.callback(senders[annotator].client.close)
                return senders[annotator]

            client: Any = connect(site)
            stack.callback(client.close)
            done = replay(workspace, project, client, site, sender, progress=progress)
        if not as_json:
            click.echo(say(settings.language, _GIVEN_BACK, site=site, **asdict(done)))


def _told(reports: Sequence["SiteReport"]) -> dict[str, Any]:
    total = sum((each.report for each in reports[1:]), reports[0].report)
    sites = [{"site": each.site, **asdict(each.report), "problem": _said(each.problem)} for each in reports]
    return {**asdict(total), "sites": sites}


def _said(problem: "YueluError | None") -> str | None:
    return None if problem is None else problem.problem


def _print_json_line(reports: Sequence["SiteReport"]) -> None:
    import json

    click.echo(json.dumps(_told(reports), ensure_ascii=False))


def _print(language: str, project: str, reports: Sequence["SiteReport"]) -> None:
    total = sum((each.report for each in reports[1:]), reports[0].report)
    click.echo(_counted(language, total))
    reasons = sorted(total.reasons.items(), key=lambda each: (-each[1], each[0]))
    for reason, number in reasons[:_SHOWN]:
        click.echo("  " + say(language, "{number} rejected: {reason}", number=number, reason=reason))
    if len(reasons) > _SHOWN:
        click.echo("  " + say(language, "and {count} more reasons", count=len(reasons) - _SHOWN))
    if reasons:
        click.echo("  " + say(language, "all rejected answers: yuelu answers list {project} --rejected", project=project))
    if total.lost:
        click.echo("  " + say(language, _LOST, count=total.lost))
    for each in reports if len(reports) > 1 else ():
        if each.problem is None:
            click.echo(f"  {each.site}: {_counted(language, each.report)}")
    for each in reports:
        if each.problem:
            told = say(language, "{site} is behind: {problem}", site=each.site, problem=each.problem)
            click.secho(f"  {told}", fg="red", err=True)


def _counted(language: str, report: "SyncReport") -> str:
    return say(language, _COUNTED, **{name: getattr(report, name) for name in _COUNTS})
