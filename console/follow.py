"""yuelu sync --follow: polling until it is told to stop, hastened by webhooks."""

import secrets
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING

import click

from yuelu.base.errors import YueluError
from yuelu.base.progress import silent

if TYPE_CHECKING:
    from yuelu.base.workspace import Workspace
    from yuelu.pipelines.follow import Signals
    from yuelu.pipelines.sync import Connect, ReaderFor, SiteReport


def follow_project(
    workspace: "Workspace",
    project: str,
    connect: "Connect",
    reader_for: "ReaderFor | None",
    told: Callable[[Sequence["SiteReport"]], None],
    *,
    interval_s: float,
    webhook: tuple[str | None, int] | None,
) -> None:
    """Sync until SIGTERM or Ctrl-C, and print what each poll brought; polls that bring nothing are not told."""
    from yuelu.pipelines.follow import Pace, Signals, follow
    from yuelu.pipelines.sync import sync_sites

    signals = Signals()

    def once(full: bool) -> Sequence["SiteReport"]:
        progress = signals.check(silent)
        return sync_sites(workspace, project, connect, progress, full=full, reader_for=reader_for)

    def news(reports: Sequence["SiteReport"]) -> None:
        changed = any(
            each.problem
            or each.report.new
            or each.report.updated
            or each.report.vanished
            or each.report.rejected
            or each.report.lost
            for each in reports
        )
        if changed and not signals.stopped:
            told(reports)

    def trouble(error: YueluError) -> None:
        click.secho(str(error), fg="red", err=True)

    with _stopped_by(signals), ExitStack() as stack:
        if webhook is not None:
            stack.enter_context(_called(workspace, project, connect, signals, webhook))
        follow(once, news, trouble, signals, Pace(interval_s=interval_s))


@contextmanager
def _stopped_by(signals: "Signals") -> Iterator[None]:
    def stop(_: int, __: FrameType | None) -> None:
        signals.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _called(
    workspace: "Workspace", project: str, connect: "Connect", signals: "Signals", where: tuple[str | None, int]
) -> Iterator[None]:
    """Listen for the sites' calls while the block lasts. A site that will not call is told of, and polled as before."""
    from yuelu.annotate.label_studio.hooks import ensure_hook, remove_hooks
    from yuelu.annotate.label_studio.sites import places
    from yuelu.annotate.label_studio.subnets import RECEIVER
    from yuelu.pipelines.reading.wake import Receiver

    secret = secrets.token_urlsafe(32)
    with workspace.ledger.reading() as session:
        found = places(session, project)
    with Receiver(where[0] or RECEIVER, where[1], secret, signals.wake) as receiver:
        for place in found:
            try:
                with connect(place.site) as server:
                    ensure_hook(server, place.server_project, receiver.url, secret)
            except YueluError as error:
                click.secho(f"{place.site} will not call: {error}", fg="yellow", err=True)
        click.echo(f"listening on {receiver.url}", err=True)
        try:
            yield
        finally:
            for place in found:
                with suppress(YueluError), connect(place.site) as server:
                    remove_hooks(server, place.server_project)
