"""What a publisher says beside the versions: the list of keys, tags, deprecations and withdrawals, as readers meet them."""

import base64
import json
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from yuelu.base.canonical import digest
from yuelu.base.errors import Conflict, IntegrityFailure, Misconfigured, NotAllowed, NotFound
from yuelu.base.signing import SigningKey
from yuelu.datasets.pull import pull
from yuelu.datasets.release import open_release
from yuelu.datasets.signed.keys import BOOK, KeyList, keys_in, read_key_file, said_of_key, trust_in
from yuelu.datasets.signed.logbook import append, newest_page, page_key, read_page, write_page
from yuelu.datasets.signed.notices import (
    Standing,
    Withdrawn,
    book_of,
    deprecated,
    notices,
    post,
    read_notice,
    standing_in,
    tagged,
)
from yuelu.datasets.verify import verify, verify_stored

NEW, THIEF = SigningKey(b"n" * 32), SigningKey(b"t" * 32)
WHEN = "2026-05-06T07:08:09+00:00"


def log(size: int) -> dict[str, Any]:
    return {"tree_size": size, "root": "0" * 64}


def begun(shop: Any, make: Any) -> None:
    append(shop.store, BOOK, None, said_of_key("create", make.KEY.public, log(3), WHEN), make.KEY)


def rotated(shop: Any, make: Any) -> None:
    begun(shop, make)
    page = newest_page(shop.store, BOOK)
    append(shop.store, BOOK, page, said_of_key("rotate", NEW.public, log(10), WHEN, reason="yearly"), make.KEY, NEW)


def revoked(shop: Any, make: Any, *vouched: str) -> None:
    rotated(shop, make)
    told = said_of_key("revoke", make.KEY.public, log(20), WHEN, vouched=list(vouched), reason="it was stolen")
    append(shop.store, BOOK, newest_page(shop.store, BOOK), told, NEW)


def test_a_page_is_signed_as_dsse_says(shop: Any, make: Any) -> None:
    begun(shop, make)
    sealed = json.loads(shop.store.read(page_key(BOOK, 1)))["envelope"]
    kind, payload = sealed["payloadType"].encode(), base64.b64decode(sealed["payload"])
    # https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md, written out here by hand
    message = b" ".join([b"DSSEv1", str(len(kind)).encode(), kind, str(len(payload)).encode(), payload])
    signature = base64.b64decode(sealed["signatures"][0]["sig"])
    Ed25519PublicKey.from_public_bytes(make.KEY.public.raw).verify(signature, message)


def test_what_a_rotated_key_signed_stays_good(shop: Any, make: Any, tmp_path: Path) -> None:
    shop.publish([make.item(0)])
    rotated(shop, make)
    found = keys_in(shop.store)
    assert found is not None
    said = [(each.state, each.since, each.until, each.reason) for each in found.known.values()]
    assert said == [("retired", 0, 10, "yearly"), ("current", 10, None, "")]
    for key in (make.KEY.public, NEW.public, found, read_key_file(found.to_json()), None):
        assert open_release(shop.store, "boards", key=key).manifest.title == "boards@1.0.0"
    assert verify(shop.pull(), found).authentic
    assert not verify(shop.root / "pulled", NEW.public).ok  # one key alone says nothing of another
    with pytest.raises(IntegrityFailure, match="no valid signature"):
        open_release(shop.store, "boards", key=THIEF.public)
    with pytest.raises(Conflict, match="does not sign releases any more"):
        shop.publish([make.item(1)])


def test_a_retired_key_signs_nothing_new(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    manifest = open_release(shop.store, "boards").manifest
    rotated(shop, make)
    found = keys_in(shop.store)
    assert found is not None
    assert found.key_for(manifest.publisher, 10, "any") == make.KEY.public
    with pytest.raises(IntegrityFailure, match="signed from entry 0 of the log to 10, and this says entry 11"):
        found.key_for(manifest.publisher, 11, "any")
    with pytest.raises(IntegrityFailure, match="from entry 10 of the log on, and this says entry 9"):
        found.key_for(NEW.public, 9, "any")


def test_the_releases_of_a_revoked_key_are_named(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    folder = shop.pull()
    revoked(shop, make)
    with pytest.raises(IntegrityFailure, match=r"was revoked .it was stolen"):
        pull(shop.store, "boards", None, shop.root / "again")
    assert "revoked" in verify_stored(shop.store, "boards").problems[0].problem
    assert "revoked" in verify(folder, keys_in(shop.store)).problems[0].problem
    with pytest.raises(IntegrityFailure, match="proves nothing any more"):
        trust_in(shop.store, make.KEY.public)


def test_what_was_vouched_for_stays_good_after_a_revocation(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    revoked(shop, make, digest(open_release(shop.store, "boards").manifest.document))
    assert open_release(shop.store, "boards", key=NEW.public).manifest.title == "boards@1.0.0"


@pytest.mark.parametrize("action", ["create", "rotate", "revoke"])
def test_a_thief_adds_nothing_to_the_list(shop: Any, make: Any, action: str) -> None:
    rotated(shop, make)
    told = said_of_key(action, THIEF.public if action != "revoke" else make.KEY.public, log(30), WHEN, vouched=[], reason="x")
    append(shop.store, BOOK, newest_page(shop.store, BOOK), told, THIEF)
    with pytest.raises(IntegrityFailure, match="may not"):
        keys_in(shop.store)


def test_a_list_that_forked_or_went_back_is_refused(shop: Any, make: Any) -> None:
    rotated(shop, make)
    ours = keys_in(shop.store)
    assert ours is not None
    shop.store.delete(page_key(BOOK, 2))
    assert trust_in(shop.store, ours) is ours  # the store's is older
    first = read_page(shop.store.read(page_key(BOOK, 1)))
    other = write_page(BOOK, 2, first, said_of_key("rotate", THIEF.public, log(10), WHEN), make.KEY, THIEF)
    shop.store.create(page_key(BOOK, 2), other)  # who has an old key can write such a page
    with pytest.raises(IntegrityFailure, match="another one from some page on"):
        trust_in(shop.store, ours)


@pytest.mark.parametrize("data", [b"{}", b'{"format":"x","pages":[]}', b'{"format":"x","pages":[1]}', b"{", b"-----BEGIN"])
def test_what_is_no_list_is_said(data: bytes) -> None:
    with pytest.raises(IntegrityFailure, match=r"list of keys|public key|page"):
        read_key_file(data)


def say(shop: Any, key: SigningKey, standing: Standing, **said: Any) -> None:
    _, page = standing_in(shop.store, "boards")
    told = {"action": "test", "owner": "curator", "reason": "", "at": WHEN, "log": log(0), **said}
    post(shop.store, "boards", page, standing, told, key=key)


def test_a_tag_opens_a_version_and_moves(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    shop.publish([make.item(0), make.item(1)])
    say(shop, make.KEY, tagged(Standing(), "stable", "1.0.0"))
    assert str(open_release(shop.store, "boards@stable").manifest.version) == "1.0.0"
    say(shop, make.KEY, tagged(standing_in(shop.store, "boards")[0], "stable", "1.1.0"))
    assert str(open_release(shop.store, "boards", "stable").manifest.version) == "1.1.0"
    assert [page.said["standing"]["tags"] for page in notices(shop.store, "boards")] == [{"stable": "1.0.0"}, {"stable": "1.1.0"}]
    with pytest.raises(NotFound, match="has no tag 'newest'"):
        open_release(shop.store, "boards@newest")
    with pytest.raises(Misconfigured, match="no name for a tag"):
        tagged(Standing(), "1.0", "1.0.0")
    assert deprecated(deprecated(Standing(), "1.0.0", "old"), "1.0.0", None) == Standing()


def test_a_withdrawn_version_is_not_used_without_a_reason(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    folder = shop.pull()
    gone = Standing(withdrawn=MappingProxyType({"1.0.0": Withdrawn("consent withdrawn", "boards@2.0.0", 1)}))
    say(shop, make.KEY, gone)
    with pytest.raises(NotAllowed, match=r"was withdrawn: consent withdrawn\n  try: use boards@2\.0\.0"):
        pull(shop.store, "boards", None, shop.root / "again")
    with pytest.raises(NotAllowed, match="was withdrawn"):
        open_release(shop.store, "boards@1.0.0", withdrawn=" ")
    assert pull(shop.store, "boards", "1.0.0", shop.root / "again", withdrawn="an audit").version == "1.0.0"
    standing, page = standing_in(shop.store, "boards", make.KEY.public)
    assert page is not None
    assert "was withdrawn" in verify(folder, make.KEY.public, standing).problems[0].problem
    assert read_notice(page.data, "boards", make.KEY.public) == standing
    with pytest.raises(IntegrityFailure, match="not about chairs"):
        read_notice(page.data, "chairs")
    assert verify(folder, make.KEY.public).ok  # offline, nobody can know


def test_a_forged_notice_is_refused(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    say(shop, THIEF, Standing(withdrawn={"1.0.0": Withdrawn("buy mine", None, 1)}))
    with pytest.raises(IntegrityFailure, match="is not trusted here"):
        open_release(shop.store, "boards", key=make.KEY.public)
    with pytest.raises(IntegrityFailure, match="is not trusted here"):
        notices(shop.store, "boards", make.KEY.public)


def test_every_flipped_byte_of_a_page_is_found(shop: Any, make: Any) -> None:
    shop.publish([make.item(0)])
    say(shop, make.KEY, tagged(Standing(), "stable", "1.0.0"))
    whole = shop.store.read(page_key(book_of("boards"), 1))
    for place in range(0, len(whole), 11):
        with pytest.raises(IntegrityFailure):
            read_page(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])


def test_two_writers_of_one_page_have_one_winner(shop: Any, make: Any) -> None:
    say(shop, make.KEY, tagged(Standing(), "stable", "1.0.0"))
    with pytest.raises(Conflict, match="written by somebody else meanwhile"):
        append(shop.store, book_of("boards"), None, {"log": log(0)}, make.KEY)


def test_a_list_names_its_current_key(shop: Any, make: Any) -> None:
    rotated(shop, make)
    found = keys_in(shop.store)
    assert isinstance(found, KeyList)
    assert found.current == NEW.public
