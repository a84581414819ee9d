import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from yuelu.base.errors import Misconfigured
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.address import open_source, open_sources
from yuelu.pipelines.sources.dicomdir import DicomdirSource
from yuelu.pipelines.sources.folder import FolderSource

TERMS = Collection("medium", "hospital", "contract", "general", "research only")
MISSING, UNLISTED = "listed in the DICOMDIR, but not there", "there, but not listed in the DICOMDIR"


@pytest.fixture
def medium(tmp_path: Path, dicom_files: Path) -> Path:
    """A copy of pydicom's DICOMDIR test set as it would lie on a disc."""
    shutil.copytree(dicom_files / "dicomdirtests", tmp_path / "disc", ignore=shutil.ignore_patterns("DICOMDIR-*", "TINY_ALPHA"))
    return tmp_path / "disc"


def reasons(file: Path) -> dict[str, str | None]:
    source = open_source(str(file), {})
    assert isinstance(source, DicomdirSource)
    listed = list(source.listed())
    assert len({one.key for one in listed}) == len(listed)
    return {one.path: one.problem for one in listed}


def test_what_a_dicomdir_lists_is_taken_and_the_rest_is_told(medium: Path) -> None:
    (medium / "98892001/CT5N/2062").unlink()
    (medium / "viewer.exe").write_bytes(b"MZ")
    found = reasons(medium / "DICOMDIR")
    taken = [path for path, problem in found.items() if problem is None]
    assert len(taken) == 31 - 1  # its README says 31 image records
    assert "77654033/CR1/6154" in taken
    assert found["98892001/CT5N/2062"] == MISSING
    assert found["viewer.exe"] == found["README.txt"] == UNLISTED
    assert "DICOMDIR" not in found


@pytest.mark.parametrize("kind", ["bigEnd", "implicit", "reordered", "nopatient", "nooffset"])
def test_every_dicomdir_of_pydicom_is_read(medium: Path, dicom_files: Path, kind: str) -> None:
    shutil.copy(dicom_files / f"dicomdirtests/DICOMDIR-{kind}", medium / "DICOMDIR")
    assert [path for path, problem in reasons(medium / "DICOMDIR").items() if problem is None]


def test_small_letters_are_found(medium: Path) -> None:
    (medium / "98892001").rename(medium / "x")
    (medium / "x").rename(medium / "98892001")
    (medium / "98892001/CT5N").rename(medium / "98892001/ct5n")
    found = reasons(medium / "DICOMDIR")
    assert found["98892001/ct5n/2062"] is None
    assert MISSING not in found.values()


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.parametrize("parts", [["..", "..", "etc", "passwd"], ["..\\..\\x"], ["/etc/passwd"], ["C:", "x"], [".", "x"]])
def test_a_dicomdir_that_leads_elsewhere_is_not_followed(medium: Path, parts: list[str]) -> None:
    """CVE-2026-32711: a ReferencedFileID out of the file set."""
    (medium.parent / "outside").write_bytes(b"secret")
    dataset = dcmread(medium / "DICOMDIR")
    record = next(one for one in dataset.DirectoryRecordSequence if "ReferencedFileID" in one)
    record.ReferencedFileID = parts if len(parts) > 1 else parts[0].split("\\")
    dataset.save_as(medium / "DICOMDIR")
    found = reasons(medium / "DICOMDIR")
    (problem,) = [problem for path, problem in found.items() if path.startswith("DICOMDIR#")]
    assert problem == "the DICOMDIR refers to a file outside of its folder"
    assert "secret" not in str(found)


def test_what_is_no_dicomdir_says_so(tmp_path: Path, dicom_files: Path) -> None:
    (tmp_path / "DICOMDIR").write_bytes((dicom_files / "CT_small.dcm").read_bytes())
    with pytest.raises(Misconfigured, match="no DICOM directory"):
        list(open_source(str(tmp_path / "DICOMDIR"), {}).listed())
    (tmp_path / "DICOMDIR").write_bytes(b"nothing")
    with pytest.raises(Misconfigured, match="File is missing DICOM File Meta Information"):
        list(open_source(str(tmp_path / "DICOMDIR"), {}).listed())


def test_a_medium_is_ingested_once_by_its_directory_or_its_folder(
    medium: Path, make_workspace: Callable[[str], Workspace]
) -> None:
    for path in (medium / "77654033", medium / "98892003"):
        shutil.rmtree(path)
    workspace = make_workspace("one")
    report = ingest(workspace, [open_source(str(medium / "DICOMDIR"), {})], TERMS, workers=1)
    assert report.accepted == 7
    assert report.reasons[MISSING] == 24
    again = ingest(workspace, [open_source(str(medium / "DICOMDIR"), {})], TERMS, workers=1)
    assert again.already == again.listed == report.listed
    by_folder = ingest(workspace, [open_source(str(medium), {})], TERMS, workers=1)
    assert (by_folder.accepted, by_folder.duplicate) == (0, 7)
    told = "no reader for DICOM directories"
    assert by_folder.reasons[told] == 1


def test_addresses_of_what_lies_here(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    assert isinstance(open_source(str(tmp_path), {}), FolderSource)
    assert open_source(tmp_path.as_uri(), {}) == open_source(str(tmp_path), {})
    assert len(open_sources([str(tmp_path), f"{tmp_path}/."], {})) == 1
    for wrong, match in ((str(tmp_path / "notes.txt"), "neither a folder"), ("ftp://u:geheim@h/x", "unknown kind 'ftp'")):
        with pytest.raises(Misconfigured, match=match) as refusal:
            open_source(wrong, {})
        assert "geheim" not in str(refusal.value)
    both = ["dicomweb+http://h/d?Modality=CT", "dicomweb+http://h/d?Modality=MR"]
    with pytest.raises(Misconfigured, match="named twice, with different filters"):
        open_sources(both, {})
