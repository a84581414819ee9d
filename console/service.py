"""The workspace's own Label Studio, for commands: started when a command needs it, with the annotators the ledger knows."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from yuelu.annotate.label_studio.accounts import read_accounts
from yuelu.annotate.label_studio.service import running_service
from yuelu.annotate.label_studio.service import stop as stop_service
from yuelu.annotate.label_studio.site import Site, open_site
from yuelu.annotate.people import Annotator, everybody
from yuelu.base.progress import Progress, silent
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace

SITE = "local"


def start(workspace: Workspace, settings: Settings, progress: Progress = silent, more: Sequence[Annotator] = ()) -> Site:
    """Return the embedded site, up and with an account for every annotator of the ledger and for `more`."""
    with workspace.ledger.reading() as session:
        known = {person.id: person for person in everybody(session)}
    return open_site(
        workspace.ledger,
        settings.label_studio,
        workspace.label_studio_data,
        workspace.media_root,
        name=SITE,
        annotators=list({**known, **{person.id: person for person in more}}.values()),
        progress=progress,
    )


@contextmanager
def for_command(
    workspace: Workspace, settings: Settings, progress: Progress = silent, more: Sequence[Annotator] = ()
) -> Iterator[Site]:
    """Yield the site; a server that was not running before is stopped afterwards."""
    ran = running_service(workspace.label_studio_data) is not None
    site = start(workspace, settings, progress, more)
    try:
        yield site
    finally:
        if not ran:
            stop_service(site.service)


def stop(workspace: Workspace) -> bool:
    """Stop the server; return whether one was running."""
    service = running_service(workspace.label_studio_data)
    if service is None:
        return False
    stop_service(service)
    return True


def sign_ins(workspace: Workspace) -> dict[str, str | None]:
    """Return who can sign in on the server's own page, and with what: the administrator."""
    accounts = read_accounts(workspace.label_studio_data)
    people = [accounts.admin, *(accounts.annotators[name] for name in sorted(accounts.annotators))]
    return {account.email: account.password for account in people if account.password is not None}
