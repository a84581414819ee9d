"""Small releases, built through the real functions."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from yuelu.base.canonical import sha256
from yuelu.base.signing import SigningKey
from yuelu.base.store.local import LocalStore
from yuelu.datasets.build import Built, build
from yuelu.datasets.commit import Committed, commit
from yuelu.datasets.draft import Draft
from yuelu.datasets.labelled import Answer, Judgement, LabelledItem, Medium
from yuelu.datasets.pull import pull
from yuelu.datasets.split import assign_split

SECRET = b"s" * 32
KEY = SigningKey(bytes(range(32)))


def media_bytes(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest() * (3 + number % 3)


def box(label: str = "scratch", x: float = 10.0, width: float = 30.0, **extra: Any) -> dict[str, Any]:
    place = {"item": 0, "x_px": x, "y_px": 20.0, "width_px": width, "height_px": 40.0, "rotation_deg": 0.0}
    return {"kind": "box", "id": "made-by-a-browser", "control": "defects", "label": label, **place, **extra}


def choice(label: str = "good", **extra: Any) -> dict[str, Any]:
    return {"kind": "choice", "control": "quality", "labels": [label], "region_id": None, **extra}


def medium(number: int) -> Medium:
    data = media_bytes(number)
    facts = {"width_px": 64, "height_px": 48, "patient_name": "never goes out"}
    return Medium(sha256(data), "image", "image/png", len(data), sha256(b"source %d" % number), False, facts)


def item(number: int, regions: tuple[Mapping[str, Any], ...] | None = None, **changes: Any) -> LabelledItem:
    group = f"group-{number // 2}"
    regions = (choice(probability=0.9), box(support=1.0)) if regions is None else regions
    values: dict[str, Any] = {
        "id": sha256(b"item %d" % number),
        "project": "boards",
        "medium": "image",
        "split": assign_split(group, SECRET),
        "group": group,
        "round": 1,
        "task_digest": sha256(b"task %d" % number),
        "media": (medium(number),),
        "answers": tuple(answer(number, person) for person in range(3)),
        "judgement": Judgement(regions, 3, 0.9, 0.5, "accept"),
    }
    return LabelledItem(**{**values, **changes})


def answer(number: int, person: int) -> Answer:
    regions = (choice(), box(x=10.0 + person))
    return Answer(f"answer-{number}-{person}", f"pid-{person}", 1, date(2026, 5, 6), 12.5 + person, regions)


def built(items: list[LabelledItem]) -> Built:
    return build(sorted(items, key=lambda each: each.id))


def draft(items: list[LabelledItem], config: str = "c" * 64, **changes: Any) -> Draft:
    project = {
        "name": "boards",
        "task_description": {"version": "1", "digest": "d" * 64},
        "label_config": {"name": "boxes", "version": "1", "digest": config},
        "overlap": 3,
    }
    values: dict[str, Any] = {
        "name": "boards",
        "built": built(items),
        "projects": [project],
        "sources": [{"collection": "boards", "grade": "general", "terms": "research only"}],
        "quality": {"scores": [], "gates": []},
        "governance": {"grade": "general", "terms": ["research only"]},
    }
    return Draft(**{**values, **changes})


@dataclass
class Shop:
    """A store to publish to, and everything that a test wants to do with it."""

    root: Path

    def __post_init__(self) -> None:
        self.store = LocalStore(self.root / "store")
        self.known = {sha256(media_bytes(number)): media_bytes(number) for number in range(100)}

    def publish(self, items: list[LabelledItem], nonce: str = "nonce", **changes: Any) -> Committed:
        proof = {"published_at": "2026-05-06T07:08:09+00:00", "nonce": nonce}
        return commit(self.store, draft(items, **changes), KEY, self.known.__getitem__, proof)

    def pull(self, version: str | None = None, to: str = "pulled") -> Path:
        dest = self.root / to
        pull(self.store, "boards", version, dest, key=KEY.public)
        return dest


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def make() -> SimpleNamespace:
    """The functions above: test modules cannot import each other."""
    return SimpleNamespace(
        item=item, box=box, choice=choice, answer=answer, medium=medium, built=built, draft=draft,
        media_bytes=media_bytes, KEY=KEY, SECRET=SECRET,
    )  # fmt: skip
