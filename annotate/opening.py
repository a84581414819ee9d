"""Opening a project to companies, and closing it to them: what ends with the work ends at once, what was sent stays."""

from collections.abc import Iterable

from sqlalchemy import delete, select

from yuelu.annotate.access import Access, access_of
from yuelu.annotate.packets import end_packets, lock_project
from yuelu.annotate.tasks import project_row
from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.engine import Ledger, Transaction
from yuelu.base.ledger.work import CompanyRow, ProjectCompanyRow, ProjectRow


def open_to(ledger: Ledger, actor: str, project: str, companies: Iterable[str]) -> tuple[Access, int]:
    """Open a project to those companies; return whom it is open to now and how many packets of others that ended.

    A project that was open to all is theirs alone from now on. Safe to repeat. Raises NotFound.
    """
    wanted = sorted(set(companies))
    if not wanted:
        raise InvalidRecord(f"project {project} opened to no company", "name one, or open it to all")
    with ledger.transaction(actor) as t:
        row, before = _locked(t, project)
        for company in wanted:
            if t.session.get(CompanyRow, company) is None:
                raise NotFound(f"no company {company!r}", f"add it first: yuelu company add {company!r}")
            if t.add_new(ProjectCompanyRow, [{"project": project, "company": company, "opened_at": ledger.now()}]):
                t.event("project.opened", project, after=company)
        row.open_to_all, ended = False, 0
        if before.everybody:
            others = set(t.session.scalars(select(CompanyRow.name))) - set(wanted)
            ended = end_packets(t, project, others, ledger.now(), f"{project} is open to {', '.join(wanted)} only")
        t.session.flush()
        return access_of(t.session, project), ended


def open_to_all(ledger: Ledger, actor: str, project: str) -> Access:
    """Open a project to every company, those too that are added later. Safe to repeat. Raises NotFound."""
    with ledger.transaction(actor) as t:
        row, before = _locked(t, project)
        if not before.everybody:
            _forget(t, project, before.companies)
            row.open_to_all = True
            t.event("project.opened", project, after="all companies")
        return Access(everybody=True)


def close_to(ledger: Ledger, actor: str, project: str, companies: Iterable[str] | None, reason: str) -> tuple[Access, int]:
    """Close a project to those companies, or to all (None); return whom it is open to now and how many packets that ended.

    What their people have not answered is free for others, what they sent stays. A project that was open to all stays open to
    the other companies there are, and to none that comes later. Raises NotFound.
    """
    with ledger.transaction(actor) as t:
        row, before = _locked(t, project)
        known = set(t.session.scalars(select(CompanyRow.name)))
        closed = known if companies is None else set(companies)
        if unknown := sorted(closed - known):
            raise NotFound(f"no company {unknown[0]!r}", "see 'yuelu company list'")
        if before.everybody:
            stay = [{"project": project, "company": each, "opened_at": ledger.now()} for each in sorted(known - closed)]
            t.add_new(ProjectCompanyRow, stay)
            row.open_to_all = False
        for company in sorted(each for each in closed if before.admits(each)):
            t.event("project.closed", project, before=company, reason=reason)
        _forget(t, project, closed)
        ended = end_packets(t, project, closed, ledger.now(), reason)
        t.session.flush()
        return access_of(t.session, project), ended


def _locked(t: Transaction, project: str) -> tuple[ProjectRow, Access]:
    """Wait until nobody else decides about leases of the project; return its row and whom it is open to then."""
    row = project_row(t.session, project)
    lock_project(t.session, project)
    return row, access_of(t.session, project)


def _forget(t: Transaction, project: str, companies: Iterable[str]) -> None:
    gone = delete(ProjectCompanyRow).where(ProjectCompanyRow.project == project)
    t.session.execute(gone.where(ProjectCompanyRow.company.in_(sorted(companies))))
