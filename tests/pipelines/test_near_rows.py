"""Clusters in the ledger: found, kept, found again; and what they tell about a collection."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from yuelu.base.canonical import sha256
from yuelu.base.errors import NotFound
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.ledger.near import ClusterRow, SearchRow
from yuelu.base.settings import Settings
from yuelu.base.workspace import Workspace, init
from yuelu.pipelines.ingest.alarms import LIMITS, alarms
from yuelu.pipelines.ingest.steps import UNKNOWN, next_step
from yuelu.pipelines.ingest.summary import summary
from yuelu.pipelines.near import rows as near_rows
from yuelu.pipelines.near.clusters import search
from yuelu.pipelines.near.rows import find_near, last_search

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE, FAR = 0x00000000FFFFFFFF, 0x0F0F0F0F0F0F0F0F
DARK = {"mean_share": 0.01, "bright_share": 0.0, "laplacian_variance": 90.0}


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_ledger")
    workspace = init(Settings(tmp_path / "w", ledger=url), secret=b"s" * 32)
    workspace.ledger.now = lambda: NOON
    with workspace.ledger.transaction("test") as t:
        terms = {"owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": NOON}
        t.add_new(CollectionRow, [{"name": name, **terms} for name in ("a", "b")])
    yield workspace
    workspace.ledger.close()


def add(workspace: Workspace, path: str, *codes: int, collection: str = "a", copy: bool = False, **facts: Any) -> str:
    """Record one accepted file whose labelled asset has these codes; return the hash of that asset."""
    digest, labelled = sha256(path.encode()), sha256(f"copy of {path}".encode()) if copy else sha256(path.encode())
    told = {**facts, "fingerprints": {"picture": [f"{code:016x}" for code in codes]}} if codes else facts
    row = {"medium": "image", "media_type": "x/y", "bytes": 5, "group": f"group of {path}", "store_key": None}
    found = [{**row, "sha256": labelled, "role": "deidentified" if copy else "source", "derived_from": digest if copy else None,
              "facts": told}]  # fmt: skip
    if copy:
        found.append({**row, "sha256": digest, "role": "source", "derived_from": None, "facts": {"deidentified": labelled}})
    with workspace.ledger.transaction("test") as t:
        t.add_new(AssetRow, found)
    listed(workspace, path, "accepted", digest, collection=collection)
    return labelled


def listed(workspace: Workspace, path: str, outcome: str, digest: str | None = None, **more: Any) -> None:
    row = {"collection": "a", "source": "/in", "path": path, "bytes": len(path), "modified_ns": 1, "listed_at": NOON}
    with workspace.ledger.transaction("test") as t:
        t.add_new(ListingRow, [{"reason": None, "hint": None, **row, "outcome": outcome, "sha256": digest, **more}])


def clusters(workspace: Workspace) -> dict[str, str]:
    with workspace.ledger.reading() as session:
        return {row.asset: row.cluster for row in session.scalars(select(ClusterRow))}


def test_clusters_reach_across_collections_and_labelled_copies(workspace: Workspace) -> None:
    one, other = add(workspace, "one", ONE), add(workspace, "other", ONE ^ 3, collection="b", copy=True)
    add(workspace, "far", FAR)
    add(workspace, "silent")
    assert find_near(workspace)
    found = clusters(workspace)
    assert set(found) == {one, other}
    assert len(set(found.values())) == 1
    with workspace.ledger.reading() as session:
        last = last_search(session)
        assert last is not None
        assert (last.assets, last.clusters, last.distance_bits, last.codes) == (3, 1, 4, {"picture": 3, "sound": 0})


def test_the_same_fingerprints_are_not_searched_again(workspace: Workspace) -> None:
    assert not find_near(workspace)  # nothing has a fingerprint
    add(workspace, "one", ONE)
    add(workspace, "other", ONE ^ 0xFF)
    assert [find_near(workspace), find_near(workspace)] == [True, False]
    assert not clusters(workspace)
    assert find_near(workspace, distance_bits=8)
    assert len(clusters(workspace)) == 2
    third = add(workspace, "third", ONE ^ 0xFF00)
    assert find_near(workspace)  # as far as the last search
    assert third in clusters(workspace)
    assert find_near(workspace, distance_bits=4)
    assert not clusters(workspace)
    with workspace.ledger.reading() as session:
        events = session.scalars(select(EventRow.reason).where(EventRow.action == "search near-duplicates"))
        assert list(events) == ["0 clusters", "1 clusters", "1 clusters", "0 clusters"]


def test_a_search_that_was_overtaken_starts_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    add(workspace, "one", ONE)
    late: list[str] = []

    def slow(*given: Any) -> Any:
        found = search(*given)
        if not late:  # meanwhile somebody else brings a duplicate, and searches
            late.append(add(workspace, "late", ONE))
            monkeypatch.setattr(near_rows, "search", search)
            find_near(workspace)
        return found

    monkeypatch.setattr(near_rows, "search", slow)
    find_near(workspace)
    assert late[0] in clusters(workspace)  # what we had read is not written over what was read later
    with workspace.ledger.reading() as session:
        assert [row.clusters for row in session.scalars(select(SearchRow))] == [1]


def test_the_summary_tells_what_came_in(workspace: Workspace) -> None:
    add(workspace, "ct/1", ONE, copy=True, modality="CT", probes={"mean_share": 0.4})
    add(workspace, "dark.png", ONE ^ 1, probes=DARK)
    listed(workspace, "again.png", "duplicate", sha256(b"dark.png"), reason="same bytes as dark.png")
    for name in ("x1", "x2"):
        listed(workspace, name, "quarantined", reason="too large", hint="tile it")
    listed(workspace, "x3", "quarantined", reason="an empty file")
    add(workspace, "elsewhere", FAR, collection="b")
    find_near(workspace)
    with workspace.ledger.reading() as session:
        found = summary(session, "a")
        with pytest.raises(NotFound, match="no collection 'c'"):
            summary(session, "c")
    assert found.outcomes == {"accepted": 2, "duplicate": 1, "quarantined": 3}
    assert (found.listed, found.bytes) == (6, len("ct/1dark.pngagain.pngx1x2x3"))
    assert (found.media, found.modalities) == ({"image": 2}, {"CT": 1})
    assert [(one.reason, one.next_step, one.files, one.examples) for one in found.quarantine] == [
        ("too large", "tile it", 2, ("x1", "x2")), ("an empty file", "have it sent again from its origin", 1, ("x3",)),
    ]  # fmt: skip
    (alarm,) = found.alarms
    assert (alarm.name, alarm.medium, alarm.limit, alarm.files, alarm.examples) == (
        "dark", "image", "mean_share < 0.02", 1, ("dark.png",),
    )  # fmt: skip
    assert (found.near.clusters, found.near.assets, found.near.joining_groups) == (1, 2, 1)
    assert [one.path for one in found.largest][:2] == ["again.png", "dark.png"]
    said = {"owner": "o", "legal_basis": "l", "grade": "g", "category": None, "terms": "t"}
    assert found.terms == {**said, "deid": "113100,113107", "detect": ""}


def test_alarms_are_probes_beyond_their_limits() -> None:
    assert list(alarms("image", DARK)) == ["dark"]
    assert list(alarms("image", {"mean_share": 0.02, "laplacian_variance": 5})) == []  # at the limit is within it
    assert list(alarms("audio", {"clipped_share": 0.002, "silent_share": 0.99})) == ["clipped", "silent"]
    assert list(alarms("video", {"black_share": 0.6, "frozen_share": 0.95})) == ["black", "frozen"]
    assert [list(alarms(medium, None)) for medium in LIMITS] == [[]] * len(LIMITS)
    assert list(alarms("image", {"mean_share": None, "bright_share": "much"})) == []


def test_every_reason_has_a_next_step() -> None:
    assert next_step("whatever", "ask the sender") == "ask the sender"
    assert next_step("cannot be read: Permission denied", None) == "give the right to read it, then retry"
    assert "ingest the folder" in next_step("an archive in an archive is not opened", None)
    assert "password" in next_step("encrypted in the archive", "")
    assert next_step("something new", None) == next_step(None, "") == UNKNOWN
