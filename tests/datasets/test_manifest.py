import base64
import json
from typing import Any

import pytest

from yuelu.base.canonical import canonical, digest
from yuelu.base.errors import IntegrityFailure, Misconfigured, SchemaMismatch
from yuelu.base.signing import SigningKey
from yuelu.datasets.envelope import pae, seal, unseal
from yuelu.datasets.governance import grade_of
from yuelu.datasets.layout import checked_name, document_file
from yuelu.datasets.manifest import read_manifest, write_manifest

OTHER = SigningKey(b"o" * 32)


def test_pae_vector_of_the_dsse_specification() -> None:
    # https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md, "Test Vectors"
    assert pae("http://example.com/HelloWorld", b"hello world") == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def _signed(shop: Any, make: Any) -> bytes:
    return bytes(shop.publish([make.item(0), make.item(1)]).release.signed)


def _edited(signed: bytes, **format_or_content: Any) -> bytes:
    """The manifest with some fields changed, signed anew by its own publisher."""
    document = {**json.loads(signed)["manifest"], **format_or_content}
    return write_manifest(document, SigningKey(bytes(range(32))))


def test_the_statement_names_release_and_digest(shop: Any, make: Any) -> None:
    signed = _signed(shop, make)
    payload = json.loads(base64.b64decode(json.loads(signed)["envelope"]["payload"]))
    document = json.loads(signed)["manifest"]
    without_proof = {name: value for name, value in document.items() if name != "proof"}
    assert payload["_type"] == "https://in-toto.io/Statement/v1"
    assert payload["subject"] == [{"name": "boards@1.0.0", "digest": {"sha256": digest(without_proof)}}]
    assert payload["predicate"] == {"manifest": {"sha256": digest(document)}}
    assert read_manifest(signed, make.KEY.public).digest == digest(without_proof)


def test_proof_is_outside_the_digest_and_inside_the_signature(shop: Any, make: Any) -> None:
    signed = _signed(shop, make)
    later = _edited(signed, proof={**json.loads(signed)["manifest"]["proof"], "published_at": "2027-01-01T00:00:00+00:00"})
    assert read_manifest(later).digest == read_manifest(signed).digest
    whole = json.loads(signed)
    whole["manifest"]["proof"]["published_at"] = "2027-01-01T00:00:00+00:00"
    with pytest.raises(IntegrityFailure, match="signature is for another manifest"):
        read_manifest(canonical(whole), make.KEY.public)


def test_another_key_is_refused(shop: Any, make: Any) -> None:
    with pytest.raises(IntegrityFailure, match=f"no valid signature of key {OTHER.public.key_id}"):
        read_manifest(_signed(shop, make), OTHER.public)


def test_a_forgery_passes_only_without_the_publishers_key(shop: Any, make: Any) -> None:
    document = json.loads(_signed(shop, make))["manifest"]
    document["proof"]["public_key"] = OTHER.public.raw.hex()
    forged = write_manifest(document, OTHER)
    assert read_manifest(forged).name == "boards"
    with pytest.raises(IntegrityFailure, match="no valid signature"):
        read_manifest(forged, make.KEY.public)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [leaf for name, inner in entries for leaf in _leaves(inner, (*path, name))]
    return found or [path]


def test_every_edited_field_is_found(shop: Any, make: Any) -> None:
    signed = _signed(shop, make)
    paths = _leaves(json.loads(signed))
    assert len(paths) > 60
    for path in paths:
        whole = json.loads(signed)
        place = whole
        for name in path[:-1]:
            place = place[name]
        old = place[path[-1]]
        place[path[-1]] = old + 1 if isinstance(old, int | float) else f"{old}x" if isinstance(old, str) else ["x"]
        with pytest.raises((IntegrityFailure, SchemaMismatch), match=r"."):
            read_manifest(canonical(whole), make.KEY.public)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b'{"a": 1}', b"\xff\xfe", b"[" * 100_000, b'{"manifest":NaN}', b'{"a":1,"a":1}']
)
def test_what_is_no_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(IntegrityFailure, match="manifest"):
        read_manifest(data)


def test_unknown_fields_are_ignored(shop: Any, make: Any) -> None:
    assert read_manifest(_edited(_signed(shop, make), doi="10.5072/x", format="1.9"), make.KEY.public).name == "boards"


def test_a_newer_format_is_refused_by_name(shop: Any, make: Any) -> None:
    with pytest.raises(SchemaMismatch, match=r"format 2\.0; this reader knows 1\.0"):
        read_manifest(_edited(_signed(shop, make), format="2.0"))


def test_an_unknown_part_is_refused_by_name(shop: Any, make: Any) -> None:
    signed = _signed(shop, make)
    content = json.loads(signed)["manifest"]["content"]
    content["objects"][0]["kind"] = "patch"
    with pytest.raises(SchemaMismatch, match="table items has a part of kind 'patch'; this reader knows base, delta, deleted"):
        read_manifest(_edited(signed, content=content))


@pytest.mark.parametrize("kinds", [["delta", "base"], ["base", "base"], ["delta"], []])
def test_a_table_has_one_base_and_it_comes_first(shop: Any, make: Any, kinds: list[str]) -> None:
    signed = _signed(shop, make)
    content = json.loads(signed)["manifest"]["content"]
    items, *others = content["objects"]
    assert items["table"] == "items"
    content["objects"] = [{**items, "kind": kind, "total": items["rows"]} for kind in kinds] + others
    with pytest.raises(IntegrityFailure, match="does not list one base of items, first"):
        read_manifest(_edited(signed, content=content))


@pytest.mark.parametrize("path", ["../x.md", "/etc/x.md", "media/x.md", "manifest.json", "x.parquet", "."])
def test_a_document_stays_in_its_folder(path: str) -> None:
    with pytest.raises(IntegrityFailure, match="is no path of a document"):
        document_file("boards", path, "a" * 64, 1)


@pytest.mark.parametrize("name", ["", "Boards", "a/b", "..", "a@1", "x" * 65, "张"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(Misconfigured, match="is no name for a dataset"):
        checked_name(name)


def test_base64_has_one_spelling(make: Any) -> None:
    envelope = seal({"a": 1}, make.KEY)
    signature = envelope["signatures"][0]["sig"]
    assert signature.endswith("==")
    spelled = signature[:-3] + chr(ord(signature[-3]) + 1) + "=="  # only unused bits differ
    assert base64.b64decode(spelled) == base64.b64decode(signature)
    with pytest.raises(IntegrityFailure, match="stray bits"):
        unseal({**envelope, "signatures": [{**envelope["signatures"][0], "sig": spelled}]}, make.KEY.public)


def test_the_strictest_grade_holds() -> None:
    assert grade_of(["general", "important", "general-1"]) == "important"
    assert grade_of(["一般", "核心"]) == "core"


def test_an_unknown_grade_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"grades \['secret'\] cannot be compared"):
        grade_of(["general", "secret"])
    assert grade_of(["secret", "secret"]) == "secret"


def test_no_source_has_no_grade() -> None:
    with pytest.raises(Misconfigured, match="no source"):
        grade_of([])


@pytest.mark.parametrize("place", [(), ("envelope",), ("envelope", "signatures", 0)])
def test_nothing_may_stand_beside_what_is_signed(shop: Any, make: Any, place: tuple[Any, ...]) -> None:
    whole = json.loads(_signed(shop, make))
    inner = whole
    for name in place:
        inner = inner[name]
    inner["note"] = "unsigned"
    with pytest.raises(IntegrityFailure, match="expected exactly the fields"):
        read_manifest(canonical(whole), make.KEY.public)


def test_every_signature_must_hold(shop: Any, make: Any) -> None:
    whole = json.loads(_signed(shop, make))
    valid = whole["envelope"]["signatures"][0]
    stranger = {"keyid": OTHER.public.key_id, "sig": valid["sig"]}
    for signatures in ([valid, stranger], [stranger, valid], [valid, {**stranger, "keyid": valid["keyid"], "sig": "AAAA"}], []):
        whole["envelope"]["signatures"] = signatures
        with pytest.raises(IntegrityFailure, match="no valid signature"):
            read_manifest(canonical(whole), make.KEY.public)
