"""Opening releases: from a store by name and version, or from a pulled folder."""

import errno
import os
import stat
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from yuelu.base.canonical import sha256
from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.base.signing import PublicKey
from yuelu.base.store.address import open_store
from yuelu.base.store.port import Store
from yuelu.datasets.layout import MANIFEST, File, checked_name, media_file, media_path, version_key, version_number
from yuelu.datasets.manifest import Manifest, read_manifest
from yuelu.datasets.tables import Row, open_table, read_rows
from yuelu.datasets.version import Wanted, parse_selector


class Source(Protocol):
    """Where the files of a release are read from."""

    def open(self, file: File) -> BinaryIO:
        """Return a seekable reader. Raises NotFound."""

    def label(self, file: File) -> str:
        """Return the name under which people find the file there."""


@dataclass(frozen=True, slots=True)
class StoreSource:
    """The files lie in a store, by key."""

    store: Store

    def open(self, file: File) -> BinaryIO:
        """Return a reader that fetches ranges."""
        return self.store.open(file.key)

    def label(self, file: File) -> str:
        """Return the key."""
        return file.key


def open_regular(root: Path, name: str) -> BinaryIO:
    """Return a reader of a regular file; never follows a link, never waits for a pipe.

    Raises NotFound. Raises IntegrityFailure: something else lies in its place.
    """
    hint = "pull the release again"
    try:
        opened = os.open(root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise NotFound(f"no {name} in {root}: {error.strerror}", hint) from None
    except OSError as error:
        odd = "is a link" if error.errno == errno.ELOOP else f"cannot be opened: {error.strerror}"
        raise IntegrityFailure(f"{name} {odd}", hint) from None
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise IntegrityFailure(f"{name} is not a regular file", hint)
    return os.fdopen(opened, "rb")


@dataclass(frozen=True, slots=True)
class FolderSource:
    """The files lie in a pulled folder."""

    root: Path

    def open(self, file: File) -> BinaryIO:
        """Return a reader. Raises NotFound. Raises IntegrityFailure: a link, a pipe or a folder lies in the file's place."""
        return open_regular(self.root, file.path)

    def label(self, file: File) -> str:
        """Return the path in the folder."""
        return file.path


@dataclass(frozen=True, slots=True)
class Release:
    """One immutable version of a dataset. `signed` is the signed file its manifest came in."""

    manifest: Manifest
    source: Source
    signed: bytes

    def read(self, file: File) -> bytes:
        """Return the bytes of one file. Raises IntegrityFailure: they are not what the manifest says."""
        with self.source.open(file) as opened:
            data = opened.read()
        if sha256(data) != file.sha256:
            label = self.source.label(file)
            raise IntegrityFailure(f"{label} is damaged: its SHA-256 is {sha256(data)}, not {file.sha256}", "pull it again")
        return data

    def rows(self, table: str) -> Iterator[Row]:
        """Yield the rows of a table in id order, from bytes that were checked."""
        file = self.manifest.part(table).file
        yield from read_rows(open_table(pa.BufferReader(self.read(file)), file.path), file.path)

    def table(self, table: str) -> pa.Table:
        """Return a whole table, from bytes that were checked."""
        file = self.manifest.part(table).file
        return open_table(pa.BufferReader(self.read(file)), file.path).read()

    def media(self) -> Iterator[File]:
        """Yield the media files, as the assets table lists them. Raises IntegrityFailure: a path not of our making."""
        for row in self.rows("assets"):
            file = media_file(self.manifest.name, row["id"], row["media_type"], row["bytes"])
            if row["path"] != media_path(row["id"], row["media_type"]):
                raise IntegrityFailure(
                    f"assets.parquet: the path {row['path']!r} is not that of {row['id']}", "ask the publisher"
                )
            yield file

    def files(self) -> Iterator[File]:
        """Yield every file but the manifest: tables, documents, then media."""
        yield from (part.file for part in self.manifest.parts)
        yield from self.manifest.documents
        yield from self.media()


def open_release(place: Store | Path | str, name: str, version: str | None = None, *, key: PublicKey | None = None) -> Release:
    """Return a release of `name` in a store (or at its address): the newest, or the newest that `version` allows.

    `name` may carry the version: `chest-ct@1.2.0`, `chest-ct@^1.0`.

    Raises NotFound. Raises IntegrityFailure: the manifest was altered, or is not signed with `key`.
    """
    store = open_store(str(place)) if isinstance(place, str | Path) else place
    name, wanted = parse_selector(f"{name}@{version}" if version else name)
    numbers = version_numbers(store, name)
    if not numbers:
        raise NotFound(f"no release of {name} in {store.address}", "list the datasets there: yuelu releases list")
    if wanted is None:
        return load(store, name, numbers[-1], key)
    return _wanted(store, name, numbers, wanted, key)


def _wanted(store: Store, name: str, numbers: list[int], wanted: Wanted, key: PublicKey | None) -> Release:
    # versions rise with their numbers, so a few manifests are read and not all of them
    place = bisect_left(numbers, wanted.below, key=lambda number: load(store, name, number, key).manifest.version)
    found = load(store, name, numbers[place - 1], key) if place else None
    if found is None or found.manifest.version < wanted.low:
        raise NotFound(f"no version of {name} from {wanted.low} to below {wanted.below}", f"see: yuelu releases log {name}")
    return found


def open_folder(path: Path, *, key: PublicKey | None = None) -> Release:
    """Return the release that was pulled to `path`. Raises NotFound, IntegrityFailure."""
    try:
        with open_regular(path, MANIFEST) as opened:
            signed = opened.read()
    except NotFound:
        raise NotFound(f"no release in {path}: it has no {MANIFEST}", "give the folder that 'yuelu pull' wrote") from None
    return Release(read_manifest(signed, key), FolderSource(path), signed)


def load(store: Store, name: str, number: int, key: PublicKey | None = None) -> Release:
    """Return the release with that number. Raises NotFound, IntegrityFailure (also for another release's manifest)."""
    signed = store.read(version_key(name, number))
    manifest = read_manifest(signed, key)
    if (manifest.name, manifest.number) != (name, number):
        raise IntegrityFailure(
            f"{version_key(name, number)} holds {manifest.title}, number {manifest.number}",
            "a manifest was put in the place of another; restore it from a copy",
        )
    return Release(manifest, StoreSource(store), signed)


def version_numbers(store: Store, name: str) -> list[int]:
    """Return the numbers of the versions of `name`, rising."""
    prefix = f"datasets/{checked_name(name)}/versions/"
    found = (version_number(entry.key) for entry in store.list(prefix))
    return sorted(number for number in found if number is not None)


def names(store: Store) -> tuple[str, ...]:
    """Return the names of the datasets in `store`, sorted. Reads the list of keys only."""
    keys = (entry.key for entry in store.list("datasets/"))
    return tuple(sorted({key.split("/")[1] for key in keys if version_number(key) is not None}))


def history(store: Store, name: str, *, key: PublicKey | None = None) -> tuple[Release, ...]:
    """Return all releases of `name`, oldest first.

    Raises IntegrityFailure: a number is missing, or a release does not name the one before it.
    """
    releases: list[Release] = []
    for place, number in enumerate(version_numbers(store, name), 1):
        if number != place:
            raise IntegrityFailure(f"{version_key(name, place)} is missing", "restore it from a copy of the store")
        release = load(store, name, number, key)
        before = releases[-1].manifest.digest if releases else None
        if release.manifest.previous != before:
            raise IntegrityFailure(f"{release.manifest.title} does not follow {before}", "a manifest of the history was replaced")
        releases.append(release)
    return tuple(releases)


def summary(release: Release) -> dict[str, Any]:
    """Return what a list of releases shows of one, as JSON."""
    manifest = release.manifest
    return {
        "name": manifest.name,
        "version": str(manifest.version),
        "number": manifest.number,
        "digest": manifest.digest,
        "previous": manifest.previous,
        "rows": manifest.rows,
        "changes": manifest.document.get("changes"),
        "published_at": manifest.document["proof"].get("published_at"),
    }
