"""Where a batch lies on a site: its server project, found by its mark or created, and never given another configuration."""

import html
from dataclasses import dataclass, replace

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from yuelu.annotate.channels import Plot, plots_of, same_questions, with_plots
from yuelu.annotate.configurations import configuration_of
from yuelu.annotate.label_studio.client import Client, ServerProject
from yuelu.annotate.label_studio.service import SERVED
from yuelu.annotate.label_studio.sites import is_embedded
from yuelu.annotate.tasks import project_row
from yuelu.annotate.templates import Template
from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, NotFound, OutcomeUnknown
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.work import BatchRow, TaskRow
from yuelu.base.records import Medium
from yuelu.base.workspace import Workspace

_CHUNK = 500  # hashes in one query
_ACTOR = "dispatch"


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a batch's tasks to one site: everything that sending, settling and verifying need."""

    workspace: Workspace
    client: Client
    batch: str
    site: str
    server_project: int
    medium: Medium
    embedded: bool

    @property
    def ledger(self) -> Ledger:
        """The workspace's ledger."""
        return self.workspace.ledger


@dataclass(frozen=True, slots=True)
class Wanted:
    """The server project as it should be."""

    title: str
    mark: str
    template: Template
    overlap: int

    @property
    def instruction(self) -> str:
        """What annotators read before they start."""
        text = "\n\n".join(self.template.descriptions[language] for language in sorted(self.template.descriptions))
        return f"<pre>{html.escape(text)}</pre>"  # the server drops all styles


def wanted_project(session: Session, batch: BatchRow) -> Wanted:
    """Return the server project that a batch wants. Raises InvalidRecord: time series that do not fit one configuration."""
    template = _with_channels(session, batch.id, configuration_of(session, batch))
    title = f"{batch.project[:37]} {batch.id[:12]}"  # the server takes 3 to 50 characters
    return Wanted(title, f"yuelu batch {batch.id}", template, project_row(session, batch.project).overlap)


def place(workspace: Workspace, batch: str, client: Client, site: str) -> Route:
    """Return the way to the batch's project on the server, which is found by its mark or created, and recorded.

    Raises Conflict: it has another label configuration there. Raises NotFound: no such site. Raises OutcomeUnknown.
    """
    ledger = workspace.ledger
    with ledger.reading() as session:
        embedded = is_embedded(session, site)
        wanted = wanted_project(session, session.get_one(BatchRow, batch))
        row = session.get(PlaceRow, (batch, site))
        known = None if row is None else row.server_project
    found = _known(client, known, wanted.mark) or _found_or_made(client, wanted)
    if not same_questions(found.label_config, wanted.template.config):
        raise Conflict(
            f"server project {found.id} was given another label configuration",
            "restore it there: a live one is never edited; 'yuelu project configure' makes a new version",
        )
    _record(ledger, batch, site, found)
    if embedded:
        client.ensure_storage(found.id, workspace.media_root.resolve() / SERVED)
    return Route(workspace, client, batch, site, found.id, wanted.template.medium, embedded)


def known_place(workspace: Workspace, batch: str, client: Client, site: str) -> Route:
    """Return the way to the batch's server project as it is recorded; nothing is made or asked. Raises NotFound."""
    with workspace.ledger.reading() as session:
        row = session.get(PlaceRow, (batch, site))
        if row is None:
            raise NotFound(f"batch {batch[:12]} is not on site {site!r}", "dispatch it there first")
        medium = configuration_of(session, session.get_one(BatchRow, batch)).medium
        return Route(workspace, client, batch, site, row.server_project, medium, is_embedded(session, site))


def _known(client: Client, server_project: int | None, mark: str) -> ServerProject | None:
    if server_project is None:
        return None
    try:
        found = client.project(server_project)
    except NotFound:
        return None
    return found if found.description == mark else None  # the server's data may have been made anew


def _found_or_made(client: Client, wanted: Wanted) -> ServerProject:
    found = _marked(client, wanted.mark)
    if found is not None:
        return found
    try:
        made = client.create_project(wanted.title, wanted.mark, wanted.template.config, wanted.overlap, wanted.instruction)
    except OutcomeUnknown:
        found = _marked(client, wanted.mark)
        if found is None:
            raise
        return found
    return _marked(client, wanted.mark) or made  # two that raced for it agree on the oldest


def _marked(client: Client, mark: str) -> ServerProject | None:
    return min((each for each in client.projects() if each.description == mark), key=lambda each: each.id, default=None)


def _record(ledger: Ledger, batch: str, site: str, found: ServerProject) -> None:
    with ledger.transaction(_ACTOR) as t:
        row = t.session.get(PlaceRow, (batch, site))
        if row is not None and row.server_project == found.id:
            return
        if row is not None:  # the project is another one: nothing of what was sent is there
            t.session.delete(row)
            t.session.flush()
        config = sha256(found.label_config.encode())
        t.session.add(PlaceRow(batch=batch, site=site, server_project=found.id, config_digest=config, synced_at=None))
        there = (OutboxRow.batch == batch, OutboxRow.site == site, OutboxRow.state.in_(("sent", "sending")))
        t.session.execute(update(OutboxRow).where(*there).values(state="planned", server_task=None))
        t.session.execute(update(TaskRow).where(TaskRow.batch == batch, TaskRow.site == site).values(server_task=None))
        t.event("batch.placed", batch, after=f"{site}/{found.id}")


def _with_channels(session: Session, batch: str, template: Template) -> Template:
    """Return the template with the configuration that the server gets."""
    if template.medium is not Medium.TIMESERIES:
        return template
    shown = _channels_of(session, batch)
    return replace(template, config=with_plots(template, plots_of(list(shown)))) if shown else template


def _channels_of(session: Session, batch: str) -> set[tuple[Plot, ...]]:
    """Return the different sets of channels that the series of the batch have."""
    tasks = session.scalars(select(TaskRow.items).where(TaskRow.batch == batch))
    series = sorted({item for items in tasks for item in items})
    asked = select(AssetRow.facts["channel_names"], AssetRow.facts["channel_units"])
    return {
        tuple(Plot(name, unit or "") for name, unit in zip(names, units, strict=True))
        for start in range(0, len(series), _CHUNK)
        for names, units in session.execute(asked.where(AssetRow.sha256.in_(series[start : start + _CHUNK])))
    }
