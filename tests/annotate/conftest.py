"""A ledger with a collection of assets, without any server."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from yuelu.base.canonical import sha256
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.work import AnnotatorRow, CompanyRow, SiteRow

MADE = datetime(2026, 1, 2, tzinfo=UTC)


class Books:
    """A ledger and short ways to fill it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def asset(self, name: str, role: str = "source", medium: str = "image", source: str | None = None, **facts: Any) -> str:
        """Add an asset; a source is also listed in collection `c`. Return its hash."""
        digest = sha256(name.encode())
        row = {"sha256": digest, "medium": medium, "media_type": "x/y", "bytes": 1, "role": role, "group": "g"}
        with self.ledger.transaction("test") as t:
            t.add_new(AssetRow, [{**row, "derived_from": source, "store_key": None, "facts": facts}])
            if role == "source":
                self.listed(t, name, digest)
            if source is not None:
                origin = t.session.get_one(AssetRow, source)
                origin.facts = {**origin.facts, role: digest}
        return digest

    def listed(self, t: Any, name: str, digest: str, outcome: str = "accepted") -> None:
        row = {"collection": "c", "source": "s", "path": name, "bytes": 1, "modified_ns": 1, "reason": None}
        t.add_new(ListingRow, [{**row, "outcome": outcome, "sha256": digest, "listed_at": MADE}])


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite3")
    ledger.migrate()
    with ledger.transaction("test") as t:
        row = {"owner": "o", "legal_basis": "b", "grade": "g", "terms": "t", "created_at": MADE}
        t.add_new(CollectionRow, [{"name": "c", **row}])
        t.add_new(SiteRow, [{"name": "site", "url": "u", "version": "v"}])
        t.add_new(CompanyRow, [{"name": "ash"}])
        t.add_new(AnnotatorRow, [{"id": name, "company": "ash", "scripted": True} for name in "abcdef"])
    yield Books(ledger)
    ledger.close()
