from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from yuelu.base.records import Role
from yuelu.pipelines.media.images import decode, read
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.pictures import enlargement, window_by_percentiles
from yuelu.pipelines.media.reading import Context, Refused

DATA = Path(skimage.__file__).parent / "data"


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def checks(width: int = 40, height: int = 20) -> Image.Image:
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    return Image.fromarray(pixels)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_lossless_formats_give_the_pixels(kind: str) -> None:
    image = Image.open(DATA / "chelsea.png").convert("RGB")
    options = {"lossless": True} if kind == "WEBP" else {}
    assert (decode(encoded(image, kind, **options), Limits()) == np.asarray(image)).all()


def test_orientation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate 90 degrees clockwise to see it upright
    upright = decode(encoded(checks(), "PNG", exif=exif), Limits())
    assert upright.shape == (40, 20, 3)
    assert tuple(upright[0, -1]) == (255, 0, 0)


def test_metadata_stays_behind(context_for: Callable[..., Context]) -> None:
    exif = Image.Exif()
    exif[0x010E], exif[0x013B] = "Zhang San", "Zhang San"
    data = encoded(checks(600, 400), "JPEG", exif=exif, comment=b"Zhang San", icc_profile=b"Zhang San" * 20)
    made = read(BytesIO(data), context_for(data))
    assert b"Zhang San" in data
    assert not [part for part in made.derived if b"Zhang San" in part.data or b"Exif" in part.data]


def test_sixteen_bit_is_windowed() -> None:
    ramp = np.linspace(1000, 3000, 200 * 300).reshape(200, 300).astype(np.uint16)
    shown = decode(encoded(Image.fromarray(ramp), "TIFF"), Limits())
    assert (shown.min(), shown.max()) == (0, 255)
    assert (np.diff(shown.astype(int).ravel()) >= 0).all()


def test_windows_of_nothing_and_of_one_value() -> None:
    assert window_by_percentiles(np.full((2, 2), np.nan)).tolist() == [[0, 0], [0, 0]]
    assert window_by_percentiles(np.full((2, 2), 7)).tolist() == [[0, 0], [0, 0]]


def test_transparency_lies_on_white() -> None:
    image = Image.new("RGBA", (4, 4), (255, 0, 0, 0))
    assert (decode(encoded(image, "PNG"), Limits()) == 255).all()


def test_several_pictures_in_one_file_are_refused() -> None:
    with pytest.raises(Refused, match="2 pictures in one file"):
        decode((DATA / "multipage.tif").read_bytes(), Limits())
    moving = encoded(checks(), "WEBP", save_all=True, append_images=[checks(40, 20).rotate(180)])
    with pytest.raises(Refused, match="2 pictures in one file"):
        decode(moving, Limits())


def test_size_is_checked_before_decoding() -> None:
    with pytest.raises(Refused, match="512 x 512 pixels are more than the limit of 200000"):
        decode((DATA / "camera.png").read_bytes(), Limits(pixels=200_000))


@pytest.mark.parametrize(
    ("width", "height", "times"),
    [(512, 512, 1), (255, 300, 2), (128, 128, 2), (16, 16, 16), (1, 1, 256), (5000, 10, 1), (64, 1000, 4)],
)
def test_small_pictures_grow_by_whole_numbers(width: int, height: int, times: int) -> None:
    assert enlargement(width, height) == times


def test_roles_sizes_and_probes(context_for: Callable[..., Context]) -> None:
    data = (DATA / "rocket.jpg").read_bytes()
    made = read(BytesIO(data), context_for(data))
    proxy, thumb = made.derived
    assert (proxy.role, proxy.media_type, proxy.facts["scale"]) == (Role.PROXY, "image/jpeg", 1)
    assert Image.open(BytesIO(thumb.data)).size == (256, 171)
    assert (made.facts["width_px"], made.facts["height_px"]) == (640, 427)


def test_blur_lowers_sharpness(context_for: Callable[..., Context]) -> None:
    sharp = Image.open(DATA / "camera.png")
    soft = sharp.resize((64, 64)).resize((512, 512))

    def sharpness(image: Image.Image) -> float:
        data = encoded(image, "PNG")
        return float(read(BytesIO(data), context_for(data)).facts["probes"]["laplacian_variance"])

    assert sharpness(sharp) > 10 * sharpness(soft)
