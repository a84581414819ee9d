"""`parsed` is held against pydicom on each of pydicom's own files, broken ones included, and on what is cut short."""

import io
import warnings
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import dcmread

from yuelu.pipelines.media.dicom import parse
from yuelu.pipelines.media.dicom.parse import parsed

DATA = Path(str(pydicom.__file__)).parent / "data"
FILES = sorted(path for path in DATA.rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc", ".json", ".md", ".txt"))
LARGEST = 4 << 20


def _all(data: bytes, *, ours: bool) -> Any:
    """Return all that the data set holds, or what went wrong."""
    try:
        dataset = parsed(data) if ours else dcmread(io.BytesIO(data), force=True)
    except Exception as error:  # whatever pydicom raises, ours shall raise
        return repr(error)
    held = vars(dataset)
    return {name: value for name, value in held.items() if name not in ("_dict", "buffer")}, list(dict.items(held["_dict"]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_what_pydicom_reads(path: Path) -> None:
    data = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert _all(data[:LARGEST], ours=True) == _all(data[:LARGEST], ours=False)


def test_a_file_that_breaks_off_is_what_pydicom_reads() -> None:
    data = (DATA / "test_files" / "CT_small.dcm").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for end in (*range(0, 1500, 7), len(data) - 1):
            assert _all(data[:end], ours=True) == _all(data[:end], ours=False)


def test_flat_files_take_the_short_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(parse, "dcmread", refuse)
    assert parsed((DATA / "test_files" / "CT_small.dcm").read_bytes()).PatientName == "CompressedSamples^CT1"
