"""The signals of a batch: its counted answers, times, companies, gold and predictions, as `quality.signals` looks at them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.answers import counted
from yuelu.annotate.configurations import configuration_of
from yuelu.base.canonical import digest
from yuelu.base.ledger.judgement import CorrectionRow
from yuelu.base.ledger.packets import PacketRow, PacketTaskRow
from yuelu.base.ledger.places import PredictionRow
from yuelu.base.ledger.settling import GoldRow
from yuelu.base.ledger.work import AnnotatorRow, BatchRow, TaskRow
from yuelu.base.records import Annotation, Choice, Region, region_from_json, region_said
from yuelu.base.schemas import LABELS, TOGETHER
from yuelu.pipelines.named import batch_named
from yuelu.pipelines.released_tasks import chunks
from yuelu.quality.signals.catalogue import Answers, signals
from yuelu.quality.signals.clock import Passed
from yuelu.quality.signals.record import Looked

_NAMES = ("id", "label", "labels", "control")  # of a region: what it is called says nothing of how it was drawn


@dataclass(frozen=True, slots=True)
class Seen:
    """The signals of a batch; `control` is the choice that the labels are of, "" when the configuration asks none."""

    batch: str
    control: str
    answers: int
    looked: tuple[Looked, ...]


def signals_of(session: Session, name: str) -> tuple[Seen, ...]:
    """Return the signals of the batch, for each choice about the whole task that it asks. Raises NotFound."""
    batch = batch_named(session, name)
    keys = list(session.scalars(select(TaskRow.item_key).where(TaskRow.batch == batch.id)))
    answers = [answer for some in chunks(sorted(keys)) for answer in counted(session, some)]
    controls = [each.name for each in configuration_of(session, batch).controls if each.kind == "choices" and not each.per]
    return tuple(_seen(session, batch, answers, control) for control in controls or [""])


def _seen(session: Session, batch: BatchRow, answers: Sequence[Annotation], control: str) -> Seen:
    labels = _labels({(answer.item_key, answer.annotator): answer.regions for answer in answers}, control)
    told = Answers(
        labels=labels,
        seconds={(a.item_key, a.annotator): a.lead_time_s for a in answers if a.lead_time_s},
        companies=_companies(session, batch.id),
        gold=_gold(session, control, sorted({answer.item_key for answer in answers})),
        shapes=[(a.item_key, a.annotator, shape) for a in answers for shape in _shapes(a.regions)],
        shown=_shown(session, batch.id),
        passed=_passed(session, batch.id, answers),
    )
    return Seen(batch.id, control, len(answers), signals(told))


def _labels(regions: Mapping[tuple[str, str], Sequence[Region]], control: str) -> pa.Table:
    rows = [
        {"task": task, "annotator": annotator, "label": label}
        for (task, annotator), said in regions.items()
        if (label := _label(said, control)) is not None
    ]
    return pa.Table.from_pylist(rows, LABELS)


def _label(regions: Sequence[Region], control: str) -> str | None:
    for region in regions:
        if isinstance(region, Choice) and region.control == control and region.region_id is None:
            return TOGETHER.join(sorted(region.labels))
    return None


def _shapes(regions: Sequence[Region]) -> list[str]:
    """Return the digest of each drawn region's geometry."""
    drawn = (region_said(region) for region in regions if getattr(region, "id", None))
    return [digest({name: value for name, value in said.items() if name not in _NAMES}) for said in drawn]


def _companies(session: Session, batch: str) -> dict[str, str]:
    rows = select(PacketRow.annotator, PacketRow.company).where(PacketRow.batch == batch).order_by(PacketRow.opened_at)
    return {annotator: company for annotator, company in session.execute(rows)}  # noqa: C416  its rows are no tuples to mypy


def _passed(session: Session, batch: str, answers: Sequence[Annotation]) -> dict[str, Passed]:
    """Return by person what they reported, and how long their packets were open until the last answer in each; no scripts."""
    query = select(PacketTaskRow.item_key, PacketRow.annotator, PacketRow.id, PacketRow.opened_at)
    query = query.join(PacketRow, PacketRow.id == PacketTaskRow.packet).join(AnnotatorRow, AnnotatorRow.id == PacketRow.annotator)
    held = query.where(PacketRow.batch == batch, ~AnnotatorRow.scripted, PacketTaskRow.state != "released")
    packets = {(key, who): (packet, opened) for key, who, packet, opened in session.execute(held)}
    reported: dict[tuple[str, str], tuple[float, float, int]] = {}
    for each in answers:
        if each.lead_time_s is None or (each.item_key, each.annotator) not in packets:
            continue
        packet, opened = packets[each.item_key, each.annotator]
        seconds, passed, count = reported.get((each.annotator, packet), (0.0, 0.0, 0))
        last = (each.updated_at - opened).total_seconds()
        reported[each.annotator, packet] = (seconds + each.lead_time_s, max(passed, last), count + 1)
    found: dict[str, Passed] = {}
    for (who, _), (seconds, passed, count) in reported.items():
        before = found.get(who, Passed(0.0, 0.0, 0))
        found[who] = Passed(before.reported_s + seconds, before.passed_s + passed, before.answers + count)
    return found


def _gold(session: Session, control: str, keys: Sequence[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in chunks(keys):
        joined = select(GoldRow.item_key, CorrectionRow.regions).join(CorrectionRow, CorrectionRow.id == GoldRow.correction)
        for key, regions in session.execute(joined.where(GoldRow.state == "gold", GoldRow.item_key.in_(some))):
            label = _label([region_from_json(region) for region in regions], control)
            if label is not None:
                found[key] = label
    return found


def _shown(session: Session, batch: str) -> list[tuple[str, str]]:
    rows = select(PredictionRow.item_key, PredictionRow.regions).join(TaskRow, TaskRow.item_key == PredictionRow.item_key)
    return [
        (key, shape)
        for key, regions in session.execute(rows.where(TaskRow.batch == batch))
        for shape in _shapes([region_from_json(region) for region in regions])
    ]
