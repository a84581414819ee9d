"""Versions of a project's label configuration: each is a batch of its own, and no batch ever changes what it asks."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.tasks import project_row
from yuelu.annotate.templates import Template, load_template, parse_template
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, NotFound
from yuelu.base.ledger.engine import Transaction
from yuelu.base.ledger.places import ConfigurationRow
from yuelu.base.ledger.work import BatchRow, ProjectRow


def batches(session: Session, project: str) -> list[BatchRow]:
    """Return the project's batches, oldest configuration first. Raises NotFound."""
    project_row(session, project)
    return list(session.scalars(select(BatchRow).where(BatchRow.project == project).order_by(BatchRow.number)))


def current_batch(session: Session, project: str) -> BatchRow:
    """Return the batch that new tasks go to: the one with the newest configuration. Raises NotFound."""
    return batches(session, project)[-1]


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
