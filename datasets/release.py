"""Opening releases: from a store by name and version, or from a pulled folder."""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from yuelu.base.canonical import sha256
from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.base.signing import Trust
from yuelu.base.store.address import open_store
from yuelu.base.store.port import Store
from yuelu.datasets.layers import Layer, merged
from yuelu.datasets.layout import MANIFEST, File, checked_name, media_file, media_path, version_key, version_number
from yuelu.datasets.manifest import DELETED, Manifest, Part, read_manifest
from yuelu.datasets.places import FolderSource, Source, StoreSource, open_regular
from yuelu.datasets.plain import pulled_selection, read_plain
from yuelu.datasets.schemas import KEYS, TABLES
from yuelu.datasets.selection import Selection
from yuelu.datasets.signed.keys import trust_in
from yuelu.datasets.signed.notices import is_tag, standing_in, version_of
from yuelu.datasets.tables import Row, listed, open_table, read_batches
from yuelu.datasets.version import Wanted, parse_selector


@dataclass(frozen=True, slots=True)
class Release:
    """One immutable version of a dataset. `signed` is the signed file its manifest came in.

    `plain`: tables that lie in one file here, which pulling made of the parts that the manifest lists. `selection`: what
    was pulled, where that is not all of it.
    """

    manifest: Manifest
    source: Source
    signed: bytes
    plain: Mapping[str, Part] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)

    def parts(self, table: str) -> tuple[Part, ...]:
        """Return the parts that lie here and make `table`, the newest last."""
        return (self.plain[table],) if table in self.plain else self.manifest.layers(table)

    def read(self, file: File) -> bytes:
        """Return the bytes of one file. Raises IntegrityFailure: they are not what the manifest says."""
        with self.source.open(file) as opened:
            data = opened.read()
        if sha256(data) != file.sha256:
            label = self.source.label(file)
            raise IntegrityFailure(f"{label} is damaged: its SHA-256 is {sha256(data)}, not {file.sha256}", "pull it again")
        return data

    def batches(self, table: str, *, checked: bool = False) -> Iterator[pa.Table]:
        """Yield the rows of a table by rising id, in tables of no more rows than a few row groups have.

        The bytes are checked first, but where the caller has `checked` them. There is one table at least.
        """
        base, *above = self.parts(table)
        rows = self._part(base, checked=checked)
        layers = [Layer(self._part(part, checked=checked), part.kind == DELETED) for part in above]
        yield from merged(rows, layers, KEYS[table]) if layers else rows

    def _part(self, part: Part, *, checked: bool) -> Iterator[pa.Table]:
        label = self.source.label(part.file)
        with self.source.open(part.file) if checked else pa.BufferReader(self.read(part.file)) as opened:
            yield from read_batches(open_table(opened, label), label)

    def rows(self, table: str, *, checked: bool = False) -> Iterator[Row]:
        """Yield the rows of a table by rising id, likewise."""
        for some in self.batches(table, checked=checked):
            yield from listed(some, self.source.label(self.parts(table)[0].file))

    def table(self, table: str) -> pa.Table:
        """Return a whole table, from bytes that were checked."""
        return pa.concat_tables(self.batches(table))

    def media(self) -> Iterator[File]:
        """Yield the media files, as the assets table lists them, but those that stand in rows of items.

        Raises IntegrityFailure: a path not of our making.
        """
        for row in self.rows("assets"):
            if self.selection.embeds(row["media_type"]):
                continue
            file = media_file(self.manifest.name, row["id"], row["media_type"], row["bytes"])
            if row["path"] != media_path(row["id"], row["media_type"]):
                raise IntegrityFailure(
                    f"assets.parquet: the path {row['path']!r} is not that of {row['id']}", "ask the publisher"
                )
            yield file

    def files(self) -> Iterator[File]:
        """Yield every file but the manifest: tables, documents, then media."""
        for table in TABLES:
            yield from (part.file for part in self.parts(table))
        yield from self.manifest.documents
        yield from self.media()


def open_release(
    place: Store | Path | str,
    name: str,
    version: str | None = None,
    *,
    key: Trust | None = None,
    withdrawn: str | None = None,
) -> Release:
    """Return a release of `name` in a store (or at its address): the newest, or the newest that `version` allows.

    `name` may carry the version, or a tag: `chest-ct@1.2.0`, `chest-ct@^1.0`, `chest-ct@stable`. The list of keys and the
    notices that lie in the store are honoured; `withdrawn` is the reason to open a version that was withdrawn all the same.

    Raises NotFound. Raises IntegrityFailure: the manifest was altered, or is not signed with `key`. Raises NotAllowed: the
    version was withdrawn.
    """
    store = open_store(str(place)) if isinstance(place, str | Path) else place
    trust = trust_in(store, key)
    name, at, asked = (f"{name}@{version}" if version else name).partition("@")
    standing, _ = standing_in(store, checked_name(name), trust)
    if at and is_tag(asked):
        asked = version_of(standing, name, asked)
    release = _chosen(store, *parse_selector(f"{name}@{asked}" if at else name), trust)
    standing.refuse_withdrawn(release.manifest.title, str(release.manifest.version), withdrawn)
    return release


def _chosen(store: Store, name: str, wanted: Wanted | None, key: Trust | None) -> Release:
    numbers = version_numbers(store, name)
    if not numbers:
        raise NotFound(f"no release of {name} in {store.address}", "list the datasets there: yuelu releases list")
    if wanted is None:
        return load(store, name, numbers[-1], key)
    return _wanted(store, name, numbers, wanted, key)


def _wanted(store: Store, name: str, numbers: list[int], wanted: Wanted, key: Trust | None) -> Release:
    # versions rise with their numbers, so a few manifests are read and not all of them
    place = bisect_left(numbers, wanted.below, key=lambda number: load(store, name, number, key).manifest.version)
    found = load(store, name, numbers[place - 1], key) if place else None
    if found is None or found.manifest.version < wanted.low:
        raise NotFound(f"no version of {name} from {wanted.low} to below {wanted.below}", f"see: yuelu releases log {name}")
    return found


def open_folder(path: Path, *, key: Trust | None = None) -> Release:
    """Return the release that was pulled to `path`. Raises NotFound, IntegrityFailure."""
    manifest, signed = manifest_in(path, key=key)
    return opened(path, manifest, signed)


def opened(path: Path, manifest: Manifest, signed: bytes) -> Release:
    """Return the release of that manifest whose files lie in the folder `path`. Raises IntegrityFailure."""
    selection = pulled_selection(path) or Selection()
    return Release(manifest, FolderSource(path), signed, read_plain(path, manifest), selection)


def manifest_in(path: Path, *, key: Trust | None = None) -> tuple[Manifest, bytes]:
    """Return the manifest of the release that was pulled to `path`, and its signed file. Raises NotFound, IntegrityFailure."""
    try:
        with open_regular(path, MANIFEST) as opened:
            signed = opened.read()
    except NotFound:
        raise NotFound(f"no release in {path}: it has no {MANIFEST}", "give the folder that 'yuelu pull' wrote") from None
    return read_manifest(signed, key), signed


def load(store: Store, name: str, number: int, key: Trust | None = None) -> Release:
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


def history(store: Store, name: str, *, key: Trust | None = None) -> tuple[Release, ...]:
    """Return all releases of `name`, oldest first.

    With `key` the newest must be signed by it; those before are bound by the digests that lead back from there, so that a key
    which was revoked since does not break the history.

    Raises IntegrityFailure: a number is missing, or a release does not name the one before it.
    """
    releases: list[Release] = []
    for place, number in enumerate(version_numbers(store, name), 1):
        if number != place:
            raise IntegrityFailure(f"{version_key(name, place)} is missing", "restore it from a copy of the store")
        release = load(store, name, number)
        before = releases[-1].manifest.digest if releases else None
        if release.manifest.previous != before:
            raise IntegrityFailure(f"{release.manifest.title} does not follow {before}", "a manifest of the history was replaced")
        releases.append(release)
    if releases and key is not None:
        load(store, name, releases[-1].manifest.number, trust_in(store, key))
    return tuple(releases)


def newest(store: Store, name: str) -> Release:
    """Return the last version of `name`, whatever was said of it since. Raises NotFound."""
    numbers = version_numbers(store, name)
    if not numbers:
        raise NotFound(f"no release of {name} in {store.address}", "list the datasets there: yuelu releases list")
    return load(store, name, numbers[-1])


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
