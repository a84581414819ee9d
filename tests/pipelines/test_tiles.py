import zlib
from io import BytesIO
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import tifffile
from coded import encoded, pixels, proxies, reading
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from yuelu.base.errors import InvalidRecord
from yuelu.pipelines.media.images import tiles as tile_maker
from yuelu.pipelines.media.images.tiles import (
    COMFORTABLE_PX,
    OVERLAP_PX,
    OVERVIEW_PX,
    TILE_PX,
    from_facts,
    from_source,
    is_large,
    layout,
    to_facts,
    to_source,
)
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Refused

sides = st.integers(1, 200_000)
large = st.tuples(sides, sides).filter(lambda size: is_large(*size) and size[0] * size[1] < 4e9)


@given(large)
def test_tiles_cover_the_picture_and_stay_within_it(size: tuple[int, int]) -> None:
    width, height = size
    whole, *tiles = layout(width, height)
    by = round(1 / whole.scale)
    assert (whole.x_px, whole.y_px, whole.width_px, whole.height_px) == (0, 0, width, height)
    assert -(-max(size) // by) <= OVERVIEW_PX
    for axis, length in (("x", width), ("y", height)):
        spans = sorted({(getattr(t, f"{axis}_px"), t.width_px if axis == "x" else t.height_px) for t in tiles})
        assert spans[0][0] == 0
        assert spans[-1][0] + spans[-1][1] == length
        assert all(start % by == 0 and 0 < extent < TILE_PX + by for start, extent in spans)
        assert all(a + b - c >= OVERLAP_PX for (a, b), (c, _) in pairwise(spans))


@given(large, st.data())
def test_what_is_no_larger_than_the_overlap_lies_whole_in_one_tile(size: tuple[int, int], data: st.DataObject) -> None:
    width, height = size
    w, h = (data.draw(st.integers(1, min(side, OVERLAP_PX))) for side in size)
    x, y = data.draw(st.integers(0, width - w)), data.draw(st.integers(0, height - h))
    inside = [
        tile
        for tile in layout(width, height)[1:]
        if tile.x_px <= x and x + w <= tile.x_px + tile.width_px and tile.y_px <= y and y + h <= tile.y_px + tile.height_px
    ]
    assert inside
    for tile in inside:
        left, top = from_source(tile, x, y)
        assert 0 <= left <= tile.width_px - w
        assert to_source(tile, left, top) == (x, y)


@given(large, st.floats(0, 1), st.floats(0, 1))
def test_points_go_there_and_back(size: tuple[int, int], across: float, down: float) -> None:
    x, y = across * size[0], down * size[1]
    for tile in layout(*size)[:3]:
        assert to_source(tile, *from_source(tile, x, y)) == pytest.approx((x, y))


def test_facts_tell_the_tiles() -> None:
    tiles = layout(20_000, 9_000)
    assert from_facts(to_facts(tiles)) == tiles
    with pytest.raises(InvalidRecord, match="tiles of a picture are malformed"):
        from_facts({**to_facts(tiles), "scale": [1.0]})
    with pytest.raises(InvalidRecord, match="tiles of a picture are malformed"):
        from_facts({})


def test_a_label_on_a_tile_finds_its_place() -> None:
    """A white square on black, somewhere: every shown picture that has it says the same place of the source."""
    drawn = np.zeros((5000, 9001), np.uint8)
    x, y, side = 4090, 3700, 120
    drawn[y : y + side, x : x + side] = 255
    assert max(drawn.shape) > COMFORTABLE_PX
    made = reading(encoded(Image.fromarray(drawn), "PNG", compress_level=1))
    tiles, shown = from_facts(made.facts["tiles"]), proxies(made)
    assert len(tiles) == len(shown) == 1 + 3 * 2
    assert made.facts["width_px"], made.facts["height_px"] == (9001, 5000)
    found = 0
    for tile, part in zip(tiles, shown, strict=True):
        seen = pixels(part) > 128
        assert seen.shape == (part.facts["height_px"], part.facts["width_px"])
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        if len(rows) == 0:
            continue
        found += 1
        at_seam = columns[0] == 0 or columns[-1] == seen.shape[1] - 1
        slack = 1 / tile.scale
        if not at_seam:
            assert to_source(tile, columns[0], rows[0]) == pytest.approx((x, y), abs=slack)
        if columns[-1] < seen.shape[1] - 1:
            assert to_source(tile, columns[-1] + 1, rows[-1] + 1) == pytest.approx((x + side, y + side), abs=slack)
    assert found >= 3


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_one_picture_in_tiles_may_have_more_pixels_than_others(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)  # readers set it, for their process
    wide = encoded(Image.new("RGB", (9000, 40), (10, 200, 30)), kind)
    assert len(proxies(reading(wide, Limits(pixels=1000)))) == 1 + 3
    with pytest.raises(Refused, match="9000 x 40 pixels are more than the limit of 2000"):
        reading(wide, Limits(pixels=1000, whole_pixels=2000))
    small = encoded(Image.new("RGB", (300, 300)), kind)
    with pytest.raises(Refused, match="300 x 300 pixels are more than the limit of 1000"):
        reading(small, Limits(pixels=1000))


def test_a_compressed_picture_of_a_gigapixel_is_read_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tiles are one tile, as deflate packs it; only some of the shown ones are made, or the test would take a minute."""
    side, across, down = 512, 90, 44
    ramp = np.tile(np.arange(side, dtype=np.uint16).astype(np.uint8)[None], (side, 1))
    packed, file = zlib.compress(ramp.tobytes()), BytesIO()
    with tifffile.TiffWriter(file, bigtiff=True) as out:
        out.write((packed for _ in range(across * down)), shape=(down * side, across * side), dtype="uint8",
                  tile=(side, side), compression="zlib", photometric="minisblack")  # fmt: skip
    asked = list[tuple[int, int]]()

    def few(raster: Any, tiles: Any, most_bytes: int) -> Any:
        for tile in (tiles[1], tiles[-1]):
            region = raster.region(tile.x_px, tile.y_px, tile.width_px, tile.height_px)
            expected = ramp[(tile.y_px + np.arange(tile.height_px)) % side][:, (tile.x_px + np.arange(tile.width_px)) % side]
            assert (region == expected).all()
            asked.append((tile.x_px + tile.width_px, tile.y_px + tile.height_px))
        return (), region[:512, :512]

    monkeypatch.setattr(tile_maker, "proxies", few)
    made = reading(file.getvalue())
    assert (made.facts["width_px"], made.facts["height_px"]) == (across * side, down * side)
    assert across * side * down * side > 1e9
    assert asked[-1] == (across * side, down * side)
