import base64
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from pydicom import dcmread
from sqlalchemy import select

from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured, NotFound, ServiceUnavailable
from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources import dicomweb
from yuelu.pipelines.sources.address import open_source
from yuelu.pipelines.sources.dicomweb import DicomwebSource
from yuelu.pipelines.sources.multipart import boundary_of, only_part
from yuelu.pipelines.sources.port import Listed, Opened

USER = {"YUELU_DICOMWEB_USER": "reader", "YUELU_DICOMWEB_PASSWORD": "only-for-tests"}
TERMS = Collection("pacs", "hospital", "contract", "general", "research only")


def filled(orthanc: Any, folder: Path) -> dict[str, Path]:
    """Send every file of the folder to the PACS by STOW-RS; return them by study/series/instance."""
    sent = {}
    for file in sorted(folder.rglob("*")):
        if not file.is_file():
            continue
        body = b"--x\r\nContent-Type: application/dicom\r\n\r\n" + file.read_bytes() + b"\r\n--x--"
        kind = {"Content-Type": 'multipart/related; type="application/dicom"; boundary=x'}
        auth = (USER["YUELU_DICOMWEB_USER"], USER["YUELU_DICOMWEB_PASSWORD"])
        httpx.post(f"{orthanc.root}/studies", content=body, headers=kind, auth=auth, timeout=30).raise_for_status()
        dataset = dcmread(file, stop_before_pixels=True)
        sent[f"{dataset.StudyInstanceUID}/{dataset.SeriesInstanceUID}/{dataset.SOPInstanceUID}"] = file
    return sent


def pacs(orthanc: Any, query: str = "") -> DicomwebSource:
    source = open_source(f"dicomweb+{orthanc.root}{query}", USER)
    assert isinstance(source, DicomwebSource)
    return source


@pytest.mark.integration
def test_a_real_pacs_from_end_to_end(
    orthanc: Any, dicom_files: Path, tmp_path: Path, make_workspace: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = filled(orthanc, dicom_files / "dicomdirtests/98892001")
    monkeypatch.setattr(dicomweb, "_PAGE", 2)  # so that there are several pages of everything
    source = pacs(orthanc)
    listed = list(source.listed())
    assert {one.path for one in listed} == set(sent)
    assert len(listed) == len(sent) == 7
    for one in listed:
        with source.opened(one) as opened, open(opened.descriptor, "rb", closefd=False) as file:
            file.seek(0)
            got = dcmread(file)
            assert got.pixel_array.tobytes() == dcmread(sent[one.path]).pixel_array.tobytes()
    assert [one.path for one in pacs(orthanc, "?Modality=MR").listed()] == []
    assert len(list(pacs(orthanc, "?PatientID=98890234&Modality=CT&StudyDate=20010101-20031231").listed())) == 7
    assert len(list(pacs(orthanc, "?StudyDate=19990101-19991231").listed())) == 0

    workspace = make_workspace("one")
    report = ingest(workspace, [source], TERMS, workers=1)
    assert (report.listed, report.accepted) == (7, 7)
    again = ingest(workspace, [source], TERMS, workers=1)
    assert (again.listed, again.already, again.accepted) == (7, 7, 7)
    with workspace.ledger.reading() as session:
        rows = session.scalars(select(ListingRow)).all()
        assert {row.source for row in rows} == {f"dicomweb+{orthanc.root}"}
        uris = {row.facts["uri"]: row.sha256 for row in session.scalars(select(AssetRow).where(AssetRow.role == "source"))}
    assert len(uris) == 7
    auth = base64.b64encode(b"reader:only-for-tests").decode()
    for uri, digest in uris.items():
        asked = {"Authorization": f"Basic {auth}", "Accept": 'multipart/related; type="application/dicom"; transfer-syntax=*'}
        answer = httpx.get(uri, headers=asked)
        boundary = boundary_of(answer.headers["content-type"])
        assert boundary
        assert sha256(b"".join(only_part([answer.content], boundary))) == digest


@pytest.mark.integration
def test_a_pacs_that_dies_stops_the_run_and_a_later_one_goes_on(
    orthanc: Any, dicom_files: Path, make_workspace: Callable[[str], Workspace], monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = filled(orthanc, dicom_files / "dicomdirtests/77654033")
    monkeypatch.setattr(dicomweb, "_ATTEMPTS", 1)
    source, workspace = pacs(orthanc), make_workspace("one")
    listing = source.listed()
    next(listing)
    orthanc.stop()
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        list(listing)
    orthanc.start()
    monkeypatch.setattr(dicomweb, "_ATTEMPTS", 5)

    opened, calls = dicomweb.DicomwebSource.opened, count()

    def dying(one: dicomweb.DicomwebSource, listed: Listed) -> AbstractContextManager[Opened]:
        if next(calls) == 4:  # after the first batch
            orthanc.stop()
            monkeypatch.setattr(dicomweb, "_ATTEMPTS", 1)
        return opened(one, listed)

    monkeypatch.setattr(dicomweb.DicomwebSource, "opened", dying)
    monkeypatch.setattr("yuelu.pipelines.ingest.batches.BATCH_OBJECTS", 4)
    with pytest.raises(ServiceUnavailable, match="does not answer"):
        ingest(workspace, [source], TERMS, workers=1)
    orthanc.start()
    monkeypatch.setattr(dicomweb, "_ATTEMPTS", 5)
    report = ingest(workspace, [source], TERMS, workers=1)
    with workspace.ledger.reading() as session:
        paths = Counter(session.scalars(select(ListingRow.path)))
    assert paths == Counter(list(sent))
    assert report.listed == report.accepted == len(sent)
    assert report.already >= 4


@pytest.mark.integration
def test_a_pacs_that_lets_nobody_in_says_how_to_get_in(orthanc: Any) -> None:
    source = open_source(f"dicomweb+{orthanc.root}", {})
    with pytest.raises(Misconfigured, match="answers 401") as refusal:
        list(source.listed())
    assert "YUELU_DICOMWEB_TOKEN" in refusal.value.hint
    wrong = open_source(f"dicomweb+{orthanc.root}/nowhere", USER)
    with pytest.raises((NotFound, ServiceUnavailable), match=r"nowhere|answers"):
        list(wrong.listed())


UIDS = [f"1.2.{n}" for n in range(1, 6)]


class Server(BaseHTTPRequestHandler):
    """A server that answers each path with the next of its prepared answers: (status, headers, body)."""

    answers: dict[str, list[tuple[int, dict[str, str], bytes]]]
    asked: list[tuple[str, str]]

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append((self.path, self.headers.get("Authorization", "")))
        left = self.answers[path]
        status, headers, body = left.pop(0) if len(left) > 1 else left[0]
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *told: object) -> None:
        pass


@pytest.fixture
def server(free_port: Callable[[], int]) -> Iterator[tuple[str, type[Server]]]:
    handler = type("Prepared", (Server,), {"answers": {}, "asked": []})
    running = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}", handler
    running.shutdown()
    thread.join()
    running.server_close()


def matches(*uids: str, tag: str = "0020000D") -> bytes:
    return ("[" + ",".join(f'{{"{tag}":{{"vr":"UI","Value":["{uid}"]}}}}' for uid in uids) + "]").encode()


def test_pages_that_shift_and_servers_that_give_less_or_ignore_the_offset(server: tuple[str, type[Server]]) -> None:
    root, handler = server
    more = {"Warning": '299 host: "There are 3 additional results that can be requested"'}
    handler.answers["/studies"] = [
        (200, more, matches("1.2.1", "1.2.2")),
        (200, more, matches("1.2.2", "1.2.3")),  # a study arrived meanwhile: everything moved by one
        (200, {}, matches("1.2.2", "1.2.3")),  # and now it ignores the offset
    ]
    assert list(DicomwebSource(root)._found("studies", "")) == ["1.2.1", "1.2.2", "1.2.3"]
    assert [path.partition("offset=")[2] for path, _ in handler.asked] == ["0", "2", "4"]


def test_a_busy_server_is_waited_for_and_the_token_is_sent(
    server: tuple[str, type[Server]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, handler = server
    waits: list[float] = []
    monkeypatch.setattr("yuelu.pipelines.sources.dicomweb.time.sleep", waits.append)
    handler.answers["/studies"] = [(429, {"Retry-After": "7"}, b""), (503, {}, b""), (204, {}, b"")]
    source = open_source(f"dicomweb+{root}", {"YUELU_DICOMWEB_TOKEN": "abc"})
    assert list(source.listed()) == []
    assert waits == [7.0, 1.0]
    assert {header for _, header in handler.asked} == {"Bearer abc"}
    assert "abc" not in repr(source) + source.address
    handler.answers["/studies"] = [(503, {}, b"")]
    with pytest.raises(ServiceUnavailable, match="it says 503"):
        list(source.listed())


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"<html>", "with no list"),
        (b'[{"0020000D":{}}]', "without a UID"),
        (matches("../../instances"), "without a UID"),
    ],
)
def test_a_server_that_answers_nonsense_stops_the_run(server: tuple[str, type[Server]], body: bytes, problem: str) -> None:
    root, handler = server
    handler.answers["/studies"] = [(200, {}, body)]
    with pytest.raises(ServiceUnavailable, match=problem):
        list(DicomwebSource(root).listed())


@pytest.mark.parametrize(
    ("status", "headers", "body", "problem"),
    [
        (404, {}, b"", "no longer there"),
        (500, {}, b"", "the server answers 500"),
        (302, {"Location": "http://example.org/"}, b"", "the server answers 302"),
        (200, {"Content-Type": "text/html"}, b"<html>", "text/html, not DICOM"),
        (200, {"Content-Type": "multipart/related; boundary=x"}, b"--x\r\n\r\nabc", "breaks off"),
        (200, {"Content-Type": "multipart/related; boundary=x"}, b"--x\r\n\r\na\r\n--x\r\n\r\nb\r\n--x--", "several parts"),
        (200, {"Content-Type": "application/dicom", "Content-Length": "10"}, b"abc", "breaks off its answer"),
    ],
)
def test_what_is_wrong_with_one_instance_is_a_reason(
    server: tuple[str, type[Server]], status: int, headers: dict[str, str], body: bytes, problem: str
) -> None:
    root, handler = server
    handler.answers = {"/i": [(status, headers, body)], "/studies": [(204, {}, b"")]}
    source = DicomwebSource(root)
    with pytest.raises(Refused, match=problem), source.opened(Listed(source.address, "i", b"/i", 0, 0)):
        pytest.fail("it was opened")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_part_may_be_cut_anywhere(size: int) -> None:
    content = b"DICM\r\n--bound\r\n\r\n--boundar" * 3
    body = b"preamble\r\n--boundary\r\nContent-Type: application/dicom\r\n\r\n" + content + b"\r\n--boundary--\r\n"
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    assert b"".join(only_part(chunks, b"boundary")) == content


def test_filters_and_passwords_in_the_address() -> None:
    with pytest.raises(Misconfigured, match="'Colour' is no filter"):
        open_source("dicomweb+http://h/dicom-web?Colour=red", {})
    with pytest.raises(Misconfigured, match="holds a password") as refusal:
        open_source("dicomweb+http://u:geheim@h/dicom-web", {})
    assert "geheim" not in str(refusal.value)
    source = open_source("dicomweb+https://H:8042/dicom-web/?PatientID=77", {})
    assert source.address == "dicomweb+https://h:8042/dicom-web"  # the ledger never holds the patient
