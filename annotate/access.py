"""Access: which companies a project is open to. The others neither see it nor get tasks of it."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from yuelu.annotate.tasks import project_row
from yuelu.base.ledger.work import ProjectCompanyRow, ProjectRow


@dataclass(frozen=True, slots=True)
class Access:
    """Who may work on a project: all companies, or only those that are named (perhaps none)."""

    everybody: bool
    companies: tuple[str, ...] = ()

    def admits(self, company: str) -> bool:
        """Return whether the people of that company may work on it."""
        return self.everybody or company in self.companies


def access_of(session: Session, project: str) -> Access:
    """Return whom a project is open to. Raises NotFound."""
    project_row(session, project)
    if session.scalars(select(ProjectRow.open_to_all).where(ProjectRow.name == project)).one():  # as it is now
        return Access(everybody=True)
    named = select(ProjectCompanyRow.company).where(ProjectCompanyRow.project == project)
    return Access(everybody=False, companies=tuple(session.scalars(named.order_by(ProjectCompanyRow.company))))


def admitted(company: str) -> ColumnElement[bool]:
    """Return the condition that a project (a row of `projects` in the query) is open to that company."""
    named = exists().where(ProjectCompanyRow.project == ProjectRow.name, ProjectCompanyRow.company == company)
    return or_(ProjectRow.open_to_all, named.correlate(ProjectRow))
