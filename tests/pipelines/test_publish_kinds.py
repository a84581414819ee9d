"""What goes out of assets that are more than one picture: stacks, time series, and videos with a frame table."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from published import RAW, Filled, both, box, item_id, items

from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict
from yuelu.base.ledger import judgement, media, work
from yuelu.base.records import asset_key
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_release
from yuelu.datasets.verify import verify
from yuelu.pipelines.media.video.frame_table import frame_table, table_bytes


def put(filled: Filled, data: bytes, medium: str, media_type: str, role: str, **facts: Any) -> str:
    """Store bytes and their asset; return the hash."""
    name = sha256(data)
    filled.workspace.store.create(asset_key(name), data)
    filled.add(
        media.AssetRow(
            sha256=name,
            medium=medium,
            media_type=media_type,
            bytes=len(data),
            role=role,
            group="g",
            derived_from=RAW[0],
            store_key=asset_key(name),
            facts=facts,
        )
    )
    return name


def relink(filled: Filled, **facts: Any) -> None:
    """Give the first board's source other facts."""
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(media.AssetRow, RAW[0]).facts = facts


def judge(filled: Filled, *regions: dict[str, Any]) -> None:
    with filled.workspace.ledger.transaction("test") as transaction:
        transaction.session.get_one(judgement.ConsensusRow, "boards-0-1").regions = list(regions)
        for person in ("ann", "bob", "cat"):
            transaction.session.get_one(work.AnnotationRow, (f"uid-boards-0-1-{person}", 1)).regions = []


def pulled(filled: Filled, dest: Path) -> Path:
    both(filled)
    pull(filled.workspace.store, "all", None, dest)
    assert verify(dest, filled.workspace.signing_key.public).ok
    return dest


def stack(filled: Filled) -> list[str]:
    """Make the first board a stack of three slices of 64 x 48, the outer two with the same bytes, shown four times as large."""
    size = {"width_px": 256, "height_px": 192, "scale": 4}
    outer, inner = (put(filled, data, "image", "image/png", "proxy", **size) for data in (b"outer", b"inner"))
    frames = [outer, inner, outer]
    relink(filled, proxy=inner, frames=frames, width_px=64, height_px=48)
    return frames


def test_all_pictures_of_a_stack_go_out_in_order(filled: Filled, tmp_path: Path) -> None:
    frames = stack(filled)
    judge(filled, {**box(8.0, filled.draw), "item": 1}, {**box(8.0, filled.draw), "item": 2})
    dest = pulled(filled, tmp_path / "pulled")
    row = items(filled)[item_id(0)]
    assert [medium["sha256"] for medium in row["media"]] == frames
    assert len({medium["source"] for medium in row["media"]}) == 1
    assert [(each["item"], each["x_px"], each["width_px"]) for each in row["boxes"]] == [(1, 32.0, 120.0), (2, 32.0, 120.0)]
    assert [(dest / medium["path"]).read_bytes() for medium in row["media"]] == [b"outer", b"inner", b"outer"]
    assets = {each["id"]: each for each in open_release(filled.workspace.store, "all").rows("assets")}
    assert (assets[frames[1]]["width_px"], assets[frames[1]]["height_px"]) == (256, 192)


def test_a_stack_with_a_picture_missing_is_not_published(filled: Filled) -> None:
    frames = stack(filled)
    relink(filled, proxy=frames[1], frames=[*frames, "gone"], width_px=64, height_px=48)
    with pytest.raises(Conflict, match="has no proxy in the store"):
        both(filled)


def test_a_time_series_goes_out_in_full(filled: Filled, tmp_path: Path) -> None:
    shown = put(filled, b"{}", "timeseries", "application/json", "proxy", rows=2, channels=1)
    known = {"duration_s": 10.0, "sampling_rate_hz": 0.5, "rows": 5, "channels": 1, "channel_names": ["speed"], "proxy": shown}
    full = put(filled, b"every row", "timeseries", "application/vnd.apache.parquet", "deidentified", **known)
    relink(filled, deidentified=full)
    judge(filled, {"kind": "segment", "id": "s", "control": "event", "label": "anomaly", "start_s": 1.0, "end_s": 2.5})
    dest = pulled(filled, tmp_path / "pulled")
    row = items(filled)[item_id(0)]
    (medium,) = row["media"]
    assert (dest / medium["path"]).read_bytes() == b"every row"
    assert medium["path"].endswith(".parquet")
    assert medium["deidentified"]
    assert [(each["start_s"], each["end_s"], each["channel"]) for each in row["segments"]] == [(1.0, 2.5, None)]
    (asset,) = (each for each in open_release(filled.workspace.store, "all").rows("assets") if each["id"] == full)
    assert (asset["sampling_rate_hz"], asset["rows"], asset["duration_s"], asset["channels"]) == (0.5, 5, 10.0, 1)


@pytest.mark.parametrize(
    ("frames", "span_s"),
    [((2, 3), (1.44, 1.52)), ((2, 2), (1.44, 1.52)), ((1, 1), (1.4, 1.44)), ((4, 4), (1.52, 1.56)), ((4, 5), (None, None))],
)
def test_frame_ranges_tell_the_times_of_the_source(
    filled: Filled, frames: tuple[int, int], span_s: tuple[float | None, float | None]
) -> None:
    """The source starts at 1.4 s, and holds its second picture for two frames of the proxy."""
    told = table_bytes(frame_table([0, 1, 1, 2], [140, 144, 144, 152], Fraction(1, 100)))
    table = put(filled, told, "video", "application/vnd.apache.parquet", "frame_table")
    proxy = put(filled, b"clip", "video", "video/mp4", "proxy", frame_rate_hz=25.0, frames=4)
    relink(filled, proxy=proxy, frame_table=table, frames=4, frame_rate_hz=25.0)
    first, last = frames
    judge(filled, {"kind": "frame_range", "id": "f", "control": "e", "label": "x", "first_frame": first, "last_frame": last})
    both(filled)
    (found,) = items(filled)[item_id(0)]["frame_ranges"]
    assert (found["start_s"], found["end_s"]) == (pytest.approx((first - 1) / 25), pytest.approx(last / 25))
    assert (found["source_start_s"], found["source_end_s"]) == tuple(each and pytest.approx(each) for each in span_s)
