"""Batches by the names that people give them."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.configurations import batches
from yuelu.base.errors import NotFound
from yuelu.base.ledger.work import BatchRow, ProjectRow

_SHORTEST = 8  # characters of the beginning of an id


def batch_named(session: Session, name: str) -> BatchRow:
    """Return the batch called PROJECT (its newest), PROJECT/NUMBER, or by its id or the beginning of one. Raises NotFound."""
    if session.get(ProjectRow, name) is not None:
        return batches(session, name)[-1]
    project, _, number = name.rpartition("/")
    if project and number.isascii() and number.isdigit():
        wanted = select(BatchRow).where(BatchRow.project == project, BatchRow.number == int(number))
    else:
        wanted = select(BatchRow).where(BatchRow.id.startswith(name, autoescape=True)).limit(2)
    found = session.scalars(wanted).all() if len(name) >= _SHORTEST or project else []
    if len(found) != 1:
        raise NotFound(f"no batch {name!r}", "give a project, PROJECT/NUMBER, or a batch's id; see 'yuelu project list'")
    return found[0]
