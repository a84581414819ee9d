"""yuelu assets series: on slices of one volume, with one left out, one twice and a localizer between."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

PLACES_MM = (10.0, 0.0, 2.5, 5.0, 5.0)


@pytest.fixture
def slices(tmp_path: Path) -> Path:
    folder = tmp_path / "slices"
    folder.mkdir()
    dataset = dcmread(Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm")
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    for number, mm in enumerate(PLACES_MM):
        dataset.SOPInstanceUID = generate_uid(entropy_srcs=["slice", str(number)])
        dataset.ImagePositionPatient = [-158.135803, -179.035797, mm]
        dataset.save_as(folder / f"{number}.dcm")
    return folder


def test_series_tell_what_is_missing_and_doubled(slices: Path, ingested: Any, copy_of: Callable[[Any], Any], terms: Any) -> None:
    door = copy_of(ingested)
    door("ingest", slices, *terms)
    found = door.json("assets", "series", "--collection", "trial")
    (whole, gappy) = sorted(found, key=lambda one: one["slices"])
    assert (whole["slices"], whole["spacing_mm"], whole["whole"]) == (1, None, True)  # the CT slice of the fixture
    assert {name: gappy[name] for name in ("modality", "slices", "spacing_mm", "missing", "duplicates", "whole")} == {
        "modality": "CT", "slices": 5, "spacing_mm": 2.5, "missing": 1, "duplicates": 1, "whole": False,
    }  # fmt: skip
    assert gappy["gaps"] == [{"after_mm": 5.0, "before_mm": 10.0, "missing": 1}]
    shown = door("assets", "series").stdout
    assert "gap after 5 mm" in " ".join(shown.split())
    assert gappy["series"][:12] in shown
    assert door.json("assets", "series", "--collection", "other") == []
