"""What the descriptions of a release are made of: its manifest, and counts over its rows. Nothing is typed by hand."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from yuelu.base.canonical import sha256
from yuelu.datasets.build import Built
from yuelu.datasets.release import Release
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.tables import Row, open_table, read_rows, write_sorted

_SAMPLES, _LARGEST = 6, 300_000  # sample pictures, and bytes of each at most
_SHOWN = ("image/png", "image/jpeg", "image/webp")


@dataclass(frozen=True, slots=True)
class TableFacts:
    """A table as it lies in a pulled folder."""

    name: str
    sha256: str
    bytes: int
    rows: int
    schema: pa.Schema


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told of a release. `labels` counts items by control and label; `samples` are pictures as data: addresses."""

    document: Mapping[str, Any]
    tables: tuple[TableFacts, ...]
    labels: Mapping[str, Mapping[str, int]]
    annotators: int
    answers: int
    corrected: int
    first_day: str | None
    last_day: str | None
    samples: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """`name@1.2.0`."""
        return f"{self.document['identity']['name']}@{self.document['identity']['version']}"

    @property
    def published_at(self) -> str | None:
        """When it was published; None where that is not yet known."""
        told = self.document.get("proof", {}).get("published_at")
        return None if told is None else str(told)

    @property
    def items(self) -> int:
        """How many items it has."""
        return int(self.document["content"]["merkle"]["leaves"])

    @property
    def terms(self) -> str:
        """The terms of use, in the owners' words."""
        return "; ".join(self.document["governance"]["terms"])

    def table(self, name: str) -> TableFacts:
        """Return the table of that name."""
        return next(table for table in self.tables if table.name == name)


def facts_of(release: Release) -> Facts:
    """Return the facts of a release, from a store or a pulled folder."""
    tables = tuple(_table(release, name) for name in TABLES)
    return _counted(release.manifest.document, tables, release.rows("items"), release.rows("annotations"), _samples(release))


def facts_of_built(document: Mapping[str, Any], built: Built) -> Facts:
    """Return the facts of a release before it is signed, so that the descriptions can go out with it."""

    def rows(name: str) -> Iterator[Row]:
        return read_rows(open_table(pa.BufferReader(built.table(name).data), name), name)

    tables = tuple(
        TableFacts(
            each.table, each.sha256, len(each.data), each.rows, open_table(pa.BufferReader(each.data), each.table).schema_arrow
        )
        for each in built.tables
    )
    return _counted(document, tables, rows("items"), rows("annotations"), ())


def _table(release: Release, name: str) -> TableFacts:
    """Return a table as pulling writes it, also where the store holds it in layers."""
    parts = release.parts(name)
    batches = release.batches(name)
    if len(parts) == 1:
        return TableFacts(name, parts[0].file.sha256, parts[0].file.bytes, parts[0].rows, next(batches).schema)
    sink = io.BytesIO()
    rows = write_sorted(sink, name, batches)
    data = sink.getvalue()
    return TableFacts(name, sha256(data), len(data), rows, open_table(pa.BufferReader(data), name).schema_arrow)


def _counted(
    document: Mapping[str, Any],
    tables: tuple[TableFacts, ...],
    items: Iterable[Row],
    annotations: Iterable[Row],
    samples: tuple[str, ...],
) -> Facts:
    labels: dict[str, Counter[str]] = {}
    corrected = 0
    for item in items:
        corrected += bool(item["corrected"])
        for control, label in sorted(set(_labels(item))):
            labels.setdefault(control, Counter())[label] += 1
    people, days, answers = set[str](), set[str](), 0
    for row in annotations:
        people.add(row["annotator_pid"])
        days.add(row["answered_on"].isoformat())
        answers += 1
    ordered = {control: dict(counts.most_common()) for control, counts in sorted(labels.items())}
    first, last = (min(days), max(days)) if days else (None, None)
    return Facts(document, tables, ordered, len(people), answers, corrected, first, last, samples)


def _labels(item: Row) -> Iterator[tuple[str, str]]:
    """Yield control and label of each choice, and of each region whatever its kind."""
    for column in item.values():
        if not isinstance(column, list):
            continue
        for entry in column:
            if isinstance(entry, dict) and "control" in entry:
                found = entry.get("labels") if "labels" in entry else [entry.get("label")]
                yield from ((entry["control"], str(label)) for label in found or () if label is not None)


def _samples(release: Release) -> tuple[str, ...]:
    found = list[str]()
    shown = {row["id"]: row["media_type"] for row in release.rows("assets") if row["media_type"] in _SHOWN}
    for file in release.media():
        if len(found) == _SAMPLES:
            break
        if file.sha256 in shown and file.bytes <= _LARGEST:
            data = base64.b64encode(release.read(file)).decode()
            found.append(f"data:{shown[file.sha256]};base64,{data}")
    return tuple(found)


def last_scores(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the scores of each batch's last round: what went out. Those of rounds before stand in the manifest."""
    scores = document["quality"].get("scores", ())
    last: dict[Any, int] = {}
    for each in scores:
        last[each.get("batch")] = max(each.get("round", 1), last.get(each.get("batch"), 1))
    return [each for each in scores if each.get("round", 1) == last[each.get("batch")]]
