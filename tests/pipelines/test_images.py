from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from coded import DATA, SECRET, encoded, photo, pixels, proxies, reading, shown
from numpy.typing import NDArray
from PIL import Image, ImageCms, PngImagePlugin

from yuelu.base.records import Role
from yuelu.pipelines.media.images.orientation import upright
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import enlargement, percentile_window, probes, reduction, window_by_percentiles, windowed
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.media.recognise import recognise


def checks(width: int = 40, height: int = 20) -> Image.Image:
    drawn = np.zeros((height, width, 3), np.uint8)
    drawn[: height // 2, : width // 2] = (255, 0, 0)
    return Image.fromarray(drawn)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}), ("TIFF", {}), ("BMP", {}), ("WEBP", {"lossless": True}), ("JPEG2000", {"irreversible": False}),
        ("JPEG2000", {"no_jp2": True}),
    ],
)  # fmt: skip
def test_lossless_formats_give_the_pixels(kind: str, options: dict[str, object]) -> None:
    assert (shown(encoded(photo(), kind, **options)) == np.asarray(photo())).all()


def test_avif_is_read_and_heif_is_named() -> None:
    data = encoded(photo(), "AVIF", quality=90)
    assert reading(data).media_type == "image/avif"
    assert np.abs(shown(data).astype(int) - np.asarray(photo())).mean() < 4
    assert recognise(data.replace(b"ftypavif", b"ftypmif1")) == "AVIF"
    assert recognise(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") == "HEIF"
    assert recognise(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic") == "HEIF"
    assert recognise(b"\0\0\0\x18ftypisom\0\0\0\0isomavc1") == "MP4"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_orientation_is_applied_and_told(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = reading(encoded(checks(600, 300), kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {})))
    assert (pixels(proxies(made)[0]) == _turned(checks(600, 300), orientation)).all()
    assert made.facts.get("orientation", 1) == orientation


def _turned(image: Image.Image, orientation: int) -> NDArray[np.uint8]:
    """Turn as the table of the standard says: where row 0 and column 0 of the stored picture lie in the seen one."""
    steps = {
        1: [], 2: [Image.Transpose.FLIP_LEFT_RIGHT], 3: [Image.Transpose.ROTATE_180], 4: [Image.Transpose.FLIP_TOP_BOTTOM],
        5: [Image.Transpose.TRANSPOSE], 6: [Image.Transpose.ROTATE_270], 7: [Image.Transpose.TRANSVERSE],
        8: [Image.Transpose.ROTATE_90],
    }[orientation]  # fmt: skip
    for step in steps:
        image = image.transpose(step)
    return np.asarray(image)


def test_each_orientation_is_another() -> None:
    corner = np.arange(6).reshape(2, 3)
    assert len({upright(corner, n).tobytes() + bytes(upright(corner, n).shape) for n in range(1, 9)}) == 8


def test_sixteen_bit_is_windowed_and_maps_back() -> None:
    ramp = np.linspace(1000, 3000, 300 * 400).reshape(300, 400).astype(np.uint16)
    for kind in ("TIFF", "PNG"):
        data = encoded(Image.fromarray(ramp), kind)
        made = reading(data)
        seen = shown(data)
        low, high = made.facts["window_low"], made.facts["window_high"]
        assert (low, high) == pytest.approx(np.percentile(ramp, (0.5, 99.5)))
        inside = (seen > 0) & (seen < 255)
        back = low + seen / 255 * (high - low)
        assert np.abs(back - ramp)[inside].max() <= (high - low) / 255 / 2 + 1


@pytest.mark.parametrize("kind", [np.int16, np.uint16, ">i2", ">u2"])
def test_many_values_of_sixteen_bits_are_windowed_as_few_are(kind: str) -> None:
    every = np.arange(1 << 16, dtype=np.uint16).view(np.int16 if "i" in np.dtype(kind).kind else np.uint16).astype(kind)
    twice = np.stack([every, every[::-1]], axis=1)
    expected = np.rint(np.interp(twice.astype(np.float64), [-900, 3100], [0, 255])).astype(np.uint8)
    assert (windowed(twice, -900, 3100) == expected).mean() > 0.9999  # halves may fall on either side
    assert np.abs(windowed(twice, -900, 3100).astype(int) - expected).max() <= 1
    assert (windowed(twice[:100], -900, 3100) == windowed(twice, -900, 3100)[:100]).all()


def test_windows_of_nothing_and_of_one_value() -> None:
    assert window_by_percentiles(np.full((2, 2), np.nan)).tolist() == [[0, 0], [0, 0]]
    assert window_by_percentiles(np.full((2, 2), 7)).tolist() == [[0, 0], [0, 0]]
    assert percentile_window(np.full((2, 2), np.inf)) == (0.0, 0.0)
    assert windowed(np.array([[np.nan, -1, 5, 10, 99]]), 0, 10).tolist() == [[0, 0, 128, 255, 255]]


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    image = Image.new("RGBA", (300, 300), (255, 0, 0, 0)).convert(mode)
    options = {"transparency": 0} if mode == "P" else {}
    if mode == "P":
        image = Image.new("P", (300, 300), 0)
        image.putpalette([255, 0, 0])
    assert (shown(encoded(image, "PNG", **options)) == 255).all()


def test_palette_and_bilevel() -> None:
    assert (shown(encoded(checks(300, 300).quantize(2), "PNG")) == np.asarray(checks(300, 300))).all()
    bits = Image.fromarray(np.arange(90000).reshape(300, 300) % 3 == 0)
    assert (shown(encoded(bits, "PNG")) == np.asarray(bits) * 255).all()


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_animations_become_stacks(kind: str) -> None:
    frames = [Image.new("RGB", (300, 260), (40 * i, 0, 0)) for i in range(5)]
    options = {"lossless": True} if kind == "WEBP" else {}
    made = reading(encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=80, **options))
    seen = [int(pixels(part)[5, 5, 0]) for part in proxies(made)]
    assert seen == [0, 40, 80, 120, 160]
    assert made.facts["frame_start_ms"] == [0, 80, 160, 240, 320]
    assert made.facts["frame_width_px"] == [300] * 5
    assert [part.role for part in made.derived].count(Role.THUMBNAIL) == 1
    assert len(made.facts["fingerprints"]["picture"]) == 5


def test_the_still_of_an_apng_is_no_part_of_what_moves() -> None:
    frames = [Image.new("RGB", (300, 300), (0, 60 * i, 0)) for i in range(3)]
    data = encoded(Image.new("RGB", (300, 300), "white"), "PNG", save_all=True, append_images=frames, default_image=True)
    assert [int(pixels(part)[0, 0, 1]) for part in proxies(reading(data))] == [0, 60, 120]


def test_too_many_frames_are_refused() -> None:
    frames = [Image.new("1", (2, 2), i % 2) for i in range(1002)]
    with pytest.raises(Refused, match="1002 pictures in one file are more than the limit of 1000"):
        reading(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))


def _png(secret: bytes) -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", secret.decode())
    text.add_text("Comment", secret.decode(), zip=True)
    text.add_itxt("XML:com.adobe.xmp", secret.decode())
    text.add(b"prVt", secret)
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    return encoded(photo(), "PNG", pnginfo=text, exif=exif, icc_profile=secret * 9) + secret


def _webp(secret: bytes) -> bytes:
    exif = Image.Exif()
    exif[0x013B] = secret.decode()
    return encoded(photo(), "WEBP", exif=exif, xmp=secret, icc_profile=secret * 9)


def _avif(secret: bytes) -> bytes:
    exif = Image.Exif()
    exif[0x013B] = secret.decode()
    return encoded(photo(), "AVIF", exif=exif, xmp=secret)


def _tiff(secret: bytes) -> bytes:
    tags: dict[int, object] = dict.fromkeys((269, 270, 271, 285, 305, 315, 316, 33432), secret.decode())
    return encoded(photo(), "TIFF", tiffinfo={**tags, 700: secret, 33723: secret, 37724: secret, 65000: secret.decode()}) + secret


def _jp2(secret: bytes) -> bytes:
    return encoded(photo(), "JPEG2000", comment=secret.decode()) + secret


def _bmp(secret: bytes) -> bytes:
    return encoded(photo(), "BMP") + secret


def _gif(secret: bytes) -> bytes:
    frames = [photo().quantize(), photo().rotate(9).quantize()]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], comment=secret) + secret


@pytest.mark.parametrize("plant", [_png, _webp, _avif, _tiff, _jp2, _bmp, _gif])
def test_nothing_planted_survives(plant: Callable[[bytes], bytes]) -> None:
    data = plant(SECRET)
    assert SECRET in data
    made = reading(data)
    for part in made.derived:
        assert SECRET not in part.data
        info = Image.open(BytesIO(part.data)).info
        assert set(info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert SECRET.decode() not in str(made.facts)


def swapped_profile() -> bytes:
    """Return the profile of a screen whose red is green: sRGB's with two primaries exchanged."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")


def test_foreign_colours_are_converted_and_broken_profiles_ignored() -> None:
    red = Image.new("RGB", (300, 300), (255, 0, 0))
    made = reading(encoded(red, "PNG", icc_profile=swapped_profile()))
    assert made.facts["icc_profile"] == "converted to srgb"
    assert tuple(pixels(made.derived[0])[0, 0]) == (0, 255, 0)
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for profile, told in ((own, "srgb"), (b"nonsense" * 40, "broken, ignored"), (None, "none")):
        made = reading(encoded(red, "PNG", icc_profile=profile))
        assert made.facts["icc_profile"] == told
        assert tuple(pixels(made.derived[0])[0, 0]) == (255, 0, 0)


def test_size_is_checked_before_decoding() -> None:
    with pytest.raises(Refused, match="512 x 512 pixels are more than the limit of 200000"):
        reading((DATA / "camera.png").read_bytes(), Limits(pixels=200_000))


@pytest.mark.parametrize(
    ("width", "height", "times"),
    [(512, 512, 1), (255, 300, 2), (128, 128, 2), (16, 16, 16), (1, 1, 256), (5000, 10, 1), (64, 1000, 4)],
)
def test_small_pictures_grow_by_whole_numbers(width: int, height: int, times: int) -> None:
    assert enlargement(width, height) == times


def test_what_we_made_ourselves_does_not_derive_from_itself() -> None:
    made = reading(encoded(photo(), "PNG")).derived[0].data
    again = reading(made)
    assert again.derived[0].data != made
    assert (pixels(again.derived[0]) == np.asarray(photo())).all()
    assert reading(again.derived[0].data).derived[0].data == made


def test_blur_lowers_sharpness() -> None:
    sharp = Image.open(DATA / "camera.png")
    soft = sharp.resize((64, 64)).resize((512, 512))
    assert probes(np.asarray(sharp))["laplacian_variance"] > 10 * probes(np.asarray(soft))["laplacian_variance"]


@pytest.mark.parametrize("sigma", [3.0, 10.0])
def test_noise_is_estimated(sigma: float) -> None:
    rng = np.random.default_rng(7)
    smooth = np.add.outer(np.linspace(60, 120, 512), np.linspace(0, 60, 512))
    noisy = np.clip(np.rint(smooth + rng.normal(0, sigma, smooth.shape)), 0, 255).astype(np.uint8)
    assert probes(noisy)["noise_sigma"] == pytest.approx(sigma, rel=0.03)


def test_probes_tell_their_scale() -> None:
    assert [reduction(width, 300) for width in (512, 513, 1024, 1025, 4000, 4096, 4097)] == [1, 2, 2, 4, 8, 8, 16]
    half = np.full((1000, 700), 128, np.uint8)
    assert probes(half) == {
        "scale": 0.5, "laplacian_variance": 0, "noise_sigma": 0, "mean_share": round(128 / 255, 6), "dark_share": 0,
        "bright_share": 0,
    }  # fmt: skip
    assert probes(np.zeros((1, 1), np.uint8))["noise_sigma"] == 0
