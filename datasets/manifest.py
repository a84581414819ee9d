"""The manifest: a release's passport, one canonical JSON document, and the signed file it travels in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yuelu.base.canonical import canonical, digest
from yuelu.base.errors import IntegrityFailure, InvalidRecord, SchemaMismatch, YueluError
from yuelu.base.signing import PublicKey, SigningKey, Trust
from yuelu.datasets import envelope
from yuelu.datasets.layout import File, checked_name, checked_sha256, document_file, table_file
from yuelu.datasets.schemas import TABLES
from yuelu.datasets.version import Version

FORMAT = "1.0"  # a reader of 1.x reads every 1.y, and refuses 2.0
BASE, DELTA, DELETED = "base", "delta", "deleted"  # kinds of parts: all rows, new and changed rows, keys of rows that went
PART_KINDS = (BASE, DELTA, DELETED)


@dataclass(frozen=True, slots=True)
class Part:
    """One object that holds rows of a table. `total`: rows that the table has with this part and all before it."""

    table: str
    file: File
    rows: int
    schema_hash: str
    kind: str = BASE
    total: int = 0


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a reader needs of the manifest. `document` is all of it, also what this code does not know."""

    name: str
    version: Version
    number: int
    previous: str | None
    digest: str
    publisher: PublicKey
    parts: tuple[Part, ...]
    documents: tuple[File, ...]
    merkle_root: str
    rows: int
    splits: Mapping[str, Any]
    document: Mapping[str, Any]

    @property
    def title(self) -> str:
        """`name@1.2.0`."""
        return f"{self.name}@{self.version}"

    @property
    def log_size(self) -> int:
        """How many entries the publisher's log had when this was published; 0 where nothing is said of it."""
        return int(self.document["proof"].get("log", {}).get("tree_size", 0))

    def layers(self, table: str) -> tuple[Part, ...]:
        """Return the parts of `table`: its base, then what later versions changed, the newest last."""
        return tuple(part for part in self.parts if part.table == table)

    def entries(self, table: str) -> tuple[dict[str, Any], ...]:
        """Return what the document says of each of these parts."""
        return tuple(dict(entry) for entry in self.document["content"]["objects"] if entry["table"] == table)


def manifest_digest(document: Mapping[str, Any]) -> str:
    """Return the digest of a release: that of its manifest without `proof`.

    `proof` holds what differs between two runs of the same work: time, nonce, the head of the log.
    """
    return digest({name: value for name, value in document.items() if name != "proof"})


def content_digest(document: Mapping[str, Any]) -> str:
    """Return the digest of what a release says, apart from its place in the history. Equal: there is nothing to publish."""
    identity = {name: value for name, value in document["identity"].items() if name not in ("version", "number", "previous")}
    # Documents name the version; how the rows are cut into objects says nothing: the Merkle root is over all of them.
    content = {name: value for name, value in document["content"].items() if name not in ("documents", "objects")}
    content["schemas"] = {part["table"]: part["schema_hash"] for part in document["content"]["objects"] if part["kind"] == BASE}
    rest = {name: value for name, value in document.items() if name not in ("proof", "changes")}
    return digest({**rest, "identity": identity, "content": content})


def write_manifest(document: Mapping[str, Any], key: SigningKey) -> bytes:
    """Return the signed file: the manifest, and an envelope whose signature covers every byte of it."""
    identity = document["identity"]
    said = envelope.statement(
        f"{identity['name']}@{identity['version']}", manifest_digest(document), {"manifest": {"sha256": digest(document)}}
    )
    return canonical({"envelope": envelope.seal(said, key), "manifest": document})


def read_manifest(data: bytes, key: Trust | None = None) -> Manifest:
    """Return the manifest in a signed file.

    Without `key` the signature is checked with the key that the manifest names: that shows that nothing was altered by
    accident, not who wrote it.

    Raises IntegrityFailure: altered, badly signed or malformed. Raises SchemaMismatch: written by a newer format.
    """
    try:
        whole = json.loads(data)
        if canonical(whole) != data:
            raise IntegrityFailure("the manifest is not in canonical form", "it was altered; get it again")
        envelope.only(whole, "envelope", "manifest")
        document = whole["manifest"]
        manifest = _parsed(document)
        signer = manifest.publisher if key is None else key.key_for(manifest.publisher, manifest.log_size, digest(document))
        said = envelope.unseal(whole["envelope"], signer)
        subject, signed = said["subject"][0], said["predicate"]["manifest"]["sha256"]
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, InvalidRecord, RecursionError) as error:
        raise IntegrityFailure(f"the manifest is damaged: {error!r}", "get it again from the store") from None
    if (signed, subject.get("digest")) != (digest(document), {"sha256": manifest.digest}):
        raise IntegrityFailure("the signature is for another manifest", "get the manifest again from the store")
    return manifest


def _parsed(document: Mapping[str, Any]) -> Manifest:
    _check_format(document["format"])
    identity, content = document["identity"], document["content"]
    name = checked_name(identity["name"])
    manifest = Manifest(
        name=name,
        version=_version(identity["version"]),
        number=int(identity["number"]),
        previous=identity["previous"],
        digest=manifest_digest(document),
        publisher=PublicKey(bytes.fromhex(document["proof"]["public_key"])),
        parts=tuple(_part(name, entry) for entry in content["objects"]),
        documents=tuple(document_file(name, entry["path"], entry["sha256"], entry["bytes"]) for entry in content["documents"]),
        merkle_root=checked_sha256(content["merkle"]["root"]),
        rows=int(content["merkle"]["leaves"]),
        splits=document["splits"]["parts"],
        document=document,
    )
    for table in TABLES:
        kinds = [part.kind for part in manifest.layers(table)]
        if kinds[:1] != [BASE] or BASE in kinds[1:]:
            raise IntegrityFailure(f"the manifest does not list one base of {table}, first", "ask the publisher for a whole one")
    return manifest


def _check_format(version: str) -> None:
    if version.partition(".")[0] != FORMAT.partition(".")[0]:
        raise SchemaMismatch(f"the release is in format {version}; this reader knows {FORMAT}", "install a newer yuelu")


def _version(text: str) -> Version:
    try:
        return Version.parse(text)
    except YueluError as error:
        raise ValueError(error.problem) from None


def _part(name: str, entry: Mapping[str, Any]) -> Part:
    if entry["kind"] not in PART_KINDS:
        raise SchemaMismatch(
            f"table {entry['table']} has a part of kind {entry['kind']!r}; this reader knows {', '.join(PART_KINDS)}",
            "install a newer yuelu",
        )
    if entry["table"] not in TABLES:
        raise SchemaMismatch(f"a release has no table {entry['table']!r}", "install a newer yuelu")
    file = table_file(name, entry["table"], entry["sha256"], int(entry["bytes"]))
    rows = int(entry["rows"])
    total = rows if entry["kind"] == BASE else int(entry["total"])
    return Part(entry["table"], file, rows, entry["schema_hash"], entry["kind"], total)
