"""Releases written, verified and opened: against bare pyarrow and SHA-256 on the same rows; requests of the newest of many."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from measuring import OURS, PARTS, Row, Settings, peak_mb, timed

from yuelu.base.canonical import sha256
from yuelu.base.signing import SigningKey
from yuelu.base.store.local import LocalStore
from yuelu.datasets.build import Built, build
from yuelu.datasets.commit import commit
from yuelu.datasets.draft import Draft
from yuelu.datasets.labelled import Answer, Judgement, LabelledItem, Medium
from yuelu.datasets.release import open_release
from yuelu.datasets.verify import verify_stored

KEY = SigningKey(bytes(range(32)))
NAME = "bench"
MEDIUM = b"one picture that all items share"


def rows(settings: Settings) -> list[Row]:
    """Return what it costs to make the tables of a release, to verify them, and to open the newest of many versions."""
    count = 10_000 if settings.quick else 100_000
    made: list[Built] = []
    with peak_mb() as peak:
        spent = timed(lambda: made.append(build(items(count, settings.seed))))
        top = peak()
    size = sum(table.size for table in made[0].tables)
    job = f"tables of {count} items, {3 * count} answers"
    found = [Row(job, "yuelu: rows, digests, Merkle tree, files", OURS, count, *spent, size, top)]
    found.append(Row(job, "bare pyarrow + SHA-256 of the same tables", PARTS, count, *_bare(made[0], settings.folder), size))
    store = LocalStore(settings.folder / "store")
    published(store, made[0])
    found += _verified(store, made[0], count, size)
    return [*found, _newest(store, settings)]


def items(count: int, seed: int, changed: frozenset[int] = frozenset(), first: int = 0) -> Iterator[LabelledItem]:
    """Yield items with a choice, a box and three answers; those that are `changed` have another label."""
    medium = Medium(sha256(MEDIUM), "image", "image/png", len(MEDIUM), "s" * 64, False, {"width_px": 640, "height_px": 480})
    for number in range(first, first + count):
        label = ("good", "bad", "wet")[(number * 7919 + seed + (number in changed)) % 3]
        x = float(number % 500) + 0.25
        regions = (
            {"kind": "choice", "control": "quality", "labels": [label], "region_id": None, "probability": 2 / 3},
            {"kind": "box", "id": "b", "control": "defect", "label": label, "item": 0, "x_px": x, "y_px": 3.5,
             "width_px": 20.0, "height_px": 30.0, "rotation_deg": 0.0, "support": 1.0},
        )  # fmt: skip
        group = f"group-{number // 4}"
        answers = tuple(Answer(f"{number:08}-{who}", f"pid-{who}", 1, date(2026, 5, 6), 12.5, regions) for who in range(3))
        yield LabelledItem(
            id=f"{number:064x}", project="p", medium="image", split="train", group=group, round=1, task_digest="t" * 64,
            media=(medium,), answers=answers, judgement=Judgement(regions, 3, 2 / 3, 0.9, "accept"),
        )  # fmt: skip


def published(store: LocalStore, built: Built, number: int = 0) -> None:
    """Publish what was built."""
    project = {"name": "p", "task_description": {"digest": "d" * 64}, "label_config": {"digest": "c" * 64}}
    terms = {"grade": "general", "terms": [f"version {number}"]}
    draft = Draft(NAME, built, [project], [], {"scores": [], "gates": []}, terms)
    commit(store, draft, KEY, lambda _: MEDIUM, {"published_at": "2026-01-01T00:00:00+00:00", "nonce": f"{number}"})


def _bare(built: Built, folder: Path) -> tuple[float, float]:
    tables = [pq.read_table(table.open()) for table in built.tables]

    def write() -> None:
        for number, table in enumerate(tables):
            path = folder / f"{number}.parquet"
            pq.write_table(table, path, compression="zstd", compression_level=3, row_group_size=8_192)
            with path.open("rb") as file:
                hashlib.file_digest(file, "sha256")

    return timed(write)


def _verified(store: LocalStore, built: Built, count: int, size: int) -> list[Row]:
    job = f"verify {count} items"

    def check() -> None:
        assert verify_stored(store, NAME, key=KEY.public).ok

    whole = timed(check)
    data = [table.data for table in built.tables]
    bare = timed(lambda: [hashlib.sha256(each).hexdigest() for each in data])
    return [
        Row(job, "yuelu verify: bytes, pages, every row's digest, Merkle root", OURS, count, *whole, size),
        Row(job, "SHA-256 of the files", PARTS, count, *bare, size),
    ]


class _Counted(LocalStore):
    """A store that counts what is asked of it."""

    asked = 0

    def read(self, key: str) -> bytes:
        self.asked += 1
        return super().read(key)


def _newest(store: LocalStore, settings: Settings) -> Row:
    versions = 50 if settings.quick else 1_000
    small = build(items(10, settings.seed))
    many = LocalStore(settings.folder / "many")
    for number in range(versions):
        published(many, replace(small), number)
    counted = _Counted(settings.folder / "many")
    spent = timed(lambda: open_release(counted, NAME))
    return Row(
        f"open the newest of {versions} versions",
        "yuelu: open_release",
        OURS,
        1,
        *spent,
        note=f"{counted.asked} reads and one list",
    )
