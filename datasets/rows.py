"""From labelled items to the rows of a release's tables, and to the leaves of its Merkle tree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from yuelu.base import merkle
from yuelu.base.canonical import canonical
from yuelu.datasets.clock import VideoClock
from yuelu.datasets.labelled import Answer, LabelledItem, Medium
from yuelu.datasets.layout import media_path
from yuelu.datasets.regions import region_columns
from yuelu.datasets.schemas import ASSETS
from yuelu.datasets.tables import Row, row_digest

_FACTS = ASSETS.names[5:]  # the optional facts; anything else that a reader of media noted stays inside
_REAL_FACTS = ("duration_s", "frame_rate_hz", "sampling_rate_hz")


@dataclass(frozen=True, slots=True)
class ItemRows:
    """The rows of one item; `annotations` and `assets` are sorted by id."""

    item: Row
    annotations: tuple[Row, ...]
    assets: tuple[Row, ...]
    evidence: Row


def rows_of(item: LabelledItem) -> ItemRows:
    """Return the rows of `item`. The order of its answers and of their regions makes no difference."""
    clock = VideoClock(_real(item.media[0].facts.get("frame_rate_hz")), item.media[0].frame_times_s)
    item_row = _item_row(item, clock)
    annotations = sorted((_annotation_row(item.id, answer, clock) for answer in item.answers), key=lambda row: str(row["id"]))
    assets = [asset_row(medium) for medium in item.media]
    evidence = evidence_row(
        item_row, assets, annotations,
        task=item.task_digest,
        consensus=item.judgement.consensus_digest,
        correction=item.judgement.correction_digest,
        decision=item.judgement.decision_digest,
    )  # fmt: skip
    unique = {str(row["id"]): row for row in assets}
    return ItemRows(item_row, tuple(annotations), tuple(unique[key] for key in sorted(unique)), evidence)


def evidence_row(item: Row, assets: Sequence[Row], annotations: Sequence[Row], **digests: str | None) -> Row:
    """Return the evidence of an item from its rows; `assets` in the item's order, `annotations` sorted by id."""
    chain: Row = {
        "id": item["id"],
        "item": row_digest(item),
        "assets": [row_digest(row) for row in assets],
        "annotations": [row_digest(row) for row in annotations],
        **digests,
    }
    return {**chain, "leaf": leaf(chain).hex()}


def leaf(chain: Mapping[str, Any]) -> bytes:
    """Return the Merkle leaf hash of a row of evidence, taken without its column `leaf`."""
    return merkle.leaf_hash(canonical({name: value for name, value in chain.items() if name != "leaf"}))


def asset_row(medium: Medium) -> Row:
    """Return the row of a released file. A fact that is not a number of the right kind is null."""
    facts: Row = {name: _real(medium.facts.get(name)) for name in _FACTS}
    whole = {name: int(value) for name, value in facts.items() if value is not None and name not in _REAL_FACTS}
    return {
        "id": medium.sha256,
        "path": media_path(medium.sha256, medium.media_type),
        "medium": medium.medium,
        "media_type": medium.media_type,
        "bytes": medium.bytes,
        **facts,
        **whole,
    }


def _item_row(item: LabelledItem, clock: VideoClock) -> Row:
    judgement = item.judgement
    return {
        "id": item.id,
        "project": item.project,
        "medium": item.medium,
        "split": item.split,
        "group": item.group,
        "media": [
            {
                "sha256": each.sha256,
                "path": media_path(each.sha256, each.media_type),
                "media_type": each.media_type,
                "source": each.source,
                "deidentified": each.deidentified,
            }
            for each in item.media
        ],
        **region_columns(judgement.regions, judged=True, clock=clock),
        "probability": judgement.probability,
        "entropy": judgement.entropy,
        "answers": judgement.answers,
        "round": item.round,
        "decision": judgement.decision,
        "corrected": judgement.corrected,
        "calibrated_probability": judgement.calibrated_probability,
    }


def _annotation_row(item: str, answer: Answer, clock: VideoClock) -> Row:
    return {
        "id": answer.id,
        "item": item,
        "annotator_pid": answer.annotator_pid,
        "round": answer.round,
        "answered_on": answer.answered_on,
        "lead_time_s": answer.lead_time_s,
        **region_columns(answer.regions, judged=False, clock=clock),
    }


def _real(value: object) -> float | None:
    """Return a fact as a number; media libraries give frame rates as fractions, also as text such as '30000/1001'."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Fraction):
        return None
    try:
        return float(Fraction(value) if isinstance(value, str) else value)
    except (ValueError, ZeroDivisionError):
        return None
