import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError
from packed import tarred, zipped
from sqlalchemy import select

from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured, NotFound, ServiceUnavailable
from yuelu.base.ledger.media import AssetRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources import s3
from yuelu.pipelines.sources.address import open_source
from yuelu.pipelines.sources.port import Listed
from yuelu.pipelines.sources.s3 import S3Source

TERMS = Collection("bucket", "hospital", "contract", "general", "research only")
ODD = ["肺 1.bin", "line\nbreak", "a//b", "../up", "plus+&=?#%41", "'\"<>", "end.", "~", "A", "a"]


@pytest.fixture
def client(s3_endpoint: str) -> Any:
    return boto3.client("s3", endpoint_url=s3_endpoint)


@pytest.fixture
def place(bucket: str) -> S3Source:
    source = open_source(bucket, {})
    assert isinstance(source, S3Source)
    return source


def put(client: Any, place: S3Source, key: str, data: bytes) -> None:
    client.put_object(Bucket=place.bucket, Key=f"{place.prefix}/{key}", Body=data)


def read(source: S3Source, listed: Listed) -> bytes:
    with source.opened(listed) as opened:
        return os.pread(opened.descriptor, 1 << 28, 0)


@pytest.mark.integration
def test_keys_of_a_real_bucket(client: Any, place: S3Source) -> None:
    for key in ODD:
        put(client, place, key, key.encode() * 2)
    put(client, place, "folder/", b"")
    put(client, place, "empty", b"")
    client.put_object(Bucket=place.bucket, Key="some/prefix-not-ours", Body=b"1")
    listed = {one.path: one for one in place.listed()}
    assert list(listed) == sorted([*ODD, "empty"], key=str.encode)
    for key in ODD:
        assert read(place, listed[key]) == key.encode() * 2
    assert place.uri(listed["肺 1.bin"]).startswith(f"s3://{place.bucket}/some/prefix/%E8%82%BA%201.bin?endpoint=http://")
    single = open_source(f"s3://{place.bucket}/some/prefix/A?endpoint={place.endpoint}", {})
    assert [one.path for one in single.listed()] == ["A"]


@pytest.mark.integration
def test_what_changes_between_listing_and_reading_is_refused(client: Any, place: S3Source) -> None:
    put(client, place, "a", b"1" * 10)
    put(client, place, "b", b"1" * 10)
    first, second = place.listed()
    put(client, place, "a", b"2" * 10)  # within a second, and of the same size
    with pytest.raises(Refused, match="changed since it was listed"):
        read(place, first)
    assert next(iter(place.listed())).modified_ns != first.modified_ns
    client.delete_object(Bucket=place.bucket, Key=f"{place.prefix}/b")
    with pytest.raises(Refused, match="no longer there"):
        read(place, second)


@pytest.mark.integration
def test_what_does_not_answer_stops_the_run(
    place: S3Source, free_port: Callable[[], int], monkeypatch: pytest.MonkeyPatch, make_workspace: Callable[[str], Workspace]
) -> None:
    with pytest.raises(NotFound, match="no bucket"):
        list(S3Source("no-such-bucket", "", place.endpoint).listed())
    with pytest.raises(NotFound, match="nothing at"):
        list(place.listed())
    monkeypatch.setattr(s3, "_ATTEMPTS", 1)
    away = S3Source(place.bucket, "", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(ServiceUnavailable, match="Could not connect"):
        ingest(make_workspace("one"), [away], TERMS)
    with pytest.raises(ServiceUnavailable, match="Could not connect"), away.opened(Listed("", "x", b"x\0tag", 1, 0)):
        pytest.fail("it was opened")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
    s3._client.cache_clear()
    with pytest.raises(ServiceUnavailable, match="SignatureDoesNotMatch"):
        list(place.listed())
    s3._client.cache_clear()


class Body:
    """An answer whose connection breaks after so many bytes."""

    def __init__(self, data: bytes, breaks_at: int | None) -> None:
        self.data, self.breaks_at = data, breaks_at

    def iter_chunks(self, size: int) -> Any:
        yield self.data[: self.breaks_at]
        if self.breaks_at is not None:
            raise ReadTimeoutError(endpoint_url="http://s3")


class Client:
    """A client whose first answers break, and which remembers what it was asked."""

    def __init__(self, data: bytes, breaks: list[int | None]) -> None:
        self.data, self.breaks, self.asked = data, breaks, list[dict[str, str]]()

    def get_object(self, **asked: str) -> dict[str, Body]:
        self.asked.append(asked)
        start = int(asked.get("Range", "bytes=0-")[6:-1])
        return {"Body": Body(self.data[start:], self.breaks.pop(0))}


def test_a_broken_connection_is_taken_up_where_it_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("yuelu.pipelines.sources.s3.time.sleep", waits.append)
    data, listed = os.urandom(100), Listed("", "x", b"x\0tag", 100, 0)
    client = Client(data, [30, 20, None])
    monkeypatch.setattr(s3, "_client", lambda endpoint: client)
    assert read(S3Source("b"), listed) == data
    assert [asked.get("Range") for asked in client.asked] == [None, "bytes=30-", "bytes=50-"]
    assert {asked["IfMatch"] for asked in client.asked} == {"tag"}
    client = Client(data, [10] * 5)
    with pytest.raises(ServiceUnavailable, match="Read timeout"):
        read(S3Source("b"), listed)
    assert waits == [0.2, 0.4, 0.2, 0.4, 0.8, 1.6]


def answer(code: str, status: int) -> Any:
    return ClientError({"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}}, "GetObject")  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    ("error", "expected", "text"),
    [
        (answer("NoSuchKey", 404), Refused, "no longer there"),
        (answer("AccessDenied", 403), Refused, "access denied"),
        (answer("InvalidObjectState", 403), Refused, "InvalidObjectState"),
        (answer("SlowDown", 503), ServiceUnavailable, "SlowDown"),
        (answer("InternalError", 500), ServiceUnavailable, "InternalError"),
        (answer("ExpiredToken", 400), ServiceUnavailable, "ExpiredToken"),
        (EndpointConnectionError(endpoint_url="http://s3"), ServiceUnavailable, "Could not connect"),
    ],
)
def test_trouble_of_the_endpoint_is_none_of_the_object(
    monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[Exception], text: str
) -> None:
    def refuse(**asked: str) -> None:
        raise error

    client = Client(b"", [])
    monkeypatch.setattr(client, "get_object", refuse)
    monkeypatch.setattr(s3, "_client", lambda endpoint: client)
    monkeypatch.setattr("yuelu.pipelines.sources.s3.time.sleep", lambda seconds: None)
    with pytest.raises(expected, match=text):
        read(S3Source("b"), Listed("", "x", b"x\0tag", 100, 0))


@pytest.mark.integration
def test_a_bucket_is_ingested_once_archives_included(
    client: Any, place: S3Source, tmp_path: Path, dicom_files: Path, make_workspace: Callable[[str], Workspace]
) -> None:
    files = {file.name: file.read_bytes() for file in sorted((dicom_files / "dicomdirtests/98892001/CT5N").iterdir())}
    put(client, place, "ct/a.zip", zipped(tmp_path / "a.zip", {"../evil": b"x", **files}).read_bytes())
    put(client, place, "ct/b.tar.gz", tarred(tmp_path / "b.tar.gz", files, "w:gz").read_bytes())
    put(client, place, "ct/plain.dcm", next(iter(files.values())))
    put(client, place, "both.zip", (tmp_path / "a.zip").read_bytes())
    put(client, place, "both.zip/x", b"1")
    workspace = make_workspace("one")
    report = ingest(workspace, [place], TERMS, workers=1)
    assert (report.accepted, report.duplicate, report.quarantined) == (len(files), len(files) + 1, 3)
    assert report.reasons["an archive, and other keys begin with its name and a slash"] == 1
    again = ingest(workspace, [place], TERMS, workers=1)
    assert again.already == again.listed == report.listed
    put(client, place, "ct/plain.dcm", next(iter(files.values())))  # put again: read again, and the same by hash
    assert ingest(workspace, [place], TERMS, workers=1).duplicate == report.duplicate
    with workspace.ledger.reading() as session:
        uris = {row.facts["uri"]: row.sha256 for row in session.scalars(select(AssetRow).where(AssetRow.role == "source"))}
    (member,) = [uri for uri in uris if f"a.zip?endpoint={place.endpoint}#{next(iter(files))}" in uri]
    assert uris[member] == sha256(next(iter(files.values())))


def test_addresses_of_buckets() -> None:
    environment = {"AWS_ENDPOINT_URL": "http://minio:9000"}
    assert open_source("s3://b/p/", environment).address == "s3://b/p?endpoint=http://minio:9000"
    assert open_source("s3://b/p?endpoint=http://x:1", environment).address == "s3://b/p?endpoint=http://x:1"
    assert open_source("s3://b", {}).address == "s3://b"
    for wrong in ("s3://", "s3:///p", "s3://key:secret@b/p"):
        with pytest.raises(Misconfigured, match="no bucket") as refusal:
            open_source(wrong, {})
        assert "secret@" not in str(refusal.value)
