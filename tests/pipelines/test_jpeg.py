import struct
from io import BytesIO
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from coded import DATA, SECRET, encoded, photo, pixels, proxies, reading
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from yuelu.pipelines.media.images.jpeg_segments import take_apart
from yuelu.pipelines.media.reading import Refused

SIZE = (600, 400)


def segment(code: int, content: bytes) -> bytes:
    return bytes((0xFF, code)) + (len(content) + 2).to_bytes(2, "big") + content


def with_segments(data: bytes, *segments: bytes) -> bytes:
    return data[:2] + b"".join(segments) + data[2:]


def exif(orientation: int) -> bytes:
    return b"Exif\0\0MM\0*\0\0\0\x08\0\1" + struct.pack(">HHIHHI", 0x0112, 3, 1, orientation, 0, 0)


def same_pixels(one: bytes, other: bytes) -> bool:
    return bool((pixels(one) == pixels(other)).all())


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {}), ("RGB", {"progressive": True}), ("L", {}), ("L", {"progressive": True}), ("RGB", {"keep_rgb": True}),
        ("RGB", {"subsampling": "4:4:4"}), ("RGB", {"subsampling": "4:2:2"}), ("RGB", {"restart_marker_rows": 1}),
        ("RGB", {"optimize": True, "quality": 30}),
    ],
)  # fmt: skip
def test_an_ordinary_jpeg_keeps_its_coded_data(mode: str, options: dict[str, object]) -> None:
    data = encoded(photo(*SIZE).convert(mode), "JPEG", **options)
    made = reading(with_segments(data, segment(0xE1, exif(1)), segment(0xFE, SECRET)))
    proxy = proxies(made)[0]
    assert same_pixels(proxy.data, data)
    assert len(proxy.data) <= len(data) + 1
    scan = data[data.index(b"\xff\xda") :]
    assert proxy.data.endswith(scan)
    assert (proxy.facts["width_px"], proxy.facts["height_px"], proxy.facts["scale"]) == (*SIZE, 1)
    assert "orientation" not in made.facts


def test_real_photographs_keep_their_coded_data(fixtures: Path) -> None:
    plain = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "adobe", "adobe_transform", "progressive", "progression"}
    photos = sorted((fixtures / "good_media/gradio_images").glob("*.jp*g"))
    for path in [*photos, DATA / "retina.jpg", DATA / "hubble_deep_field.jpg"]:
        data = path.read_bytes()
        proxy = proxies(reading(data))[0]
        assert same_pixels(proxy.data, data), path
        assert set(Image.open(BytesIO(proxy.data)).info) <= plain
    assert reading((DATA / "rocket.jpg").read_bytes()).facts["icc_profile"] == "converted to srgb"  # it is in Adobe RGB


def test_nothing_planted_in_any_segment_survives() -> None:
    clean = encoded(photo(*SIZE), "JPEG", progressive=True)
    headers = [b"", b"Exif\0\0", b"JFIF\0" + bytes(9), b"Adobe" + bytes(7), b"ICC_PROFILE\0\1\1"]
    headers += [b"http://ns.adobe.com/xap/1.0/\0", b"Photoshop 3.0\0", b"MPF\0"]
    applications = [segment(0xE0 + n, header + SECRET) for n in range(16) for header in headers]
    others = [segment(code, SECRET) for code in (0xFE, *range(0xF0, 0xFE))]
    data = with_segments(clean, *applications, *others, SECRET, b"\xff\x01", b"\xff\xff\xff")
    second = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    data = data[:second] + segment(0xFE, SECRET) + segment(0xED, SECRET) + data[second:] + SECRET + clean + SECRET
    made = reading(data)
    assert same_pixels(proxies(made)[0].data, clean)
    assert not [part for part in made.derived if SECRET in part.data]
    assert SECRET.decode() not in str(made.facts)


def test_bytes_hidden_behind_the_picture_cost_it_its_coded_data() -> None:
    data = encoded(photo(*SIZE), "JPEG")
    made = reading(data[:-2] + SECRET * 3 + data[-2:])
    assert "extraneous bytes" in made.facts["decoder_complaint"]
    assert SECRET not in proxies(made)[0].data


@pytest.mark.parametrize("orientation", range(2, 9))
def test_turned_photographs_stand_upright(orientation: int) -> None:
    data = with_segments(encoded(photo(*SIZE), "JPEG", quality=95), segment(0xE1, exif(orientation)))
    made = reading(data)
    wanted = np.asarray(ImageOps.exif_transpose(Image.open(BytesIO(data))))
    seen = pixels(proxies(made)[0])
    assert seen.shape == wanted.shape
    assert np.abs(seen.astype(int) - wanted).mean() < 1.5
    assert made.facts["orientation"] == orientation
    assert (made.facts["width_px"], made.facts["height_px"]) == wanted.shape[1::-1]


@pytest.mark.parametrize("block", [b"Exif\0\0", b"Exif\0\0MM\0*\xff\xff\xff\xff", exif(9), exif(0), b"Exif\0\0" + b"II*\0" * 40])
def test_a_broken_exif_block_is_ignored(block: bytes) -> None:
    data = encoded(photo(*SIZE), "JPEG")
    made = reading(with_segments(data, segment(0xE1, block)))
    assert same_pixels(proxies(made)[0].data, data)


def test_cmyk_is_shown_in_rgb() -> None:
    data = encoded(photo(*SIZE).convert("CMYK"), "JPEG", quality=95)
    made = reading(data)
    seen = pixels(proxies(made)[0])
    assert seen.shape == (400, 600, 3)
    assert np.abs(seen.astype(int) - np.asarray(photo(*SIZE))).mean() < 3


def test_a_jpeg_in_foreign_colours_is_converted() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    foreign = srgb.replace(b"rXYZ", b"tmpX").replace(b"gXYZ", b"rXYZ").replace(b"tmpX", b"gXYZ")
    red = Image.new("RGB", (300, 300), (255, 0, 0))
    made = reading(encoded(red, "JPEG", quality=95, icc_profile=foreign))
    assert np.abs(pixels(proxies(made)[0])[150, 150].astype(int) - (0, 255, 0)).max() < 4
    assert made.facts["icc_profile"] == "converted to srgb"
    for profile, told in ((srgb, "srgb"), (b"nonsense" * 20, "broken, ignored")):
        data = encoded(red, "JPEG", icc_profile=profile)
        made = reading(data)
        assert made.facts["icc_profile"] == told
        assert proxies(made)[0].data.endswith(data[data.index(b"\xff\xda") :])


def test_only_the_first_picture_of_a_camera_file_is_taken() -> None:
    views = [photo(*SIZE), photo(*SIZE).rotate(180)]
    data = encoded(views[0], "MPO", save_all=True, append_images=views[1:])
    made = reading(data)
    assert len(proxies(made)) == 1
    assert same_pixels(proxies(made)[0].data, encoded(views[0], "JPEG"))


def test_small_pictures_are_enlarged_without_loss() -> None:
    data = encoded(photo(100, 80), "JPEG")
    proxy = proxies(reading(data))[0]
    assert (proxy.media_type, proxy.facts["scale"]) == ("image/png", 4)
    assert (pixels(proxy)[::4, ::4] == pixels(data)).all()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_refused(kept: float, progressive: bool) -> None:
    data = encoded(photo(*SIZE), "JPEG", progressive=progressive)
    with pytest.raises(Refused, match="stops before its end"):
        reading(data[: int(len(data) * kept)])
    with pytest.raises(Refused, match="premature end of data segment"):
        reading(data[: int(len(data) * kept)] + b"\xff\xd9")


def test_damage_in_the_coded_data_is_noticed() -> None:
    """Where it shifts what follows: a JPEG has no check sums, and Huffman codes find their way back. Pillow notices none."""
    data, noticed = bytearray(encoded(photo(*SIZE), "JPEG", quality=90)), 0
    scan = data.index(b"\xff\xda") + 20
    for place in range(scan, len(data) - 2, len(data) // 20):
        damaged = bytes(data[:place]) + bytes(200) + bytes(data[place + 200 :])
        try:
            noticed += "decoder_complaint" in reading(damaged[: len(data) - 2] + b"\xff\xd9").facts
        except Refused:
            noticed += 1
    assert noticed >= 8


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (imagecodecs.jpeg8_encode(np.full((300, 300), 700, np.uint16), bitspersample=12), "12 bits per sample; 8 are read"),
        (imagecodecs.ljpeg_encode(np.full((300, 300), 70, np.uint8)), "JPEG of process SOF3"),
        (b"\xff\xd8\xff\xd9", "a JPEG without a frame"),
        (b"\xff\xd8\xff", "stops before its end"),
        (b"\xff\xd8\xff\xe0\0\0", "stops before its end"),
        (b"\xff\xd8" + segment(0xC0, b"\x08\0\0\1\0\3") + b"\xff\xd9", "256 x 0 pixels"),
        (b"\xff\xd8" + segment(0xC0, b"\x08\1\0\1\0\2") + b"\xff\xd9", "a JPEG of 2 components"),
        (b"\xff\xd8" + segment(0xC0, b"\x08\xff\xff\xff\xff\3") + b"\xff\xd9", "65535 x 65535 pixels are more than the limit"),
    ],
)
def test_what_nobody_shows_is_refused_clearly(data: bytes, reason: str) -> None:
    with pytest.raises(Refused, match=reason):
        reading(data)


def test_a_jpeg_without_metadata_does_not_derive_from_itself() -> None:
    data = encoded(photo(*SIZE), "JPEG")
    clean = take_apart(data).copy
    proxy = proxies(reading(clean))[0].data
    assert proxy != clean
    assert same_pixels(proxy, clean)
    assert proxies(reading(proxy))[0].data == clean


def test_thumbnail_and_probes_are_those_of_the_whole_picture() -> None:
    big = photo(2000, 1332)
    made = reading(encoded(big, "JPEG", quality=95))
    other = reading(encoded(big, "PNG"))
    assert made.derived[1].facts == {"width_px": 256, "height_px": 170}
    assert np.abs(pixels(made.derived[1]).astype(int) - pixels(other.derived[1])).mean() < 3
    for name, value in made.facts["probes"].items():
        assert value == pytest.approx(other.facts["probes"][name], rel=0.15, abs=0.01), name
    assert made.facts["probes"]["scale"] == 0.25


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 400))
def test_any_bytes_are_read_or_refused(junk: bytes, at: int) -> None:
    data = encoded(photo(64, 48), "JPEG")
    place = 3 + at * (len(data) - 3) // 400
    try:
        made = reading(data[:place] + junk + data[place:])
    except (Refused, OSError):  # what Pillow raises is a reason too: the decoding process makes one of it
        return
    assert pixels(proxies(made)[0]).shape[:2] == (48 * 6, 64 * 6)
