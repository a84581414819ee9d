"""One marker in every place of a delivery that can name a person; after ingest only the listing may hold it."""

import io
import wave
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import nibabel
import numpy as np
import pytest
import skimage.data
from PIL import Image, ImageDraw, ImageFont
from pydicom import dcmread
from sqlalchemy import select

from yuelu.base.errors import Conflict
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.records import Outcome, Role
from yuelu.base.workspace import Workspace
from yuelu.pipelines.deid.text import detector
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.ingest.summary import summary
from yuelu.pipelines.released_media import released_media
from yuelu.pipelines.sources.folder import folder as at

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MARK = "QZXVKJ"
Make = Callable[[str], Workspace]


def terms(name: str, **chosen: str) -> Collection:
    return Collection(name, "base", "consent", "internal", "research only", **chosen)


def _dicom(folder: Path, dicom_files: Path) -> None:
    for name in ("CT_small.dcm", "image_dfl.dcm"):
        dataset = dcmread(dicom_files / name)
        dataset.PatientName = dataset.PatientID = dataset.StudyDescription = dataset.ImageComments = MARK
        dataset.BodyPartExamined = "HEAD"
        dataset.private_block(0x0031, MARK, create=True).add_new(1, "LO", MARK)
        dataset.add_new(0x60003000, "OW", MARK.encode() * 2)
        dataset.preamble = (MARK * 22)[:128].encode()
        dataset.save_as(folder / f"{MARK}-{name}")
    ground = Image.new("L", (300, 200), 20)
    ImageDraw.Draw(ground).text((40, 80), MARK, fill=250, font=ImageFont.load_default(24))
    capture = dcmread(dicom_files / "CT_small.dcm")
    capture.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    capture.Modality, capture.ConversionType = "OT", "WSD"
    capture.PixelData = np.asarray(ground, np.uint8).tobytes()
    capture.Rows, capture.Columns, capture.PixelRepresentation = 200, 300, 0
    capture.BitsAllocated, capture.BitsStored, capture.HighBit = 8, 8, 7
    del capture.RescaleSlope, capture.RescaleIntercept
    capture.save_as(folder / f"{MARK}-capture.dcm")


def _others(folder: Path) -> None:
    picture = Image.fromarray(np.asarray(skimage.data.astronaut(), np.uint8))  # type: ignore[no-untyped-call]
    exif = Image.Exif()
    exif[0x010E] = MARK
    picture.save(folder / f"{MARK}.jpg", exif=exif, comment=MARK.encode(), xmp=f"<x>{MARK}</x>".encode())
    volume = nibabel.Nifti1Image(np.arange(4096, dtype=np.int16).reshape(16, 16, 16), np.eye(4))
    volume.header["descrip"] = volume.header["db_name"] = MARK.encode()
    nibabel.save(volume, folder / f"{MARK}.nii")  # type: ignore[attr-defined, unused-ignore]
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes((8000 * np.sin(np.arange(16000) / 5)).astype("<i2").tobytes())
    told = b"LIST" + (4 + 8 + 8).to_bytes(4, "little") + b"INFOIART" + (8).to_bytes(4, "little") + MARK.encode() + b"\0\0"
    data = sound.getvalue() + told
    (folder / f"{MARK}.wav").write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
    with av.open(str(folder / f"{MARK}.mp4"), "w", format="mp4") as clip:
        clip.metadata.update({"title": MARK, "comment": MARK})
        stream: Any = clip.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        for shade in range(10):
            clip.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((64, 64, 3), shade * 20, np.uint8), format="rgb24")))
        clip.mux(stream.encode())


def _held(data: bytes) -> bool:
    return any(MARK.encode(code) in data for code in ("ascii", "utf-16-le", "utf-16-be"))


def _inflated(data: bytes) -> bytes:
    """The data set behind the header of a deflated DICOM file; empty for all others."""
    if data[128:132] != b"DICM" or b"1.2.840.10008.1.2.1.99" not in data[:400]:
        return b""
    return zlib.decompress(data[144 + int.from_bytes(data[140:144], "little") :], -zlib.MAX_WBITS)


def test_only_the_listing_holds_what_was_planted(make_workspace: Make, tmp_path: Path, dicom_files: Path) -> None:
    if (found_by := detector()) is None:
        pytest.skip("no detector of text")
    folder = tmp_path / MARK
    folder.mkdir()
    _dicom(folder, dicom_files)
    _others(folder)
    assert all(_held(path.read_bytes()) for path in folder.iterdir() if "capture" not in path.name and "dfl" not in path.name)
    workspace = make_workspace("planted")
    report = ingest(workspace, [at(folder)], terms("planted"))
    assert (report.listed, report.accepted, report.reasons) == (7, 7, {})
    stored = [path for path in (tmp_path / "planted").rglob("*") if path.is_file() and ".sqlite" not in path.name]
    kept = [path for path in stored if "ledger" not in path.name]
    assert len(kept) > 10
    for path in kept:
        assert not _held(path.read_bytes()), path
        assert not _held(_inflated(path.read_bytes())), path
    with workspace.ledger.reading() as session:
        rows = session.scalars(select(AssetRow)).all()
        assert not any(MARK in repr((row.facts, row.group, row.media_type)) for row in rows if row.role != Role.SOURCE)
        sources = [row for row in rows if row.role == Role.SOURCE]
        assert not any(MARK in repr({k: v for k, v in row.facts.items() if k != "uri"}) for row in sources)
        assert not any(
            MARK in repr([getattr(e, c.key) for c in EventRow.__table__.columns]) for e in session.scalars(select(EventRow))
        )
        assert all(MARK in path for path in session.scalars(select(ListingRow.path)))
        out = released_media(session, workspace.store, [row.sha256 for row in sources], "d", workspace.secret)
        media = [repr(one.medium) for several in out.values() for one in several]
        assert len(media) >= 7
        assert MARK not in "".join(media)
        (alarm,) = [one for one in summary(session, "planted").alarms if one.name == "face"]
        assert alarm.files == 1
        (capture,) = [row for row in rows if row.facts.get("deid", {}).get("pixels") and row.facts["width_px"] == 300]
        shown = workspace.store.open(f"{next(r.store_key for r in rows if r.sha256 == capture.facts['proxy'])}")
        with shown as file, Image.open(io.BytesIO(file.read())) as picture:
            assert not found_by.find(np.asarray(picture.convert("RGB"), np.uint8)).any()


def test_faces_are_blurred_where_asked_and_the_choice_stays(make_workspace: Make, tmp_path: Path) -> None:
    folder, workspace = tmp_path / "photos", make_workspace("w")
    folder.mkdir()
    _others(folder)
    for path in folder.iterdir():
        if path.suffix not in (".jpg", ".mp4"):
            path.unlink()
    report = ingest(workspace, [at(folder)], terms("c", detect="faces", deid="113100"))
    assert (report.accepted, report.reasons) == (2, {})
    with workspace.ledger.reading() as session:
        row = session.get_one(CollectionRow, "c")
        assert (row.deid, row.detect) == ("113100", "faces")
        sources = {row.medium: row for row in session.scalars(select(AssetRow).where(AssetRow.role == Role.SOURCE))}
        assert "faces" in sources["video"].facts["detected"]
        source = sources["image"]
        assert source.facts["detected"] == {"faces": 1}
        proxy = session.get_one(AssetRow, source.facts["proxy"])
        with workspace.store.open(str(proxy.store_key)) as file, Image.open(io.BytesIO(file.read())) as picture:
            seen = np.asarray(picture, np.int16)
    before = np.asarray(skimage.data.astronaut(), np.int16)  # type: ignore[no-untyped-call]
    assert np.abs(seen - before)[60:160, 190:270].mean() > 5 * np.abs(seen - before)[300:].mean()  # the face, and below it
    with pytest.raises(Conflict, match="another deid"):
        ingest(workspace, [at(folder)], terms("c", deid="113100,113106"))
    again = ingest(workspace, [at(folder)], terms("other"))  # the same bytes, not to be blurred
    assert again.reasons == {"these bytes are there already, de-identified with other options": 2}
    with workspace.ledger.reading() as session:
        asked = select(ListingRow.outcome).where(ListingRow.collection == "other").order_by(ListingRow.path)
        assert list(session.scalars(asked)) == [Outcome.QUARANTINED, Outcome.QUARANTINED]
