"""What the commands of judgement ask of the ledger."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import select

from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow, DecisionRow
from yuelu.base.ledger.settling import AdjudicationRow
from yuelu.base.ledger.types import Table
from yuelu.base.ledger.work import AnnotationRow, TaskRow
from yuelu.base.records import Region, region_from_json
from yuelu.base.settings import Settings
from yuelu.base.workspace import open_workspace
from yuelu.pipelines.policies import policy_of
from yuelu.pipelines.score import score
from yuelu.quality.score import Score

Scores = Mapping[str, tuple[Score, ...]]
_MEASURED = ("support", "probability")  # what `review show` tells of a region of the consensus; no part of an answer


def scores_of_project(settings: Settings, project: str, scheduler: str | None = None, workers: int = 1) -> Scores:
    """Return the agreement of a project's answers so far; nothing is written. Where they are compared as for `score`."""
    workspace = open_workspace(settings)
    policy = policy_of(workspace, project)
    return score(workspace, project, policy, dry_run=True, scheduler=scheduler, workers=workers).scores


def task_file(settings: Settings, item_key: str) -> dict[str, Any]:
    """Return all that the ledger knows of a task, or what is to be labelled while somebody judges it blind. Raises NotFound."""
    with open_workspace(settings).ledger.reading() as session:
        task = session.get(TaskRow, item_key)
        if task is None:
            raise NotFound(f"no task {item_key!r}", "see 'yuelu review list'")
        answers = session.scalars(
            select(AnnotationRow).where(AnnotationRow.item_key == item_key).order_by(AnnotationRow.annotator)
        )
        decisions = session.scalars(select(DecisionRow).where(DecisionRow.subject == item_key).order_by(DecisionRow.decided_at))
        corrections = session.scalars(
            select(CorrectionRow).where(CorrectionRow.item_key == item_key).order_by(CorrectionRow.created_at)
        )
        consensus = session.get(ConsensusRow, item_key)
        blind = (AdjudicationRow.item_key == item_key, AdjudicationRow.state == "open", AdjudicationRow.mode == "blind")
        if session.scalar(select(AdjudicationRow.id).where(*blind)) is not None:
            return {"task": _values(task), "blind": True}
        return {
            "task": _values(task),
            "answers": [_values(row, leave_out=("raw",)) for row in answers],
            "consensus": _values(consensus) if consensus else None,
            "decisions": [_values(row) for row in decisions],
            "corrections": [_values(row) for row in corrections],
        }


def _values(row: Table, leave_out: tuple[str, ...] = ()) -> dict[str, Any]:
    return {column.key: getattr(row, column.key) for column in row.__table__.columns if column.key not in leave_out}


def read_regions(path: Path) -> tuple[Region, ...]:
    """Return the regions in a JSON file; what a consensus says of its support is left out. Raises InvalidRecord."""
    try:
        data = json.loads(path.read_bytes())
    except ValueError as error:
        raise InvalidRecord(f"{path}: not JSON: {error}", "give a list of regions") from None
    if not isinstance(data, list):
        raise InvalidRecord(f"{path}: {type(data).__name__}, not a list", "give a list of regions")
    for number, region in enumerate(data, 1):
        if not isinstance(region, dict):
            raise InvalidRecord(f"{path}: region {number} is {type(region).__name__}, not an object", "give a list of regions")
    return tuple(region_from_json({name: region[name] for name in region if name not in _MEASURED}) for region in data)
