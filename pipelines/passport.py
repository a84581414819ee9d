"""The parts of a manifest that the ledger knows: labelling, sources, quality, governance."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from types import MappingProxyType
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.configurations import batches, configuration_of
from yuelu.annotate.templates import Template
from yuelu.base.canonical import digest
from yuelu.base.ledger.judgement import DecisionRow, ScoreRow
from yuelu.base.ledger.media import CollectionRow
from yuelu.base.ledger.places import PlaceRow
from yuelu.base.ledger.work import BatchRow, ProjectRow, SiteRow
from yuelu.datasets.governance import grade_of
from yuelu.pipelines.judge import METHOD
from yuelu.pipelines.released_gate import Held, Waiver, decisions

_SCORE = ("control", "metric", "level", "value", "low", "high", "tasks", "annotators", "annotations", "reason")


def projects_of(session: Session, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return how each project asked for labels, sorted by name."""
    rows = session.scalars(select(ProjectRow).where(ProjectRow.name.in_(names)).order_by(ProjectRow.name))
    return [_project(session, row) for row in rows]


def _project(session: Session, row: ProjectRow) -> dict[str, Any]:
    sites = select(SiteRow.version).join(PlaceRow, PlaceRow.site == SiteRow.name).join(BatchRow, BatchRow.id == PlaceRow.batch)
    versions = sorted(set(session.scalars(sites.where(BatchRow.project == row.name))))
    later = [configuration_of(session, batch) for batch in batches(session, row.name)[1:]]
    more = {"label_configs": [_asked(each) for each in later]} if later else {}
    return {
        "name": row.name,
        "collection": row.collection,
        "medium": row.medium,
        "task_description": {"version": row.description_version, "digest": row.description_digest},
        "label_config": {"name": row.template, "version": row.template_version, "digest": row.template_digest},
        **more,
        "overlap": row.overlap,
        "tools": [{"name": "Label Studio", "version": version} for version in versions],
    }


def _asked(template: Template) -> dict[str, Any]:
    """Return a later version of what was asked; tasks that were answered before it stayed under the first."""
    config = {"name": template.name, "version": template.version, "digest": template.digest}
    return {**config, "task_description": {"version": template.version, "digest": template.description_digest}}


def sources_of(
    session: Session, projects: Sequence[Mapping[str, Any]], sources: Mapping[str, Mapping[str, int]]
) -> list[dict[str, Any]]:
    """Return one entry per collection; `sources` maps project -> keyed hash of a source -> bytes."""
    by_collection: dict[str, dict[str, int]] = {}
    for project in projects:
        by_collection.setdefault(project["collection"], {}).update(sources.get(project["name"], {}))
    return [_source(session, name, by_collection[name]) for name in sorted(by_collection)]


def _source(session: Session, name: str, hashes: Mapping[str, int]) -> dict[str, Any]:
    row = session.get_one(CollectionRow, name)
    return {
        "collection": name,
        "owner": row.owner,
        "legal_basis": row.legal_basis,
        "grade": row.grade,
        "terms": row.terms,
        "assets": len(hashes),
        "released_bytes": sum(hashes.values()),
        # the keyed hashes themselves are the column `source` of the assets table
        "hashes": {"kind": "HMAC-SHA256", "digest": digest(sorted(hashes))},
    }


def governance_of(sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the grade and the terms that hold for the whole."""
    return {
        "grade": grade_of(source["grade"] for source in sources),
        "terms": sorted({source["terms"] for source in sources}),
        "legal_bases": sorted({source["legal_basis"] for source in sources}),
    }


def quality_of(session: Session, names: Sequence[str], waived: Mapping[Held, Waiver] = MappingProxyType({})) -> dict[str, Any]:
    """Return the scores of the projects' batches, and how many tasks and batches ended how at which gate.

    The gate that holds a batch back says who waived it and why.
    """
    gates = _gates(session, names)
    for each, waiver in waived.items():
        gates.setdefault((each.policy, each.policy_digest), _gate())["waivers"].append(each.waived(waiver))
    said = [{"policy": policy, "digest": policy_digest, **gate} for (policy, policy_digest), gate in sorted(gates.items())]
    return {"scores": _scores(session, names), "gates": said, "consensus": METHOD}


def _scores(session: Session, names: Sequence[str]) -> list[dict[str, Any]]:
    query = (
        select(ScoreRow, BatchRow.project)
        .join(BatchRow, BatchRow.id == ScoreRow.batch)
        .where(BatchRow.project.in_(names))
        .order_by(BatchRow.project, ScoreRow.batch, ScoreRow.round, ScoreRow.control, ScoreRow.metric)
    )
    return [
        {"project": project, "batch": row.batch, "round": row.round, **{name: getattr(row, name) for name in _SCORE}}
        for row, project in session.execute(query)
    ]


def _gate() -> dict[str, Any]:
    return {"tasks": {}, "batches": {}, "waivers": []}


def _gates(session: Session, names: Sequence[str]) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the outcomes of the last decision about each task and each batch, counted by policy and its digest."""
    columns = (DecisionRow.subject, DecisionRow.policy, DecisionRow.policy_digest, DecisionRow.outcome)
    gates: dict[tuple[str, str], dict[str, Any]] = {}
    kinds: tuple[tuple[Literal["task", "batch"], str], ...] = (("task", "tasks"), ("batch", "batches"))
    for kind, named in kinds:
        rows_in_order = session.execute(decisions(kind, names, *columns)).yield_per(1000)
        for _, rows in groupby(rows_in_order, key=lambda row: row[0]):
            *_, (_, policy, policy_digest, outcome) = rows
            counts = gates.setdefault((policy, policy_digest), _gate())[named]
            counts[outcome] = counts.get(outcome, 0) + 1
    return gates
