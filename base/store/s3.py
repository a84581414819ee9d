"""An S3 bucket (any endpoint) as a store, through boto3."""

import io
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from yuelu.base.errors import KeyTaken, Misconfigured, NotFound, OutcomeUnknown, ServiceUnavailable
from yuelu.base.store.port import Entry, checked_key
from yuelu.base.store.ranged import Ranged

_RETRIES = 5
BY_LEDGER = "create=ledger"  # in an address: the server cannot create only once, so the ledger's lock decides
_RANGE = 1 << 20  # bytes fetched at a time by `open`


class S3Store:
    """Bytes by key below a prefix of one bucket. Needs a server that honours `If-None-Match: *` (see `single_winner`).

    `conditional`: False for a server that does not; then a create may replace, and `ArbitratedStore` must stand before it.
    """

    def __init__(self, bucket: str, prefix: str = "", endpoint: str | None = None, *, conditional: bool = True) -> None:
        self.bucket, self.prefix, self.endpoint, self.conditional = bucket, prefix.strip("/"), endpoint, conditional
        # Checksums only where the operation demands them: several S3 servers reject boto3's newer default trailer.
        config = Config(
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            retries={"max_attempts": _RETRIES, "mode": "standard"},
            s3={"addressing_style": "path"} if endpoint else {},
        )
        self.client: Any = boto3.client("s3", endpoint_url=endpoint, config=config)

    def __reduce__(self) -> tuple[object, ...]:
        return _again, (self.bucket, self.prefix, self.endpoint, self.conditional)  # a client does not travel to a Dask worker

    @property
    def address(self) -> str:
        """`s3://bucket/prefix`, with the endpoint behind a `?` when it is not Amazon's."""
        address = s3_address(self.bucket, self.prefix, self.endpoint)
        return address if self.conditional else f"{address}{'&' if self.endpoint else '?'}{BY_LEDGER}"

    def _name(self, key: str) -> str:
        return f"{self.prefix}/{checked_key(key)}" if self.prefix else checked_key(key)

    def create(self, key: str, data: bytes | BinaryIO) -> None:
        """Write `data` under a new key. Raises KeyTaken, OutcomeUnknown."""
        once = {"IfNoneMatch": "*"} if self.conditional else {}
        for attempt in range(_RETRIES):
            if not isinstance(data, bytes):
                data.seek(0)
            try:
                self.client.put_object(Bucket=self.bucket, Key=self._name(key), Body=data, **once)
            except ClientError as error:
                if error_code(error) == "ConditionalRequestConflict":  # another writer is at it right now: look again
                    time.sleep(0.1 * 2**attempt)
                    continue
                if error_code(error) in ("PreconditionFailed", "412"):
                    raise KeyTaken(f"{key} already exists", "a key is written once; use a new one") from error
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) >= 500:  # it may have been applied
                    raise OutcomeUnknown(f"writing {key}: {error}", "read the key back before writing again") from error
                raise self._explained(error, key) from error
            except BotoCoreError as error:
                raise OutcomeUnknown(f"writing {key}: {error}", "read the key back before writing again") from error
            else:
                return
        raise OutcomeUnknown(f"writing {key}: the server reported a conflict {_RETRIES} times", "read the key back")

    def read(self, key: str) -> bytes:
        """Return the bytes. Raises NotFound."""
        return cast(bytes, self._ask(key, lambda name: self.client.get_object(Bucket=self.bucket, Key=name)["Body"].read()))

    def open(self, key: str) -> BinaryIO:
        """Return a seekable reader that fetches ranges. Raises NotFound."""
        size = self._ask(key, lambda name: self.client.head_object(Bucket=self.bucket, Key=name))["ContentLength"]
        return cast(BinaryIO, io.BufferedReader(Ranged(partial(self.read_range, key), size), _RANGE))

    def read_range(self, key: str, start: int, end: int) -> bytes:
        """Return bytes start..end-1. Raises NotFound."""
        wanted = f"bytes={start}-{end - 1}"
        call: Any = self.client.get_object
        return cast(bytes, self._ask(key, lambda name: call(Bucket=self.bucket, Key=name, Range=wanted)["Body"].read()))

    def exists(self, key: str) -> bool:
        """Return whether the key was written."""
        try:
            self._ask(key, lambda name: self.client.head_object(Bucket=self.bucket, Key=name))
        except NotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove the object; a key that is not there stays so. A bucket that keeps versions keeps the old one."""
        try:
            self._ask(key, lambda name: self.client.delete_object(Bucket=self.bucket, Key=name))
        except NotFound:
            return

    def list(self, prefix: str = "") -> Iterator[Entry]:
        """Yield the entries whose key starts with `prefix`, in order of their keys."""
        base = f"{self.prefix}/" if self.prefix else ""
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=base + prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                yield Entry(entry["Key"][len(base) :], entry["Size"], entry.get("LastModified"))

    def _ask(self, key: str, call: Callable[[str], Any]) -> Any:
        try:
            return call(self._name(key))
        except ClientError as error:
            raise self._explained(error, key) from error
        except BotoCoreError as error:
            raise ServiceUnavailable(f"{self.address}: {error}", "check the endpoint and the credentials") from error

    def _explained(self, error: ClientError, key: str) -> Exception:
        if error_code(error) in ("NoSuchKey", "404"):
            return NotFound(f"no {key} in {self.address}", "list the store to see what it holds")
        if error_code(error) == "NoSuchBucket":
            return NotFound(f"no bucket {self.bucket}", "create the bucket first")
        if error_code(error) == "NotImplemented":
            return Misconfigured(f"{self.address} cannot create a key only once", "use a server that honours If-None-Match")
        return ServiceUnavailable(f"{self.address}: {error}", "check the endpoint, the bucket and the credentials")


def _again(bucket: str, prefix: str, endpoint: str | None, conditional: bool) -> S3Store:
    return S3Store(bucket, prefix, endpoint, conditional=conditional)


def s3_address(bucket: str, prefix: str, endpoint: str | None) -> str:
    """Return what names a prefix of a bucket; an endpoint of None is Amazon's."""
    place = f"s3://{bucket}/{prefix}".rstrip("/")
    return f"{place}?endpoint={endpoint}" if endpoint else place


def error_code(error: ClientError) -> str:
    """Return what S3 calls the error; empty where it says nothing."""
    return str(error.response.get("Error", {}).get("Code", ""))
