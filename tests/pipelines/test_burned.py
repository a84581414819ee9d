"""Names are burned into real pictures; nothing may be readable afterwards, and what is no text stays."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, UltrasoundMultiFrameImageStorage, generate_uid

from yuelu.pipelines.deid import burned
from yuelu.pipelines.deid.changes import Box, Changes
from yuelu.pipelines.deid.suspects import STATED, burned_in
from yuelu.pipelines.deid.text import detector
from yuelu.pipelines.media.reading import Refused

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CHINESE = Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc")  # Debian fonts-wqy-microhei
Picture = NDArray[np.uint8]
CAUSE = "burned-in text suspected: ultrasound"


def burn(  # noqa: PLR0917
    picture: Picture, text: str, size: int, shade: int, at: tuple[int, int], font: Path | None = None
) -> Picture:
    image = Image.fromarray(picture)
    letters = ImageFont.truetype(str(font), size) if font else ImageFont.load_default(size)
    ImageDraw.Draw(image).text(at, text, fill=(shade,) * (3 if picture.ndim == 3 else 1), font=letters)
    return np.array(image)


def ultrasound(dicom_files: Path, picture: Picture | None = None) -> Dataset:
    dataset = dcmread(dicom_files / "examples_rgb_color.dcm")
    if picture is not None:
        dataset.PixelData, dataset.PlanarConfiguration = picture.tobytes(), 0
        dataset.Rows, dataset.Columns = picture.shape[:2]
    return dataset


def back(dataset: Dataset) -> Dataset:
    file = io.BytesIO()
    dcmwrite(file, dataset)
    return dcmread(io.BytesIO(file.getvalue()))


def test_a_real_ultrasound_loses_its_texts_and_keeps_its_picture(dicom_files: Path) -> None:
    before = pixel_array(dcmread(dicom_files / "examples_rgb_color.dcm"))
    dataset = ultrasound(dicom_files)
    evidence = burned.clean(dataset, str(burned_in(dataset)))
    after = pixel_array(back(dataset))
    assert 5 <= evidence["blanked_regions"] <= 30
    assert evidence["blanked_share"] < 0.15
    assert not after[:45, :90].any()  # BAPTIST MED CTR and four more lines
    assert not after[:45, 250:].any()
    assert not after[175:195, 120:190].any()  # LYMPH NODE
    assert (after[80:150, 50:270] == before[80:150, 50:270]).all()  # the node itself
    assert dataset.BurnedInAnnotation == "NO"


TEXTS = ("ZHANG^SAN M 1961", "Smith, John", "19610304", "ID 0047431395")
CHINESE_TEXTS = ("张三 男 56岁", "欧阳明月", "长沙市第一医院", "住院号 0047431")


@pytest.mark.parametrize("font", [None, CHINESE], ids=["latin", "chinese"])
def test_most_names_are_found_whole(dicom_files: Path, font: Path | None) -> None:
    """Burned at 10 to 24 px, light and dark, into the speckle of an ultrasound and into an X-ray section."""
    if font and not font.exists():
        pytest.skip("Debian's fonts-wqy-microhei is not installed")
    found_by, random = detector(), np.random.default_rng(20)
    assert found_by is not None
    head = pixel_array(dcmread(dicom_files / "J2K_pixelrep_mismatch.dcm")).astype(float)
    grey = np.clip((head - head.min()) / np.ptp(head) * 255, 0, 255).astype(np.uint8)
    pictures = (pixel_array(dcmread(dicom_files / "examples_rgb_color.dcm"))[:200], np.dstack([grey[80:330, 80:330]] * 3))
    found = readable = 0
    for size, shade, picture in [(s, g, p) for s in (10, 14, 24) for g in (255, 170, 0) for p in pictures]:
        text = (CHINESE_TEXTS if font else TEXTS)[int(random.integers(4))]
        ground = np.full_like(picture, 60) if not shade else picture
        height, width = picture.shape[:2]
        at = int(random.integers(2, max(3, width - 9 * size))), int(random.integers(2, height - 30))
        shown = burn(ground, text, size, shade, at, font)
        ink = burn(np.zeros_like(picture), text, size, 255, at, font).max(axis=2) > 128
        letters = np.abs(shown.astype(int) - ground).max(axis=2) > 40
        if (letters & ink).sum() < 0.7 * ink.sum():
            continue  # grey on grey: nobody can read it
        readable += 1
        found += bool((found_by.find(shown) & letters).sum() >= 0.97 * letters.sum())
    assert readable >= 9
    assert found >= 0.8 * readable, (found, readable)  # thin grey letters over bright flow are missed


def test_text_of_one_frame_is_blanked_in_all(dicom_files: Path) -> None:
    still = pixel_array(dcmread(dicom_files / "examples_rgb_color.dcm"))[80:170]
    frames = [still.copy() for _ in range(12)]
    frames[7] = burn(still, "ZHANG^SAN", 16, 255, (10, 40))  # a frame between those that are looked at
    dataset = ultrasound(dicom_files, still)
    dataset.NumberOfFrames, dataset.PixelData = 12, np.stack(frames).tobytes()
    evidence = burned.clean(dataset, CAUSE)
    after = pixel_array(back(dataset))
    letters = np.abs(frames[7].astype(int) - still).max(axis=2) > 40
    assert evidence["frames_checked"] == 12
    assert all(not frame[letters].any() for frame in after)


def cine(count: int, height: int = 144, width: int = 176) -> NDArray[np.uint8]:
    """Return speckle that moves within a sector, as an ultrasound film does, and black beside it."""
    random = np.random.default_rng(count)
    rows, columns = np.mgrid[:height, :width]
    sector = (np.abs(columns - width / 2) < rows / 2) & (rows > 30)
    frames = [cv2.GaussianBlur(random.rayleigh(60, (height, width)).astype(np.float32), (3, 3), 0) for _ in range(count)]
    return np.asarray(np.clip(np.stack(frames) * sector, 0, 255), np.uint8)


@pytest.mark.parametrize(
    ("at", "shade", "size"),
    [((4, 4), 110, 12), ((60, 90), 255, 16)],
    ids=["grey, beside the picture", "over speckle"],
)
def test_text_of_one_frame_in_sixty_is_found(at: tuple[int, int], shade: int, size: int) -> None:
    frames = cine(60)
    before = frames[37].copy()
    frames[37] = burn(before, "ZHANG SAN", size, shade, at)
    letters = np.abs(frames[37].astype(int) - before) > 60
    dataset = grey_film(frames)
    evidence = burned.clean(dataset, CAUSE)
    after = pixel_array(dataset)
    assert evidence["frames_checked"] == 60
    assert evidence["blanked_share"] < 0.3
    assert (after[:, letters] == frames.min()).mean() > 0.97


def grey_film(frames: NDArray[np.uint8]) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(entropy_srcs=["film"])
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = frames.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelData = 7, frames.tobytes()
    dataset["PixelData"].VR = "OB"
    return dataset


def test_a_film_that_moves_too_much_is_refused() -> None:
    with pytest.raises(Refused, match="20 frames move too much to look for text in each: over the limit of 300000 pixels"):
        burned.clean(grey_film(cine(20)), CAUSE, most_px=300_000)


def test_a_still_film_is_looked_at_once() -> None:
    still = np.repeat(cine(1), 200, axis=0)
    assert burned.clean(grey_film(still), CAUSE, most_px=300_000)["frames_checked"] == 200


def test_what_changes_slowly_is_told_at_last() -> None:
    changes, told = Changes(), 0
    ground = np.full((64, 64), 100, np.uint8)
    assert changes.new(ground) == (Box(0, 0, 64, 64),)
    for step in range(1, 11):  # letters fade in, 8 levels each time
        told += bool(changes.new(burn(ground, "LI", 16, 100 + 8 * step, (20, 20))))
    assert 1 <= told <= 3
    assert changes.new(ground + np.uint8(40)) == ()  # brighter all over: no letters


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "examples_palette.dcm", "examples_jpeg2k.dcm"])
def test_pixels_are_stored_without_loss(dicom_files: Path, name: str) -> None:
    before = dcmread(dicom_files / name)
    dataset = dcmread(dicom_files / name)
    evidence = burned.clean(dataset, CAUSE)
    after = back(dataset)
    one, other = pixel_array(before), pixel_array(after)
    changed = (one != other).any(axis=2) if one.ndim == 3 else one != other
    assert changed.mean() <= evidence["blanked_share"]
    kept = RLELossless if before.file_meta.TransferSyntaxUID.is_encapsulated else ExplicitVRLittleEndian
    assert after.file_meta.TransferSyntaxUID == kept
    assert evidence["blanked_regions"] >= 5


def test_grey_pixels_of_sixteen_bits(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "CT_small.dcm")
    stored = pixel_array(dataset)
    letters = burn(np.zeros(stored.shape, np.uint8), "ZHANG SAN", 14, 255, (20, 100)) > 100
    dataset.PixelData = np.where(letters, 4000, stored).astype(stored.dtype).tobytes()
    evidence = burned.clean(dataset, CAUSE)
    assert evidence["blanked_regions"] >= 1
    assert (pixel_array(back(dataset))[letters] == stored.min()).all()


def test_without_the_extra_a_suspect_stays_out_and_the_reason_says_what_to_install(
    dicom_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(burned, "detector", lambda: None)
    with pytest.raises(
        Refused, match=r"ultrasound; pixels are not checked for text without the extra: pip install 'yuelu\[ocr\]'"
    ):
        burned.clean(ultrasound(dicom_files), CAUSE)


def test_a_page_of_text_is_no_image(dicom_files: Path) -> None:
    page: Picture = np.full((400, 500, 3), 255, np.uint8)
    for line in range(14):
        page = burn(page, "Zhang San, born 1961, was seen on 3 March and", 20, 0, (8, 8 + 27 * line))
    with pytest.raises(Refused, match="burned-in text over more than 30%"):
        burned.clean(ultrasound(dicom_files, page), CAUSE)


def test_text_that_the_object_tells_of_must_be_found(dicom_files: Path) -> None:
    plain = np.zeros((100, 100, 3), np.uint8)
    with pytest.raises(Refused, match="the object says so, but no text was found"):
        burned.clean(ultrasound(dicom_files, plain), STATED)


def test_evidence_never_holds_the_text(dicom_files: Path) -> None:
    evidence = burned.clean(ultrasound(dicom_files), CAUSE)
    assert set(evidence) == {"checked_by", "cause", "frames_checked", "blanked_regions", "blanked_share"}
    assert evidence["checked_by"].startswith("PP-OCR")
