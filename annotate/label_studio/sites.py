"""Sites: the Label Studio servers that work is spread over, where each batch lies on them, and clients that talk to them.

An external site is one that somebody runs elsewhere on a private network. We hold one token of it, which lies in a file that
only its owner reads, or in an environment variable: never in the ledger. Nobody signs in there: annotators are shadow users
without a password, made when their first answer is delivered, and answers are posted in their name. It needs no way to the
media either: people see the gateway's page, and the gateway serves the media itself.
"""

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from yuelu.annotate.label_studio.accounts import read_accounts
from yuelu.annotate.label_studio.client import Client
from yuelu.annotate.label_studio.shadow import ensure_shadow
from yuelu.annotate.people import Annotator
from yuelu.base.errors import Conflict, InvalidRecord, Misconfigured, NotFound
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.work import AccountRow, AnnotatorRow, BatchRow, SiteRow
from yuelu.base.workspace import Workspace

EMBEDDED, EXTERNAL = "embedded", "external"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


@dataclass(frozen=True, slots=True)
class Place:
    """A server project: where the tasks of a batch lie on one site."""

    batch: str
    site: str
    server_project: int


def places(session: Session, project: str) -> tuple[Place, ...]:
    """Return where the project lies, by number of the batch and name of the site: none before its first dispatch."""
    rows = select(PlaceRow).join(BatchRow, BatchRow.id == PlaceRow.batch).where(BatchRow.project == project)
    found = session.scalars(rows.order_by(BatchRow.number, PlaceRow.site))
    return tuple(Place(row.batch, row.site, row.server_project) for row in found)


def sent_as(session: Session, place: Place) -> dict[int, str]:
    """Return what each server task there was dispatched as, those that were withdrawn left out."""
    rows = select(OutboxRow.server_task, OutboxRow.item_key).where(
        OutboxRow.batch == place.batch, OutboxRow.site == place.site, OutboxRow.state == "sent"
    )
    return {task: key for task, key in session.execute(rows) if task is not None}


def site_row(session: Session, name: str) -> SiteRow:
    """Return the site. Raises NotFound."""
    row = session.get(SiteRow, name)
    if row is None:
        known = ", ".join(session.scalars(select(SiteRow.name).order_by(SiteRow.name))) or "none yet"
        raise NotFound(f"no site {name!r}", f"known: {known}; 'yuelu site add' adds one, 'yuelu up' the embedded one")
    return row


def client_for(workspace: Workspace, site: str, *, env: Mapping[str, str] | None = None, timeout_s: float = 600.0) -> Client:
    """Return a client that works as the site's service user (the administrator of the embedded one); close it after use.

    Raises NotFound: no such site, or no accounts on the embedded one yet. Raises Misconfigured: its token cannot be read.
    """
    with workspace.ledger.reading() as session:
        row = site_row(session, site)
        url, kind, token_from = row.url, row.kind, row.token_from
    if kind == EMBEDDED:
        token = read_accounts(workspace.label_studio_data).admin.token
    else:
        token = read_token(token_from or "", os.environ if env is None else env)
    return Client(url, token, timeout_s=timeout_s)


@dataclass(frozen=True, slots=True)
class Sender:
    """How an annotator's answers reach a site: with this client, naming that user (None: the client is theirs)."""

    client: Client
    completed_by: int | None


def sender_for(workspace: Workspace, site: str, annotator: str) -> Sender:
    """Return how to post as that annotator: with their own token on the embedded site, in their name on an external one.

    Their shadow user there is made the first time. Close the client after use. Raises NotFound: no such annotator or site.
    """
    with workspace.ledger.reading() as session:
        row = site_row(session, site)
        url, kind = row.url, row.kind
        person = session.get(AnnotatorRow, annotator)
        if person is None:
            raise NotFound(f"no annotator {annotator!r}", "see 'yuelu annotator list'")
        known = Annotator(person.id, person.company, person.scripted)
    if kind == EMBEDDED:
        return Sender(Client(url, read_accounts(workspace.label_studio_data).of(annotator).token), None)
    client = client_for(workspace, site)
    return Sender(client, ensure_shadow(workspace.ledger, client, site, known))


def read_token(token_from: str, env: Mapping[str, str]) -> str:
    """Return the token that `file:PATH` or `env:NAME` names. Raises Misconfigured: it is not there, or others may read it."""
    kind, _, where = token_from.partition(":")
    if kind == "env":
        token = env.get(where, "").strip()
        if not token:
            raise Misconfigured(f"the variable {where} holds no token", "export the site's token under that name")
        return token
    path = Path(where)
    try:
        with path.open(encoding="utf-8") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            token = file.read(10_000).strip()
    except OSError as error:
        raise Misconfigured(f"{path}: {error.strerror}", "give a file that holds the site's token") from None
    if mode & 0o077:
        raise Misconfigured(f"{path} may be read by others (mode {mode:o})", f"run: chmod 600 {path}")
    if not token:
        raise Misconfigured(f"{path} is empty", "write the site's token into it")
    return token


def add_site(ledger: Ledger, actor: str, *, name: str, url: str, token_from: str, weight: int = 1) -> bool:
    """Record an external site; return whether it is new. Its health is another matter: `health.check`.

    Raises InvalidRecord: no name or address. Raises Conflict: a site of that name is another one.
    """
    if not _NAME.fullmatch(name):
        raise InvalidRecord(f"{name!r} is no name of a site", "use 1 to 40 of a-z, 0-9, dash")
    if not re.fullmatch(r"https?://[^/\s@?#]+(/[^\s?#]*)?", url) or weight < 1:
        raise InvalidRecord(f"site {name}: address {url!r}, weight {weight}", "need http(s)://host[:port], and 1 or more")
    url = url.rstrip("/")
    with ledger.transaction(actor) as t:
        row = t.session.get(SiteRow, name)
        if row is None:
            values = {"name": name, "url": url, "version": "", "kind": EXTERNAL, "token_from": token_from, "weight": weight}
            t.session.add(SiteRow(**values, problems=[]))
            t.event("site.added", name, after=url)
            return True
        placed = t.session.scalars(select(PlaceRow.batch).where(PlaceRow.site == name)).first()
        if row.kind != EXTERNAL or (row.url != url and placed is not None):
            raise Conflict(
                f"site {name} is {row.kind}, at {row.url}", "add it under another name, or 'yuelu site remove' it first"
            )
        if (row.url, row.token_from, row.weight) != (url, token_from, weight):
            t.event("site.changed", name, before=row.url, after=url)
            row.url, row.token_from, row.weight, row.state = url, token_from, weight, "unknown"
        return False


def remove_site(ledger: Ledger, actor: str, name: str) -> None:
    """Forget a site that no work lies on. Raises NotFound. Raises Conflict: batches lie on it, or people have accounts there."""
    with ledger.transaction(actor) as t:
        row = site_row(t.session, name)
        batches = list(t.session.scalars(select(PlaceRow.batch).where(PlaceRow.site == name)))
        if batches or row.kind == EMBEDDED:
            why = f"{len(batches)} batches lie on it" if batches else "it is the workspace's own"
            raise Conflict(f"site {name} stays: {why}", "give it no new work: 'yuelu dispatch PROJECT --site OTHER'")
        t.session.execute(delete(AccountRow).where(AccountRow.site == name))  # shadow users; nobody can sign in as them
        t.session.delete(row)
        t.event("site.removed", name, before=row.url)


def is_embedded(session: Session, site: str) -> bool:
    """Return whether a site is the workspace's own: its users see media files themselves. Raises NotFound."""
    return site_row(session, site).kind == EMBEDDED
