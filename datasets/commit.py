"""Publishing: objects first, then one conditional create of the version's manifest, the only commit point."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, BinaryIO

from yuelu.base.canonical import sha256
from yuelu.base.errors import Conflict, IntegrityFailure, KeyTaken, NotFound, OutcomeUnknown, YueluError
from yuelu.base.progress import Progress, silent
from yuelu.base.signing import SigningKey
from yuelu.base.store.port import Store, create_once
from yuelu.datasets.build import Built
from yuelu.datasets.deltas import written
from yuelu.datasets.diff import difference
from yuelu.datasets.draft import Draft, changes_between, compose, meaning_changed
from yuelu.datasets.layout import File, checked_name, document_file, media_file, version_key
from yuelu.datasets.manifest import content_digest, read_manifest, write_manifest
from yuelu.datasets.notes import PATHS, Notes, markdown
from yuelu.datasets.older import rows_as_now
from yuelu.datasets.places import StoreSource
from yuelu.datasets.readme import readme
from yuelu.datasets.release import Release, load, version_numbers
from yuelu.datasets.signed.keys import keys_in
from yuelu.datasets.tables import Row, TableFile, open_table, read_rows
from yuelu.datasets.upkeep.leases import leased
from yuelu.datasets.version import Changes, next_version

_ATTEMPTS = 3
_THREADS = 4

_MEDIA_TYPES = {"md": "text/markdown", "json": "application/json", "jsonld": "application/ld+json", "html": "text/html"}

Describe = Callable[[Mapping[str, Any], Built], Mapping[str, bytes]]  # manifest so far, tables -> documents by their paths
ReadMedium = Callable[[str], bytes | BinaryIO]  # SHA-256 of a released file -> its bytes, or a file to read them from


def nothing_more(document: Mapping[str, Any], built: Built) -> Mapping[str, bytes]:
    """Return no documents: README.md goes out with every release."""
    return {}


@dataclass(frozen=True, slots=True)
class Committed:
    """A release that stands in the store. `new` is False when it had been published before."""

    release: Release
    changes: Changes
    new: bool


def commit(
    store: Store,
    draft: Draft,
    key: SigningKey,
    read_medium: ReadMedium,
    proof: Mapping[str, Any],
    *,
    progress: Progress = silent,
    whole: bool = False,
    describe: Describe = nothing_more,
) -> Committed:
    """Publish `draft` as the next version of its dataset, or return the newest version if that says the same already.

    `proof` is what differs between two runs of the same work: time, head of the log, code, and a `nonce` drawn for this
    run, by which a writer knows its own manifest again. Safe to repeat after any interruption. `whole`: no table is written as
    layers over an earlier version's, whose rows are to go. `describe`
    makes documents that travel with the release, by their paths.

    Raises Conflict: somebody else published that version first. Raises OutcomeUnknown: the store gave no clear answer.
    """
    check_current(store, key)
    latest = _newest(store, draft.name)
    changes = _changes(draft, latest)
    before = latest.manifest if latest else None
    version = next_version(before.version if before else None, changes)
    tables = [written(draft.name, table, None if whole else latest) for table in draft.built.tables]
    objects = [entry for table in tables for entry in table.entries]
    document = compose(draft, key.public, before, version, changes, objects=objects)
    if latest and content_digest(document) == content_digest(latest.manifest.document):
        return Committed(latest, Changes(0), new=False)
    with leased(store, draft.name, "publish", str(proof["nonce"])):
        _put_media(store, draft, read_medium, progress)
        for file, data in (each for table in tables for each in table.new):
            _put(store, file, data)
        told = {"README.md": readme(document), **_notes(draft, latest, str(version))}
        texts = {**{path: text.encode() for path, text in told.items()}, **describe(document, draft.built)}
        document["content"]["documents"] = [_document(store, draft.name, *each) for each in sorted(texts.items())]
        document["proof"] = {**proof, "public_key": key.public.raw.hex()}
        return _decide(store, write_manifest(document, key), changes)


def _document(store: Store, name: str, path: str, text: bytes) -> dict[str, Any]:
    """Write a document and return what the manifest says of it."""
    file = document_file(name, path, sha256(text), len(text))
    _put(store, file, text)
    kind = _MEDIA_TYPES[path.rpartition(".")[2]]
    return {"path": file.path, "object": file.key, "sha256": file.sha256, "bytes": file.bytes, "media_type": kind}


def check_current(store: Store, key: SigningKey) -> None:
    """Return when nothing forbids `key` to sign a release. Raises Conflict: the list of keys in the store has another one."""
    listed = keys_in(store)
    if listed and listed.current != key.public:
        raise Conflict(
            f"key {key.public.key_id} does not sign releases any more; {listed.current.key_id} does",
            "run 'yuelu keys create', which finishes a rotation that was cut off; or publish where the current key lies",
        )


def _notes(draft: Draft, latest: Release | None, version: str) -> dict[str, str]:
    """Return the release notes by their paths."""
    items = draft.built.table("items")
    old = (latest.manifest.title, rows_as_now(latest, "items")) if latest else ("", ())
    found = difference(old[0], f"{draft.name}@{version}", old[1], _rows(items))
    settled = open_table(items.open(), "items").read(columns=["adjudicator_pid"])["adjudicator_pid"].drop_null().to_pylist()
    notes = Notes(found.new, items.rows, found, Counter(settled), draft.quality.get("gates", ()))
    return {path: markdown(notes, language) for path, language in PATHS.items()}


def _newest(store: Store, name: str) -> Release | None:
    numbers = version_numbers(store, checked_name(name))
    return load(store, name, numbers[-1]) if numbers else None


def _changes(draft: Draft, latest: Release | None) -> Changes:
    new = _rows(draft.built.table("evidence"))
    if latest is None:
        return changes_between((), new, meaning=False)
    meaning = meaning_changed(latest.manifest.document, draft.projects)
    # what an older schema had no column for makes no difference to an item; its digest in the evidence does not know that
    older = latest.manifest.layers("items")[0].schema_hash != draft.built.table("items").schema_hash
    old = rows_as_now(latest, "items") if older else latest.rows("evidence")
    return changes_between(old, new, meaning=meaning)


def _rows(table: TableFile) -> Iterator[Row]:
    return read_rows(open_table(table.open(), table.table), table.table)


def _put_media(store: Store, draft: Draft, read_medium: ReadMedium, progress: Progress) -> None:
    def put(row: Row) -> None:
        file = media_file(draft.name, row["id"], row["media_type"], row["bytes"])
        if not store.exists(file.key):
            data = read_medium(row["id"])
            with nullcontext() if isinstance(data, bytes) else data:
                _put(store, file, data)

    waiting, done, total = list[Row](), 0, draft.built.media_files
    with ThreadPoolExecutor(_THREADS) as pool:
        for row in _rows(draft.built.table("assets")):
            waiting.append(row)
            if len(waiting) == 64 or done + len(waiting) == total:  # a bounded number in flight
                for _ in pool.map(put, waiting):
                    done += 1
                    progress(done, total)
                waiting = []


def _put(store: Store, file: File, data: bytes | BinaryIO) -> None:
    """Write a content-addressed object. After an unclear answer look, and try again: the same key is the same bytes.

    A file is read through twice and never held whole.
    """
    found = sha256(data) if isinstance(data, bytes) else _hashed(data)
    if found != file.sha256:
        raise IntegrityFailure(f"{file.path} has SHA-256 {found}, not {file.sha256}", "restore it; see 'yuelu doctor'")
    for attempt in range(_ATTEMPTS):
        try:
            create_once(store, file.key, data)
        except OutcomeUnknown:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return


def _hashed(file: BinaryIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # any reader of bytes will do


def _decide(store: Store, signed: bytes, changes: Changes) -> Committed:
    """Create the version's manifest, the commit point, and say how that ended."""
    manifest = read_manifest(signed)
    key = version_key(manifest.name, manifest.number)
    ours = Release(manifest, StoreSource(store), signed)
    for _ in range(_ATTEMPTS):
        try:
            store.create(key, signed)
        except (KeyTaken, OutcomeUnknown) as error:
            standing = _standing(store, key, error)
            if standing is None:  # nothing landed: writing the same bytes once more cannot do harm
                continue
            if standing != signed:
                return _lost(ours, load(store, manifest.name, manifest.number))
        return Committed(ours, changes, new=True)
    raise OutcomeUnknown(f"no clear answer about {key}", "publish again: it finds out what stands in the store")


def _standing(store: Store, key: str, error: YueluError) -> bytes | None:
    """Return what stands under `key`: read back, never inferred from the error. None: nothing yet."""
    try:
        return store.read(key)
    except NotFound:
        return None
    except YueluError as unreadable:
        raise OutcomeUnknown(
            f"{key}: {error.problem}; reading it back: {unreadable.problem}", "nothing was deleted; publish again later"
        ) from unreadable


def _lost(ours: Release, theirs: Release) -> Committed:
    if content_digest(ours.manifest.document) == content_digest(theirs.manifest.document):
        return Committed(theirs, Changes(0), new=False)
    raise Conflict(
        f"{theirs.manifest.title} (number {theirs.manifest.number}) was published by somebody else meanwhile",
        "publish again: it rebases on that release",
    )
