from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from coded import SECRET, encoded, photo, pixels, proxies, reading, shown
from numpy.typing import NDArray
from PIL import Image

from yuelu.base.records import Role
from yuelu.pipelines.media.images.orientation import upright
from yuelu.pipelines.media.images.tiles import from_facts
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.reading import Refused

COLOUR = np.asarray(photo(360, 300))
GREY = np.asarray(photo(360, 300).convert("L"))


def tiff(values: NDArray[Any], **options: Any) -> bytes:
    file = BytesIO()
    tifffile.imwrite(file, values, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {}, {"bigtiff": True}, {"byteorder": ">"}, {"tile": (128, 64)}, {"rowsperstrip": 7}, {"compression": "lzw"},
        {"compression": "zlib", "predictor": True}, {"compression": "packbits"}, {"compression": "zstd", "tile": (64, 64)},
        {"compression": "jpeg2000"}, {"compression": "lerc"}, {"compression": "lzma", "predictor": True, "byteorder": ">"},
        {"bigtiff": True, "tile": (128, 128), "compression": "deflate"},
        {"compression": "webp", "compressionargs": {"lossless": True}},
    ],
)  # fmt: skip
def test_every_layout_gives_the_pixels(options: dict[str, Any]) -> None:
    assert (shown(tiff(COLOUR, photometric="rgb", **options)) == COLOUR).all()


@pytest.mark.parametrize("options", [{}, {"compression": "lzw", "predictor": True}, {"tile": (64, 64), "compression": "zlib"}])
def test_planes_lie_together_or_apart(options: dict[str, Any]) -> None:
    planes = np.moveaxis(COLOUR, -1, 0)
    assert (shown(tiff(planes, photometric="rgb", planarconfig="separate", **options)) == COLOUR).all()


def test_jpeg_within_tiff() -> None:
    for data in (
        tiff(COLOUR, photometric="ycbcr", compression="jpeg", tile=(128, 128)),
        encoded(photo(), "TIFF", compression="jpeg"),
    ):
        assert (shown(data) == np.asarray(Image.open(BytesIO(data)).convert("RGB"))).all()


@pytest.mark.parametrize("dtype", ["uint16", "int16", "uint32", "int32", "int8", "float16", "float32", "float64"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_deep_values_are_windowed_and_map_back(dtype: str, order: str) -> None:
    kind = np.dtype(dtype)
    ramp = np.linspace(-100 if kind.kind in "if" else 0, 120, 300 * 300).reshape(300, 300).astype(kind)
    data = tiff(ramp, byteorder=order)
    made = reading(data)
    low, high = made.facts["window_low"], made.facts["window_high"]
    assert (low, high) == pytest.approx(np.percentile(ramp.astype(float), (0.5, 99.5)), abs=0.1)
    seen = shown(data)
    inside = (seen > 0) & (seen < 255)
    assert np.abs(low + seen / 255 * (high - low) - ramp)[inside].max() <= (high - low) / 255


def test_sixteen_bit_colour_keeps_its_range() -> None:
    assert (shown(tiff(COLOUR.astype(np.uint16) * 257, photometric="rgb")) == COLOUR).all()
    made = reading(tiff((COLOUR.astype(np.uint16) << 4) | (COLOUR >> 4), photometric="rgb"))  # 12 bits of a camera
    assert (made.facts["window_low"], made.facts["window_high"]) == (0, 4095)
    assert np.abs(pixels(proxies(made)[0]).astype(int) - COLOUR).max() <= 1
    assert np.abs(shown(tiff((COLOUR / 255).astype(np.float32), photometric="rgb")).astype(int) - COLOUR).max() <= 1


def test_holes_do_not_move_the_window() -> None:
    heights = np.linspace(100, 300, 90000, dtype=np.float32).reshape(300, 300)
    heights[:150] = -9999
    made = reading(tiff(heights, extratags=[(42113, "s", 0, "-9999", True)]))
    assert made.facts["window_low"] > 190
    heights[:150] = np.nan
    assert reading(tiff(heights)).facts["window_low"] > 190


def test_white_may_be_zero_and_bits_may_be_few() -> None:
    assert (shown(tiff(GREY, photometric="miniswhite")) == 255 - GREY).all()
    bits = GREY > 100
    assert (shown(tiff(bits, photometric="minisblack")) == bits * 255).all()
    assert (shown(tiff(bits, photometric="miniswhite")) == ~bits * 255).all()
    assert (shown(encoded(Image.fromarray(GREY // 64 * 85).quantize(4), "TIFF")) == COLOUR_OF(GREY)).all()
    for fax in ("group3", "group4", "tiff_ccitt"):
        assert (shown(encoded(Image.fromarray(bits), "TIFF", compression=fax)) == bits * 255).all()


def COLOUR_OF(grey: NDArray[Any]) -> NDArray[Any]:
    return np.repeat((grey // 64 * 85)[..., None], 3, axis=2)


def test_channels_beyond_the_colours_are_left_out() -> None:
    infrared = np.dstack([COLOUR, GREY, GREY, GREY])
    assert (shown(tiff(infrared, photometric="rgb", extrasamples=[0, 0, 0])) == COLOUR).all()


def test_palette_alpha_cmyk_and_lab() -> None:
    palette = np.stack([np.arange(256)[::-1] * 257] * 3).astype(np.uint16)
    assert (shown(tiff(GREY, photometric="palette", colormap=palette))[..., 0] == 255 - GREY).all()
    clear = np.dstack([COLOUR, np.where(GREY > 100, 255, 0).astype(np.uint8)])
    seen = shown(tiff(clear, photometric="rgb", extrasamples=["unassalpha"]))
    assert (seen == np.where(clear[..., 3:] == 255, COLOUR, 255)).all()
    assert (shown(tiff(clear, photometric="rgb", extrasamples=["unspecified"])) == COLOUR).all()
    cmyk = photo(360, 300).convert("CMYK")
    assert (shown(encoded(cmyk, "TIFF")) == np.asarray(cmyk.convert("RGB"))).all()
    grey = Image.merge("LAB", [Image.fromarray(GREY), *[Image.new("L", (360, 300), 128)] * 2])
    lab = shown(encoded(grey, "TIFF"))
    assert np.abs(lab[..., 0].astype(int) - lab[..., 1]).max() <= 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int) -> None:
    made = reading(tiff(COLOUR, photometric="rgb", extratags=[(274, "H", 1, orientation, True)]))
    assert (pixels(proxies(made)[0]) == upright(COLOUR, orientation)).all()
    assert made.facts.get("orientation", 1) == orientation


def test_pages_are_a_stack_with_one_window() -> None:
    stack = np.stack([np.full((300, 260), 1000 * i, np.uint16) + np.arange(260, dtype=np.uint16) for i in range(1, 6)])
    made = reading(tiff(stack, photometric="minisblack"))
    assert made.facts["pages"] == [0, 1, 2, 3, 4]
    assert [part.role for part in made.derived] == [Role.PROXY] * 5 + [Role.THUMBNAIL]
    means = [float(pixels(part).mean()) for part in proxies(made)]
    steps = np.diff(means)
    assert (steps > 0).all()
    assert steps[1:3] == pytest.approx(1000 / (made.facts["window_high"] - made.facts["window_low"]) * 255, rel=0.02)
    assert made.facts["frame_width_px"] == [260] * 5


def test_pages_of_different_kinds() -> None:
    file = BytesIO()
    with tifffile.TiffWriter(file) as out:
        out.write(COLOUR, photometric="rgb")
        out.write(GREY[:100], compression="zlib")
        out.write(GREY[::2, ::2], subfiletype=1)  # a smaller copy
        out.write(GREY > 9, subfiletype=4)  # a mask
        out.write(GREY.astype(np.float32))
    made = reading(file.getvalue())
    assert made.facts["pages"] == [0, 1, 4]
    assert made.facts["frame_height_px"] == [300, 100, 300]
    assert made.facts["height_px"] == 100  # the middle one stands for the file
    assert (pixels(proxies(made)[0]) == COLOUR).all()


def test_real_files(fixtures: Path) -> None:
    folder = fixtures / "good_media/imageio"
    cells = reading((folder / "calcium_imaging.tif").read_bytes())
    assert len(cells.facts["pages"]) == 1000
    assert len(cells.facts["fingerprints"]["picture"]) == 5
    for name, size in (("fei-sem-rbc.tif", (1536, 1094)), ("geotiff.tif", (699, 929))):
        data = (folder / name).read_bytes()
        made = reading(data)
        assert (made.facts["width_px"], made.facts["height_px"]) == size
        assert (pixels(proxies(made)[0]) == np.asarray(Image.open(BytesIO(data)))).all()


def slide(**options: Any) -> bytes:
    """Return what a slide scanner writes: the slide, a thumbnail, and pictures of the label and of the whole glass."""
    file = BytesIO()
    with tifffile.TiffWriter(file) as out:
        told = "Aperio Image Library v1\n360x300 [0,0 360x300] (64x64)|AppMag = 20"
        out.write(COLOUR, photometric="rgb", tile=(64, 64), description=told, metadata=None)
        out.write(COLOUR[::3, ::3], photometric="rgb", description="Aperio Image Library v1\n120x100", metadata=None)
        for name in ("label", "macro"):
            drawn = np.full((80, 90, 3), 255, np.uint8)  # with the patient's name on it
            out.write(drawn, photometric="rgb", description=f"Aperio Image Library v1\n{name} 90x80", metadata=None, **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"subfiletype": 1}])
def test_the_label_of_a_slide_is_never_shown(options: dict[str, Any]) -> None:
    made = reading(slide(**options))
    assert len(proxies(made)) == 1
    assert (pixels(proxies(made)[0]) == COLOUR).all()


def test_planted_identifiers_stay_behind() -> None:
    text = SECRET.decode()
    tags = [(code, "s", 0, text, True) for code in (269, 271, 285, 315, 316, 700, 33432, 50341, 65100)]
    data = tiff(np.stack([GREY, GREY]), photometric="minisblack", description=text, software=text, extratags=tags)
    data += SECRET
    made = reading(data)
    assert data.count(SECRET) > 10
    assert not [part for part in made.derived if SECRET in part.data]
    assert text not in str(made.facts)


@pytest.mark.parametrize(
    "options",
    [
        {}, {"compression": "zlib", "tile": (256, 256)}, {"compression": "lzw", "rowsperstrip": 33, "predictor": True},
        {"planarconfig": "separate"}, {"planarconfig": "separate", "compression": "zlib", "tile": (512, 256)},
        {"compression": "jpeg", "tile": (512, 512), "bigtiff": True}, {"byteorder": ">"},
    ],
)  # fmt: skip
def test_very_large_ones_are_read_piece_by_piece(options: dict[str, Any]) -> None:
    """Every picture of the tiles shows what the whole one shows there; the file is never decoded as a whole."""
    width, height = 8300, 400
    whole = np.asarray(Image.fromarray(COLOUR).resize((width, height)))
    stored = np.moveaxis(whole, -1, 0) if "planarconfig" in options else whole
    made = reading(tiff(stored, photometric="rgb", **options), Limits(pixels=5_000_000))
    for tile, part in zip(from_facts(made.facts["tiles"]), proxies(made), strict=True):
        if tile.scale == 1:
            wanted = whole[tile.y_px : tile.y_px + tile.height_px, tile.x_px : tile.x_px + tile.width_px]
            assert np.abs(pixels(part).astype(int) - wanted).mean() < 3


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "tile": (256, 256)}, {"compression": "zlib", "rowsperstrip": 40}]
)
def test_very_large_deep_ones_have_one_window(options: dict[str, Any]) -> None:
    ramp = np.tile(np.linspace(0, 60000, 9000).astype(np.uint16), (600, 1))
    made = reading(tiff(ramp, **options), Limits(pixels=2_000_000))
    assert made.facts["window_low"] == pytest.approx(0, abs=600)
    assert made.facts["window_high"] == pytest.approx(60000, abs=600)
    for tile, part in zip(from_facts(made.facts["tiles"]), proxies(made), strict=True):
        middle = pixels(part)[part.facts["height_px"] // 2, part.facts["width_px"] // 2]
        assert middle == pytest.approx(255 * (tile.x_px + tile.width_px / 2) / 9000, abs=4)


def imagej_without_entries() -> bytes:
    """Return what ImageJ writes of stacks over 4 GB: one entry, and all pictures behind each other."""
    data = bytearray(tiff(np.stack([GREY] * 3), imagej=True))
    after = 10 + 12 * int.from_bytes(data[8:10], "little")
    data[after : after + 4] = bytes(4)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (tiff(COLOUR, photometric="rgb")[:-1000], "parts of the picture are missing"),
        (tiff(COLOUR, photometric="rgb", compression="zlib", tile=(64, 64))[:-1000], "parts of the picture are missing"),
        (tiff(np.zeros((300, 300, 7), np.uint8), photometric="minisblack", planarconfig="contig"), "a picture of 7 channels"),
        (tiff(GREY.astype(np.complex64)), "a TIFF of values complex64"),
        (tiff(GREY, photometric="cfa"), "photometric interpretation 32803"),
        (imagej_without_entries(), "an ImageJ stack"),
        (tiff(GREY, extratags=[(50706, "B", 4, (1, 4, 0, 0), True)]), "camera's raw data"),
        (tiff(np.zeros((8, 3_000, 5_000), np.uint8), volumetric=True, tile=(4, 64, 64)), "pixels|along"),
        (b"II*\0\0\0\0\0", "a TIFF without pages"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_clearly(data: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        reading(data, Limits(pixels=4_000_000))


def test_limits_hold() -> None:
    with pytest.raises(Refused, match="360 x 300 pixels are more than the limit of 1000"):
        reading(tiff(COLOUR, photometric="rgb"), Limits(pixels=1000))
    long = np.zeros((9000, 200), np.uint8)
    with pytest.raises(Refused, match="200 x 9000 pixels are more than the limit of 1000"):
        reading(tiff(long), Limits(tiled_pixels=1000))
    with pytest.raises(Refused, match="in pieces of 200 x 9000 pixels"):
        reading(tiff(long, compression="zlib", rowsperstrip=9000), Limits(pixels=1000))
    with pytest.raises(Refused, match="1001 pictures in one file"):
        reading(tiff(np.zeros((1001, 4, 4), np.uint8), photometric="minisblack"))
