"""Which assets are labelled and what is shown of them, on either kind of ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.media import MOST_SHOWN, labelled_assets, labelled_copy, proxy_of, shown_by, shown_files, thumbnail_of

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Collection `a`: a picture, two scans that become the same copy, a duplicate of the picture and a broken file."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.sqlite3'}" if sqlite else request.getfixturevalue("postgres_ledger")
    ledger = Ledger(url, now=lambda: NOON)
    ledger.migrate()
    with ledger.transaction("test") as t:
        row = {"owner": "o", "legal_basis": "l", "grade": "g", "terms": "t", "created_at": NOON}
        t.add_new(CollectionRow, [{"name": name, **row} for name in ("a", "b")])
        for sha256, role, facts in (
            ("picture", "source", {"proxy": "picture-proxy", "thumbnail": "small"}),
            ("picture-proxy", "proxy", {}),
            ("small", "thumbnail", {}),
            ("scan-1", "source", {"deidentified": "copy", "proxy": "raw-proxy"}),
            ("scan-2", "source", {"deidentified": "copy"}),
            ("copy", "deidentified", {"proxy": "copy-proxy", "thumbnail": "gone"}),
            ("copy-proxy", "proxy", {}),
            ("raw-proxy", "proxy", {}),
            ("elsewhere", "source", {}),
            (
                "volume",
                "source",
                {"proxy": "slice-2", "frames": ["slice-1", "slice-2", "slice-1"], "width_px": 64, "height_px": 48},
            ),
            ("slice-1", "proxy", {"width_px": 256, "height_px": 192, "scale": 4}),
            ("slice-2", "proxy", {"width_px": 60, "height_px": 40}),
            ("huge", "source", {"proxy": "slice-1", "frames": ["slice-1"] * (MOST_SHOWN + 1)}),
            ("clip", "source", {"proxy": "clip-proxy", "frames": 100}),
        ):
            asset = {"sha256": sha256, "medium": "image", "media_type": "x/y", "bytes": 1, "role": role, "group": "g"}
            t.add_new(AssetRow, [{**asset, "derived_from": None, "store_key": None, "facts": facts}])
        for collection, path, outcome, found in (
            ("a", "picture.png", "accepted", "picture"),
            ("a", "again.png", "duplicate", "picture"),
            ("a", "1.dcm", "accepted", "scan-1"),
            ("a", "2.dcm", "accepted", "scan-2"),
            ("a", "broken.png", "quarantined", "broken"),
            ("b", "known.png", "duplicate", "picture"),
            ("b", "bad.png", "quarantined", "elsewhere"),
        ):
            listing = {"collection": collection, "source": "s", "path": path, "bytes": 1, "modified_ns": 1, "reason": None}
            t.add_new(ListingRow, [{**listing, "outcome": outcome, "sha256": found, "listed_at": NOON}])
    yield ledger
    ledger.close()


def labelled(ledger: Ledger, collection: str) -> list[str]:
    with ledger.reading() as session:
        return [asset.sha256 for asset in labelled_assets(session, collection)]


def test_copies_stand_for_their_sources_and_each_appears_once(ledger: Ledger) -> None:
    assert labelled(ledger, "a") == ["copy", "picture"]


def test_a_collection_holds_what_it_lists_even_if_another_had_it_first(ledger: Ledger) -> None:
    assert labelled(ledger, "b") == ["picture"]
    assert labelled(ledger, "nothing") == []


def test_the_copy_of_a_source(ledger: Ledger) -> None:
    with ledger.reading() as session:
        found = [labelled_copy(session, name) for name in ("picture", "scan-1", "scan-2", "unknown")]
    assert found == ["picture", "copy", "copy", "unknown"]


def test_what_is_shown(ledger: Ledger) -> None:
    with ledger.reading() as session:
        assert proxy_of(session, "picture").sha256 == "picture-proxy"
        assert thumbnail_of(session, "picture").sha256 == "small"
        assert proxy_of(session, "copy").sha256 == "copy-proxy"


@pytest.mark.parametrize("asset", ["unknown", "scan-2", "copy"])  # nothing of it, no link, a link to nothing
def test_what_cannot_be_shown_is_named_with_the_remedy(ledger: Ledger, asset: str) -> None:
    with pytest.raises(NotFound, match=f"no thumbnail of asset {asset}\n  try: ingest"), ledger.reading() as session:
        thumbnail_of(session, asset)


def test_one_question_tells_what_is_shown(ledger: Ledger) -> None:
    """A volume between two pictures: its slices stand between them, also the one that it shows twice."""
    with ledger.reading() as session:
        shown = shown_by(session, ["picture", "volume", "copy"])
        files = [each.proxy.sha256 for each in shown]
        sizes = [(each.facts.get("width_px"), each.facts.get("height_px")) for each in shown]
        scales = [each.scale for each in shown]
    assert files == ["picture-proxy", "slice-1", "slice-2", "slice-1", "copy-proxy"]
    assert sizes == [(None, None), (64, 48), (60, 40), (64, 48), (None, None)]
    assert scales == [(1, 1), (4, 4), (1, 1), (4, 4), (1, 1)]


def test_how_many_frames_a_video_has_is_no_list_of_pictures() -> None:
    assert shown_files({"proxy": "clip-proxy", "frames": 100}) == ("clip-proxy",)
    assert shown_files({}) == ()


@pytest.mark.parametrize(
    ("items", "error", "match"),
    [
        (["unknown"], NotFound, "no asset unknown"),
        (["scan-2"], NotFound, "no proxy of asset scan-2\n  try: ingest"),
        (["clip"], NotFound, "no proxy of asset clip"),
        (["huge"], InvalidRecord, "the task of asset huge shows 501 pictures; at most 500"),
    ],
)
def test_what_a_task_cannot_show(ledger: Ledger, items: list[str], error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match), ledger.reading() as session:
        shown_by(session, items)
