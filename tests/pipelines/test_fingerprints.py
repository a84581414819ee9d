from io import BytesIO
from itertools import combinations
from pathlib import Path

import imagehash
import numpy as np
import pytest
from coded import DATA, encoded, reading
from PIL import Image, ImageEnhance

PHOTOS = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "brick.png", "ihc.png", "moon.png")


def bits(print_: str) -> int:
    return int(print_, 16)


def distance(one: str, other: str) -> int:
    return (bits(one) ^ bits(other)).bit_count()


def fingerprint(data: bytes) -> str:
    (only,) = reading(data).facts["fingerprints"]["picture"]
    return str(only)


@pytest.fixture(scope="module")
def photos(fixtures: Path) -> dict[str, Image.Image]:
    paths = [*(DATA / name for name in PHOTOS if (DATA / name).exists()),
             *sorted((fixtures / "good_media/gradio_images").glob("*.jp*g"))]  # fmt: skip
    return {path.name: Image.open(path).convert("RGB") for path in paths}


def test_nearly_the_bits_of_imagehash(photos: dict[str, Image.Image]) -> None:
    """Its resampling is Lanczos and its transform is not orthonormal, so coefficients near the median may differ."""
    apart = [distance(fingerprint(encoded(image, "PNG")), str(imagehash.phash(image))) for image in photos.values()]
    assert len(apart) >= 8
    assert np.median(apart) <= 2
    assert max(apart) <= 12


def test_the_same_photograph_stays_near(photos: dict[str, Image.Image]) -> None:
    apart = []
    for image in photos.values():
        whole = fingerprint(encoded(image, "PNG"))
        half = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        for changed in (half, image.resize((400, 300)), ImageEnhance.Brightness(image).enhance(1.1)):
            apart += [distance(whole, fingerprint(encoded(changed, "JPEG", quality=q))) for q in (90, 40)]
    assert np.percentile(apart, 90) <= 8
    assert np.median(apart) <= 4


def test_different_photographs_lie_apart(photos: dict[str, Image.Image]) -> None:
    prints = [fingerprint(encoded(image, "JPEG")) for image in photos.values()]
    apart = [distance(one, other) for one, other in combinations(prints, 2)]
    assert min(apart) > 12
    assert np.percentile(apart, 5) > 16


def test_fingerprints_are_of_the_upright_picture() -> None:
    image = Image.open(DATA / "astronaut.png").convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encoded(image.transpose(Image.Transpose.ROTATE_90), "JPEG", quality=95, exif=exif)
    assert distance(fingerprint(turned), fingerprint(encoded(image, "JPEG", quality=95))) <= 2
    assert Image.open(BytesIO(turned)).getexif()[0x0112] == 6
