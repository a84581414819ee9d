"""Versions of a project's label configuration: each is a batch of its own, and no batch ever changes what it asks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.tasks import batch_id, project_row
from yuelu.annotate.templates import Template, load_template, parse_template
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, InvalidRecord, NotFound
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.packets import SubmissionRow
from yuelu.base.ledger.places import ConfigurationRow, OutboxRow
from yuelu.base.ledger.work import AnnotationRow, BatchRow, ProjectRow, RejectionRow, TaskRow


def batches(session: Session, project: str) -> list[BatchRow]:
    """Return the project's batches, oldest configuration first. Raises NotFound."""
    project_row(session, project)
    return list(session.scalars(select(BatchRow).where(BatchRow.project == project).order_by(BatchRow.number)))


def keep(t: Transaction, template: Template, now: datetime) -> str:
    """Write the configuration to the ledger, once; return the digest that batches name it by."""
    key = configuration_digest(template)
    row = {
        "digest": key,
        "name": template.name,
        "version": template.version,
        "medium": template.medium.value,
        "config": template.config,
        "config_digest": template.digest,
        "descriptions": dict(template.descriptions),
        "description_digest": template.description_digest,
        "created_at": now,
    }
    t.add_new(ConfigurationRow, [row])
    return key


def configuration_digest(template: Template) -> str:
    """Return the digest of what annotators are asked and told, whatever it is called."""
    return digest({"config": template.digest, "description": template.description_digest})


def configuration_of(session: Session, batch: BatchRow) -> Template:
    """Return what the batch's annotators are asked. Raises Conflict: a file changed that an old project relies on."""
    if batch.configuration is None:
        return template_of(project_row(session, batch.project))
    row = session.get(ConfigurationRow, batch.configuration)
    if row is None:
        raise NotFound(f"no configuration {batch.configuration}", "the ledger is damaged; restore it")
    template = parse_template(row.name, row.version, row.config, row.descriptions)
    if configuration_digest(template) != row.digest:
        raise Conflict(f"configuration {row.digest[:12]} in the ledger is not what was kept", "the ledger is damaged; restore it")
    return template


def template_of(row: ProjectRow) -> Template:
    """Return the project's first label configuration. Raises Conflict: the file is no longer what the project was made with."""
    template = load_template(row.template, row.template_version)
    if (template.digest, template.description_digest) != (row.template_digest, row.description_digest):
        raise Conflict(
            f"label configuration {row.template} {row.template_version} changed since project {row.name} was made",
            "restore it, and put the change in a new version",
        )
    return template


# Where an answer to a task leaves its trace: a task with one stays under the configuration that it was answered under.
_ANSWERED = (AnnotationRow.item_key, RejectionRow.item_key, SubmissionRow.item_key)
_PAGE = 500


@dataclass(frozen=True, slots=True)
class Configured:
    """What `configure` did: the batch that new tasks go to, whether it is new, and the tasks that moved into it.

    `answered` tasks stayed because they have answers, `on_their_way` because nobody knows yet whether a server has them.
    """

    batch: str
    number: int
    new: bool
    moved: int = 0
    answered: int = 0
    on_their_way: int = 0


def configure(ledger: Ledger, actor: str, project: str, template: Template) -> Configured:
    """Give the project's new tasks another label configuration: a new batch, unless the newest one asks just that.

    Raises NotFound. Raises Conflict: an earlier batch of the project asked it. Raises InvalidRecord: it is for another medium.
    """
    with ledger.transaction(actor) as t:
        row, known = project_row(t.session, project), batches(t.session, project)
        if template.medium != row.medium:
            raise InvalidRecord(
                f"project {project} labels {row.medium}, configuration {template.name} {template.medium}",
                "use one for its medium",
            )
        wanted = configuration_digest(template)
        asked = [configuration_digest(configuration_of(t.session, batch)) for batch in known]
        if asked[-1] == wanted:
            return Configured(known[-1].id, known[-1].number, new=False)
        if wanted in asked:
            number = known[asked.index(wanted)].number
            raise Conflict(
                f"batch {number} of {project} asked that already, and {len(known) - number} came after it",
                "change its text, so that it is a version of its own",
            )
        number = known[-1].number + 1
        batch = BatchRow(id=batch_id(project, number), project=project, number=number)
        batch.configuration = keep(t, template, ledger.now())
        t.session.add(batch)
        t.event("project.configured", project, before=asked[-1], after=wanted, reason=f"{template.name} {template.version}")
        return Configured(batch.id, number, new=True)


def move_unanswered(ledger: Ledger, actor: str, project: str, answered_there: Collection[str] = ()) -> Configured:
    """Bring the tasks of earlier batches that nobody answered to the newest one; safe to repeat. Raises NotFound.

    `answered_there` are keys of tasks that have answers on a server which the ledger has not yet. What a server holds of a
    moved task is withdrawn by the next dispatch.
    """
    with ledger.reading() as session:
        *earlier, newest = batches(session, project)
        total = Configured(newest.id, newest.number, new=False)
        ids = [batch.id for batch in earlier]
    for batch in ids:
        after, more = "", True
        while more:
            with ledger.transaction(actor) as t:
                page = _open_after(t.session, batch, after)
                more, after = len(page) == _PAGE, page[-1].item_key if page else ""
                total = _moved(t, page, total, answered_there)
    return total


def _open_after(session: Session, batch: str, after: str) -> list[TaskRow]:
    query = select(TaskRow).where(TaskRow.batch == batch, TaskRow.state.in_(("new", "dispatched")), TaskRow.item_key > after)
    return list(session.scalars(query.order_by(TaskRow.item_key).limit(_PAGE)))


def _moved(t: Transaction, page: Sequence[TaskRow], total: Configured, answered_there: Collection[str]) -> Configured:
    keys = [row.item_key for row in page]
    answered = {key for column in _ANSWERED for key in t.session.scalars(select(column).where(column.in_(keys)))}
    answered |= {key for key in keys if key in answered_there}
    sent = {row.item_key: row for row in t.session.scalars(select(OutboxRow).where(OutboxRow.item_key.in_(keys)))
            if row.batch != total.batch}  # fmt: skip
    unclear = {key for key, row in sent.items() if row.state == "sending"} - answered
    moving = [row for row in page if row.item_key not in answered | unclear]
    for row in moving:
        before = sent.get(row.item_key)
        if before is not None and before.server_task is None:
            t.session.delete(before)
        elif before is not None:
            before.state = "withdrawn"
        row.batch, row.site, row.server_task = total.batch, None, None
    if moving:
        content = digest([row.item_key for row in moving])
        t.event("tasks.moved", total.batch, after=content, reason=f"{len(moving)} unanswered, to configuration {total.number}")
    return replace(
        total,
        moved=total.moved + len(moving),
        answered=total.answered + len(answered),
        on_their_way=total.on_their_way + len(unclear),
    )
