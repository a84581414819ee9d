"""Projects: one labelling effort each, fixed when it is made."""

from collections.abc import Sequence
from datetime import datetime

from yuelu.annotate.access import Access, access_of
from yuelu.annotate.configurations import keep
from yuelu.annotate.tasks import batch_id
from yuelu.annotate.templates import Template
from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, InvalidRecord, NotFound
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import CollectionRow
from yuelu.base.ledger.work import BatchRow, CompanyRow, ProjectCompanyRow, ProjectRow


def create_project(
    ledger: Ledger,
    actor: str,
    *,
    name: str,
    collection: str,
    template: Template,
    overlap: int,
    policy: str,
    policy_digest: str,
    companies: Sequence[str] = (),
) -> bool:
    """Record a project and its first batch; return whether it is new. With `companies` it is open to them, else to all.

    Raises Conflict: a project of that name exists and is another. Raises NotFound: no such collection or company.
    """
    if overlap < 1 or not name:
        raise InvalidRecord(f"project {name!r} with overlap {overlap}", "need a name, and at least 1 answer for each task")
    row = ProjectRow(
        name=name,
        collection=collection,
        medium=template.medium.value,
        template=template.name,
        template_version=template.version,
        template_digest=template.digest,
        description_version=template.version,
        description_digest=template.description_digest,
        overlap=overlap,
        policy=policy,
        policy_digest=policy_digest,
        created_at=ledger.now(),
        open_to_all=not companies,
    )
    with ledger.transaction(actor) as t:
        present = t.session.get(ProjectRow, name)
        if present is not None:
            _refuse_change(present, row)
            _refuse_others(access_of(t.session, name), name, companies)
            return False
        if t.session.get(CollectionRow, collection) is None:
            raise NotFound(f"no collection {collection!r}", "ingest its media first")
        t.session.add(row)
        t.session.flush()
        configuration = keep(t, template, ledger.now())
        t.session.add(BatchRow(id=batch_id(name), project=name, number=1, configuration=configuration))
        t.event("project.created", name, after=digest(_terms(row)))
        for company in sorted(set(companies)):
            if t.session.get(CompanyRow, company) is None:
                raise NotFound(f"no company {company!r}", f"add it first: yuelu company add {company!r}")
            t.session.add(ProjectCompanyRow(project=name, company=company, opened_at=ledger.now()))
            t.event("project.opened", name, after=company)
        return True


def _refuse_others(access: Access, name: str, companies: Sequence[str]) -> None:
    """Raises Conflict: an existing project is open to others than those it was just asked for."""
    if companies and (access.everybody or set(access.companies) != set(companies)):
        raise Conflict(
            f"project {name} exists and is open to {'all' if access.everybody else ', '.join(access.companies) or 'nobody'}",
            f"to change that: yuelu project open {name} --company NAME",
        )


def _terms(row: ProjectRow) -> dict[str, str | int]:
    """Return what a project promises; all of it but when it was made, and whom it is open to."""
    columns = [column.key for column in ProjectRow.__table__.columns if column.key != "open_to_all"]
    values = {name: getattr(row, name) for name in columns}
    return {name: value for name, value in values.items() if not isinstance(value, datetime)}


def _refuse_change(present: ProjectRow, wanted: ProjectRow) -> None:
    before, after = _terms(present), _terms(wanted)
    changed = [f"{name} {before[name]!r} -> {after[name]!r}" for name in before if before[name] != after[name]]
    if changed:
        raise Conflict(
            f"project {present.name} exists and differs: {'; '.join(changed)}",
            "'yuelu project configure' gives it a new label configuration; for all else make one of another name",
        )
