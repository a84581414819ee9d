"""From chosen tasks to the labelled items of a release: their media, answers and judgement.

Nothing of a server (its ids, its region ids), no moment finer than a day and no order of arrival goes out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import as_annotation, counted
from yuelu.base.canonical import digest, keyed
from yuelu.base.errors import Conflict
from yuelu.base.ledger.judgement import ConsensusRow, CorrectionRow, DecisionRow
from yuelu.base.ledger.work import AnnotationRow, BatchRow, TaskRow
from yuelu.base.records import Annotation, asset_key, region_to_json
from yuelu.base.store.port import Store
from yuelu.datasets.labelled import Answer, Judgement, LabelledItem
from yuelu.datasets.region_rows import Region
from yuelu.datasets.regions import region_columns
from yuelu.datasets.split import assign_split
from yuelu.pipelines.released_media import ReleasedMedium, released_media
from yuelu.pipelines.released_tasks import ChosenTask, chunks

Media = Mapping[str, Sequence[ReleasedMedium]]
Scale = tuple[float, float]  # across and down, from what was labelled to the released file


def pseudonym(secret: bytes, dataset: str, annotator: str) -> str:
    """Return the name under which an annotator appears in one dataset; another dataset has another one."""
    return keyed(secret, f"pseudonym:{dataset}", annotator)[:16]


@dataclass(slots=True)
class Released:
    """What is learned while items are read: source hash -> bytes by project, and proxies that lie elsewhere than usual."""

    sources: dict[str, dict[str, int]] = field(default_factory=dict)
    store_keys: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemReader:
    """Reads the items of one release of `dataset` from one consistent state of the ledger."""

    session: Session
    store: Store
    dataset: str
    secret: bytes
    shares: Mapping[str, int]
    released: Released = field(default_factory=Released)

    def read(self, chosen: Sequence[ChosenTask]) -> Iterator[LabelledItem]:
        """Yield the items of `chosen`, in that order, some hundred in memory at a time."""
        for some in chunks(chosen):
            items = (item for task in some for item in task.items)
            media = released_media(self.session, self.store, items, self.dataset, self.secret)
            self._learn(some, media)
            answers = self._answers(some, media)
            judged = self._judged(some)
            for task in some:
                yield self._item(task, media, answers.get(task.item_key, ()), judged)

    def _learn(self, tasks: Sequence[ChosenTask], media: Media) -> None:
        for task in tasks:
            sources = self.released.sources.setdefault(task.project, {})
            for item in task.items:
                sources[media[item][0].medium.source] = sum(each.row.bytes for each in media[item])
        for row in (each.row for released in media.values() for each in released):
            if row.store_key != asset_key(row.sha256):
                self.released.store_keys[row.sha256] = str(row.store_key)

    def _answers(self, tasks: Sequence[ChosenTask], media: Media) -> dict[str, list[Answer]]:
        """Return the answers that were judged, of this and earlier rounds, by the item key of the chosen task."""
        rounds = (
            select(TaskRow.item_key, TaskRow.subject, TaskRow.round, BatchRow.project)
            .join(BatchRow, BatchRow.id == TaskRow.batch)
            .where(TaskRow.subject.in_([task.subject for task in tasks]))
        )
        chosen = {(task.subject, task.project): task for task in tasks}
        home: dict[str, tuple[ChosenTask, int]] = {}
        for item_key, subject, number, project in self.session.execute(rounds):
            task = chosen.get((subject, project))
            if task and number <= task.round:
                home[item_key] = task, number
        found: dict[str, list[Answer]] = {}
        for annotation in judged_answers(self.session, sorted(home)):
            task, number = home[annotation.item_key]
            found.setdefault(task.item_key, []).append(self._answer(annotation, number, _scales(task, media)))
        return found

    def _answer(self, annotation: Annotation, number: int, scales: Sequence[Scale]) -> Answer:
        # The answer's own uid is made by a server, or from the annotator's name: neither may be recognised outside. Of one
        # person only one answer to a task counts, so task and person name it just as well.
        return Answer(
            id=keyed(self.secret, f"annotation:{self.dataset}", f"{annotation.item_key}\0{annotation.annotator}")[:32],
            annotator_pid=pseudonym(self.secret, self.dataset, annotation.annotator),
            round=number,
            answered_on=annotation.updated_at.astimezone(UTC).date(),
            lead_time_s=annotation.lead_time_s,
            regions=fitted(map(region_to_json, annotation.regions), scales),
        )

    def _judged(self, tasks: Sequence[ChosenTask]) -> "_Judged":
        keys = [task.item_key for task in tasks]
        consensus = self.session.scalars(select(ConsensusRow).where(ConsensusRow.item_key.in_(keys)))
        corrections = self.session.scalars(
            select(CorrectionRow).where(CorrectionRow.item_key.in_(keys)).order_by(CorrectionRow.created_at, CorrectionRow.id)
        )
        decisions = self.session.scalars(
            select(DecisionRow)
            .where(DecisionRow.subject_kind == "task", DecisionRow.subject.in_(keys))
            .order_by(DecisionRow.decided_at, DecisionRow.id)
        )
        return _Judged(  # the last of each stands
            {row.item_key: row for row in consensus},
            {row.item_key: row for row in corrections},
            {row.subject: row for row in decisions},
        )

    def _item(self, task: ChosenTask, media: Media, answers: Sequence[Answer], judged: "_Judged") -> LabelledItem:
        files = tuple(each.medium for item in task.items for each in media[item])
        group = keyed(self.secret, f"group:{self.dataset}", task.group)[:32]
        return LabelledItem(
            id=task.id,
            project=task.project,
            medium=task.medium,
            # by the ledger's own group, so that a patient is in the same split of every dataset of this workspace
            split=assign_split(task.group, self.secret, self.shares),
            group=group,
            round=task.round,
            task_digest=digest({
                "id": task.id, "project": task.project, "round": task.round, "group": group,
                "sources": [file.source for file in files],
            }),
            media=files,
            answers=tuple(answers),
            judgement=self._judgement(task, answers, judged, _scales(task, media)),
        )  # fmt: skip

    def _judgement(self, task: ChosenTask, answers: Sequence[Answer], judged: "_Judged", scales: Sequence[Scale]) -> Judgement:
        consensus = judged.consensus.get(task.item_key)
        correction = judged.corrections.get(task.item_key)
        decision = judged.decisions.get(task.item_key)
        if correction is None and consensus is None:
            raise Conflict(f"task {task.item_key} is accepted and has no consensus", "run 'yuelu agreement' on its project")
        return Judgement(
            regions=fitted(correction.regions if correction else supported(consensus) if consensus else (), scales),
            answers=consensus.answers if consensus else sum(answer.round == task.round for answer in answers),
            probability=consensus.probability if consensus and not correction else None,
            entropy=consensus.entropy if consensus else None,
            decision=decision.outcome if decision else None,
            corrected=correction is not None,
            consensus_digest=_consensus_digest(consensus) if consensus else None,
            correction_digest=self._correction_digest(correction) if correction else None,
            decision_digest=_decision_digest(decision) if decision else None,
        )

    def _correction_digest(self, row: CorrectionRow) -> str:
        owner = pseudonym(self.secret, self.dataset, row.owner)
        return digest({"regions": region_columns(row.regions, judged=True), "owner": owner, "reason": row.reason})


def judged_answers(session: Session, item_keys: Sequence[str]) -> list[Annotation]:
    """Return the very versions that were judged, whatever became of them since; of a task never judged those that count.

    Raises Conflict: a judged version is not in the ledger.
    """
    judged: dict[tuple[str, int], str] = {}
    decided: set[str] = set()
    for some in chunks(item_keys):
        for key, versions in session.execute(
            select(ConsensusRow.item_key, ConsensusRow.judged).where(ConsensusRow.item_key.in_(some))
        ):
            decided.add(key)
            judged |= dict.fromkeys(map(tuple, versions), key)
    found: dict[tuple[str, int], Annotation] = {}
    for some in chunks(sorted({uid for uid, _ in judged})):
        rows = session.scalars(select(AnnotationRow).where(AnnotationRow.uid.in_(some)))
        found |= {(row.uid, row.version): as_annotation(row) for row in rows if (row.uid, row.version) in judged}
    for uid, version in sorted(judged.keys() - found.keys()):
        task = judged[uid, version]
        raise Conflict(
            f"answer {uid} version {version}, judged in task {task}, is not in the ledger", "restore the ledger from a copy"
        )
    return [found[each] for each in sorted(found)] + counted(session, [key for key in item_keys if key not in decided])


@dataclass(frozen=True, slots=True)
class _Judged:
    consensus: Mapping[str, ConsensusRow]
    corrections: Mapping[str, CorrectionRow]
    decisions: Mapping[str, DecisionRow]


def _scales(task: ChosenTask, media: Media) -> tuple[Scale, ...]:
    return tuple(each.scale for item in task.items for each in media[item])


def fitted(regions: Iterable[Region], scales: Sequence[Scale]) -> tuple[Region, ...]:
    """Return the regions in pixels of the released files; the ledger keeps them in pixels of what was labelled.

    A mask has a grid of its own, and tracks are in pixels of the proxy already.
    """
    return tuple(_fitted(region, scales) for region in regions)


def _fitted(region: Region, scales: Sequence[Scale]) -> Region:
    if region["kind"] not in _IN_PIXELS or scales[region["item"]] == (1.0, 1.0):
        return region
    across, down = scales[region["item"]]
    sides = {name: region[name] * across for name in _ACROSS if name in region}
    sides |= {name: region[name] * down for name in _DOWN if name in region}
    for name in ("points_px", "curve_px"):
        if name in region:
            sides[name] = [[x * across, y * down] for x, y in region[name]]
    if "vertices" in region:
        inner = [(across, down)]
        sides["vertices"] = [_fitted({**each, "kind": "vertex", "item": 0}, inner) for each in region["vertices"]]
    return {**region, **sides}


_IN_PIXELS = frozenset({"box", "ellipse", "polygon", "keypoint", "vector", "vertex"})
_ACROSS = ("x_px", "width_px", "radius_x_px")
_DOWN = ("y_px", "height_px", "radius_y_px")


def _consensus_digest(row: ConsensusRow) -> str:
    measured = {name: getattr(row, name) for name in ("method", "probability", "entropy", "answers", "answers_digest")}
    return digest({**measured, "regions": region_columns(supported(row), judged=True)})


def _decision_digest(row: DecisionRow) -> str:
    names = ("round", "outcome", "rule", "policy", "policy_digest", "evidence")
    return digest({name: getattr(row, name) for name in names})


def supported(row: ConsensusRow) -> tuple[Region, ...]:
    """Return the regions of a consensus with what the votes say of each: its support, or the share of a majority."""
    return tuple(_supported(region, row) for region in row.regions)


def _supported(region: Region, row: ConsensusRow) -> Region:
    votes = row.votes.get(region.get("id", region["control"]))
    if isinstance(votes, Mapping):  # the shares of the labels of a choice
        told = votes.get("+".join(region["labels"])) if row.method == "majority" else None
        return {"probability": told, "soft_labels": votes, **region}
    share = votes / row.answers if isinstance(votes, int | float) and row.answers else None
    return {"probability" if region["kind"] == "choice" else "support": share, **region}
