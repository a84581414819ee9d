from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from yuelu.pipelines.deid.suspects import burned_in

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def image(**attributes: object) -> Dataset:
    dataset = Dataset()
    dataset.Modality, dataset.PhotometricInterpretation = "CT", "MONOCHROME2"
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    return dataset


@pytest.mark.parametrize(
    ("attributes", "cause"),
    [
        ({}, None),
        ({"ImageType": ["DERIVED", "SECONDARY", "MPR"]}, None),  # a reformatted CT is secondary and clean
        ({"BurnedInAnnotation": "YES"}, "the object says so"),
        ({"Modality": "US"}, "ultrasound"),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, None),
        ({"Modality": "XA"}, "angiography"),
        ({"Modality": "RF"}, "fluoroscopy"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, "secondary capture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7.4"}, "secondary capture"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.77.1.6", "Modality": "SM", "PhotometricInterpretation": "RGB"}, None),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "screen save"),
        ({"Modality": "DOC", "ImageType": ["DERIVED", "SECONDARY"]}, "secondary image"),
        ({"PhotometricInterpretation": "RGB"}, "colour picture"),
        ({"DateOfSecondaryCapture": "20240101"}, "secondary capture"),
    ],
)
def test_who_is_suspected(attributes: dict[str, object], cause: str | None) -> None:
    reason = burned_in(image(**attributes))
    assert reason is None if cause is None else (reason is not None and cause in reason)


def test_dicognitos_statements_are_heard(fixtures: Path) -> None:
    folder = fixtures / "dicom_dicognito/orig_data/test_burned_in_annotation_default"
    assert burned_in(dcmread(folder / "burned_in_yes.dcm")) is not None
    assert burned_in(dcmread(folder / "burned_in_no.dcm")) is None
