"""A prefix of an S3 bucket (any endpoint) as a source, through boto3. Credentials come from the environment of each process."""

import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import islice
from threading import local
from typing import Any
from urllib.parse import quote

from yuelu.base.errors import NotFound, ServiceUnavailable
from yuelu.base.store.s3 import error_code, s3_address
from yuelu.pipelines.media.reading import Refused
from yuelu.pipelines.sources.archive import SUFFIXES, kind_of, member_uri, members, opened_member, outer
from yuelu.pipelines.sources.entries import TOTAL_BYTES
from yuelu.pipelines.sources.port import Listed, Opened, storable
from yuelu.pipelines.sources.spool import LARGEST, spooled

_CHUNK = 1 << 20
_ATTEMPTS = 5  # at the bytes of one object, each going on where the last one stopped
_GONE = ("NoSuchKey", "404", "NoSuchVersion")
_CHANGED = ("PreconditionFailed", "412")
_FORBIDDEN = ("AccessDenied", "403")
# What says that the endpoint is in trouble, not the object.
_TROUBLE = ("SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout", "RequestTimeTooSkewed", "ExpiredToken")


@dataclass(frozen=True, slots=True)
class S3Source:
    """Every key below a prefix. A key that ends in "/" and holds nothing is a folder somebody drew, not an object."""

    bucket: str
    prefix: str = ""  # without the slash behind it
    endpoint: str | None = None  # None: Amazon's

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`, with the endpoint behind a `?` when it is not Amazon's."""
        return s3_address(self.bucket, self.prefix, self.endpoint)

    def listed(self) -> Iterator[Listed]:
        """Yield every object below the prefix, in order of key. Raises NotFound, ServiceUnavailable."""
        yielded = False
        for entry in self._found():
            listed = self._one(entry)
            if listed is None:
                continue
            yielded = True
            if listed.problem is None and listed.path.lower().endswith(SUFFIXES):
                yield from self._members(listed)
            else:
                yield listed
        if not yielded and self.prefix:
            raise NotFound(f"nothing at {self.address}", "check the prefix")

    def _found(self) -> Iterator[dict[str, Any]]:
        """Yield the key that is the prefix itself, if there is one, and all below it: "scans-old/x" is not below "scans"."""
        if self.prefix:
            yield from (entry for entry in islice(self._entries(self.prefix), 1) if entry["Key"] == self.prefix)
        yield from self._entries(f"{self.prefix}/" if self.prefix else "")

    def _entries(self, prefix: str) -> Iterator[dict[str, Any]]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  see _client

        try:
            for page in _client(self.endpoint).get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                yield from page.get("Contents", ())
        except ClientError as error:
            if error_code(error) == "NoSuchBucket":
                raise NotFound(f"no bucket {self.bucket} at {self.endpoint or 'Amazon S3'}", "check its name") from None
            raise self._silent(error) from None
        except BotoCoreError as error:
            raise self._silent(error) from None

    def _one(self, entry: dict[str, Any]) -> Listed | None:
        key, size, tag = entry["Key"], entry["Size"], entry["ETag"]
        path = key[len(self.prefix) :].removeprefix("/") if key != self.prefix else key.rpartition("/")[2]
        if not path or (path.endswith("/") and not size):
            return None
        # A second is all that S3 promises; the tag in the place of its fraction shows what was replaced within one.
        modified_ns = int(entry["LastModified"].timestamp()) * 10**9 + zlib.crc32(tag.encode()) % 10**9
        problem = "its key holds a NUL" if "\0" in key else None
        location = f"{key}\0{tag}".encode("utf-8", "surrogatepass")
        return Listed(self.address, storable(path), location, size, modified_ns, problem)

    def _members(self, listed: Listed) -> Iterator[Listed]:
        """Yield the members of an archive, which is fetched for it; as itself, if it is none."""
        try:
            with self._fetched(listed, TOTAL_BYTES) as opened:
                kind = kind_of(opened.descriptor, listed.path)
                if kind is None:
                    yield listed
                elif next(self._entries(f"{_key(listed)}/"), None) is not None:
                    yield replace(listed, problem="an archive, and other keys begin with its name and a slash")
                else:
                    yield from members(listed, opened.descriptor, kind, f"{listed.path}/")
        except Refused as refusal:
            yield replace(listed, problem=refusal.problem)

    @contextmanager
    def opened(self, listed: Listed) -> Iterator[Opened]:
        """Yield the object, fetched whole. Raises Refused: gone, changed or forbidden. Raises ServiceUnavailable."""
        archive = outer(listed)
        if archive is None:
            with self._fetched(listed) as opened:
                yield opened
            return
        with opened_member(self._archive(archive), listed) as opened:
            yield opened

    def _archive(self, archive: Listed) -> Opened:
        """Return the archive. Each thread keeps the last one it fetched: members come in order, archive by archive."""
        wanted = (archive.source, archive.location)
        if getattr(_last, "archive", None) != wanted:
            if hasattr(_last, "open"):
                _last.archive = None
                _last.open.__exit__(None, None, None)
                del _last.open
            fetched = self._fetched(archive, TOTAL_BYTES)
            _last.opened = fetched.__enter__()
            _last.open, _last.archive = fetched, wanted
        opened: Opened = _last.opened
        return opened

    @contextmanager
    def _fetched(self, listed: Listed, largest: int = LARGEST) -> Iterator[Opened]:
        with spooled(self._chunks(listed), listed.bytes, largest) as opened:
            if opened.bytes != listed.bytes:
                raise Refused("changed since it was listed")
            yield opened

    def _chunks(self, listed: Listed) -> Iterator[bytes]:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError  # noqa: PLC0415  see _client

        location = listed.location.decode("utf-8", "surrogatepass")
        key, tag = location.split("\0")
        at = 0
        for attempt in range(_ATTEMPTS):
            ranged = {"Range": f"bytes={at}-"} if at else {}
            try:
                body = _client(self.endpoint).get_object(Bucket=self.bucket, Key=key, IfMatch=tag, **ranged)["Body"]
                for chunk in body.iter_chunks(_CHUNK):
                    at += len(chunk)
                    yield chunk
            except ClientError as error:
                raise self._explained(error) from None
            except (BotoCoreError, HTTPClientError, OSError) as error:
                if attempt == _ATTEMPTS - 1 or at >= listed.bytes:
                    raise self._silent(error) from None
                time.sleep(0.2 * 2**attempt)
            else:
                return

    def _explained(self, error: Any) -> Exception:
        code, status = error_code(error), error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if code in _GONE:
            return Refused("no longer there")
        if code in _CHANGED:
            return Refused("changed since it was listed")
        if code in _FORBIDDEN:
            return Refused("cannot be read: access denied")
        if code in _TROUBLE or status >= 500 or status == 401:
            return self._silent(error)
        return Refused(f"cannot be read: {code}")

    def _silent(self, error: Exception) -> ServiceUnavailable:
        return ServiceUnavailable(
            f"{self.address}: {error}",
            "check the endpoint, the bucket and the credentials (AWS_ACCESS_KEY_ID…), and run again: it goes on where it stopped",
        )

    def uri(self, listed: Listed) -> str:
        """Return the address of the object; of an archive's member, the archive's with the member behind a `#`."""
        archive = outer(listed)
        key = _key(archive or listed)
        place = f"s3://{self.bucket}/{quote(key.encode('utf-8', 'surrogatepass'))}"
        if self.endpoint:
            place += f"?endpoint={self.endpoint}"
        if archive is None:
            return place
        path = storable(key[len(self.prefix) :].removeprefix("/") if key != self.prefix else key.rpartition("/")[2])
        return member_uri(place, listed.path.removeprefix(f"{path}/"))


_last = local()


def _key(listed: Listed) -> str:
    return listed.location.partition(b"\0")[0].decode("utf-8", "surrogatepass")


@cache
def _client(endpoint: str | None) -> Any:
    import boto3  # noqa: PLC0415  it takes most of a second to import, and most ingests need it not
    from botocore.config import Config  # noqa: PLC0415

    config = Config(
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        connect_timeout=10,
        read_timeout=60,
        retries={"max_attempts": _ATTEMPTS, "mode": "standard"},
        max_pool_connections=32,
        s3={"addressing_style": "path"} if endpoint else {},
    )
    return boto3.Session().client("s3", endpoint_url=endpoint, config=config)
