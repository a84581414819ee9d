"""Which transfer syntaxes decode, what is said where one does not, and high-throughput JPEG 2000, of which pydicom ships none."""

from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import Decoder
from pydicom.uid import UID, HTJ2KLossless

from yuelu.pipelines.media.dicom.frames import Frames
from yuelu.pipelines.media.dicom.syntaxes import plugins, syntaxes
from yuelu.pipelines.media.reading import Refused

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

# Encoded by OpenJPH 0.26.3: 32 x 24 pixels of value 100 * row + 7 * column.
HTJ2K = b64decode(
    "/0//UQApQAAAAAAgAAAAGAAAAAAAAAAAAAAAIAAAABgAAAAAAAAAAAABDwEB/1AACAACAAAACv9SAAwAAgABAAUEBEAB/1wAEyCIkJCQkJCQkJCQkJCQ"
    "iIiI/2QAFwABT3BlbkpQSCBWZXIgMC4yNi4zLv+QAAoAAAAAAK8AAf+TwAAmBfkFB3QAwAASwAATAP4BB3QAYv0DB3QAwAASwAATAL4AgnQA8fgAIjQA"
    "wAAVEAAFWN77oAIwAnYAjjvuuOPAQgG+tgDAABVQAAWk7u7u54Cnp8J3AMCBgYGBgYGB+gxge/Yxgey6AMAAK+AAF0IkSZIk+fn+p6enp6dCegDGRqPR"
    "aDQajUaj0Wg0Gv9xgIQHv2IQHv2IQHv2IQHsswH/2Q=="
)


def test_all_of_them_decode_here() -> None:
    assert [one for one in syntaxes() if not one.decodable] == []
    assert {one.uid for one in syntaxes()} >= {
        f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70, 80, 81, 90, 91, 201)
    }


def test_high_throughput_jpeg_2000(dicom_files: Path) -> None:
    dataset = dcmread(dicom_files / "MR_small.dcm")
    dataset.Rows, dataset.Columns, dataset.PixelRepresentation = 24, 32, 0
    dataset.file_meta.TransferSyntaxUID = HTJ2KLossless
    dataset.PixelData = encapsulate([HTJ2K])
    row, column = np.mgrid[:24, :32]
    assert (Frames(dataset).values(0) == 100 * row + 7 * column).all()


@pytest.mark.parametrize(
    ("uid", "said"),
    [
        ("1.2.840.10008.1.2.4.102", r"no decoder for the transfer syntax MPEG-4 AVC/H\.264 High Profile.*\(1\.2\.840"),
        ("1.2.3.4", r"no decoder for the transfer syntax 1\.2\.3\.4"),
    ],
)
def test_what_no_decoder_is_known_for_is_named(uid: str, said: str) -> None:
    with pytest.raises(Refused, match=said):
        plugins(UID(uid))


def test_a_missing_package_is_named_with_the_line_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoder, "available_plugins", ())
    plugins.cache_clear()
    missing = {one.uid: one.hint for one in syntaxes() if not one.decodable}
    assert missing["1.2.840.10008.1.2.4.90"] == "pip install pylibjpeg pylibjpeg-openjpeg"
    assert "1.2.840.10008.1.2.1" not in missing
    with pytest.raises(Refused, match=r"no decoder is installed for .*JPEG-LS Lossless.*pip install pyjpegls"):
        plugins(UID("1.2.840.10008.1.2.4.80"))


def test_decoders_of_one_syntax_agree(dicom_files: Path, pydicom_data: Path) -> None:
    """CharLS against libjpeg: whichever is installed, the pixels are the same."""
    for path in (
        pydicom_data / "emri_small_jpeg_ls_lossless.dcm",
        dicom_files / "MR_small_jpeg_ls_lossless.dcm",
        dicom_files / "JPEGLSNearLossless_16.dcm",
        dicom_files / "SC_rgb_jls_lossy_sample.dcm",
    ):
        quick, other = (Frames(dcmread(path)) for _ in range(2))
        other._options["decoding_plugin"] = "pylibjpeg"
        assert (quick.values(0) == other.values(0)).all()
