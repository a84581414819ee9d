from pathlib import Path

import numpy as np
import pytest
import skimage.data
from pydicom import dcmread
from pydicom.dataset import Dataset

from yuelu.base.canonical import sha256
from yuelu.base.records import Medium, Role
from yuelu.pipelines.deid.heads import face_risk
from yuelu.pipelines.deid.seen import blurred, find
from yuelu.pipelines.ingest.records import Found, Part
from yuelu.pipelines.ingest.settle import assets_of
from yuelu.pipelines.sources.port import Listed

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def section(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.Modality = "CT"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("attributes", "cause"),
    [
        ({"BodyPartExamined": "HEAD"}, "body part"),
        ({"StudyDescription": "CT BRAIN Zhang San"}, "a description"),
        ({"ProtocolName": "头颅平扫"}, "a description"),
        ({"BodyPartExamined": "CHEST"}, None),
        ({"Modality": "US", "BodyPartExamined": "HEAD"}, None),
        ({"PixelSpacing": [0.5, 0.5], "Rows": 512, "Columns": 512, "SliceThickness": 1}, "no body part"),
        ({"PixelSpacing": [0.8, 0.8], "Rows": 512, "Columns": 512, "SliceThickness": 1}, None),
        ({"PixelSpacing": [0.5, 0.5], "Rows": 512, "Columns": 512, "SliceThickness": 8}, None),
    ],
)
def test_which_volumes_bear_a_face(attributes: dict[str, object], cause: str | None) -> None:
    told = face_risk(section(**attributes))
    assert told is None if cause is None else (told is not None and cause in told and "Zhang" not in told)


def test_a_real_head(dicom_files: Path) -> None:
    assert face_risk(dcmread(dicom_files / "CT_small.dcm")) is None


def test_the_astronaut_is_found_and_blurred() -> None:
    picture = np.asarray(skimage.data.astronaut(), np.uint8)  # type: ignore[no-untyped-call]
    (face, *others) = find("faces", picture)
    assert not others
    assert 170 < face.x < 230  # the face is at about (225, 115), as the scikit-image gallery shows it
    assert 40 < face.y < 110
    hidden = blurred(picture, (face,))
    patch = hidden[face.y : face.y + face.height, face.x : face.x + face.width].reshape(-1, 3)
    assert len({tuple(pixel) for pixel in patch.tolist()}) <= 36  # a cascade may still see a face in its shadows; nobody can
    assert (hidden[300:] == picture[300:]).all()
    assert find("plates", picture) == ()


def test_nothing_derived_carries_the_path_of_its_source() -> None:
    listed = Listed("/ward-7/zhang-san", "zhang-san-19610304.dcm", b"/ward-7/zhang-san/x", 3, 1)
    parts = tuple(
        Part(sha256(role.value.encode()), role, Medium.IMAGE, "image/png", 3, {}) for role in (Role.DEIDENTIFIED, Role.PROXY)
    )
    uri = "file:///ward-7/zhang-san/zhang-san-19610304.dcm"
    found = Found(listed, sha256(b"x"), None, 3, uri, Medium.IMAGE, "application/dicom", {"modality": "CT"}, parts, "P1")
    source, *derived = assets_of(found, sha256(b"x"), b"s" * 32)
    assert "zhang-san" in str(source.facts["uri"])
    assert len(derived) == 2
    assert all("zhang" not in repr(asset).lower() for asset in derived)
