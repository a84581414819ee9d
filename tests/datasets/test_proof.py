import json
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from yuelu.base.errors import IntegrityFailure, NotFound, SchemaMismatch
from yuelu.base.signing import SigningKey
from yuelu.datasets import deltas
from yuelu.datasets.proof import check_proof, prove
from yuelu.datasets.release import open_folder, open_release


@pytest.fixture
def release(shop: Any, make: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Five items, of a second version in layers; so many that the tree is not a whole one."""
    monkeypatch.setattr(deltas, "LARGEST", 100.0)
    shop.publish([make.item(number) for number in range(4)])
    shop.publish([make.item(0, (make.choice("bad"),)), *(make.item(number) for number in range(1, 5))])
    return open_release(shop.store, "boards", key=make.KEY.public)


@pytest.mark.parametrize("number", range(5))
def test_a_proof_shows_the_rows_that_the_tables_have(shop: Any, make: Any, release: Any, number: int) -> None:
    wanted = make.item(number).id
    proof = check_proof(prove(release, wanted), make.KEY.public)
    folder = shop.pull()
    tables = {name: pq.read_table(Path(folder) / f"{name}.parquet").to_pylist() for name in ("items", "annotations", "assets")}
    assert proof.item == next(row for row in tables["items"] if row["id"] == wanted)
    answers = [{**row, "answered_on": row["answered_on"].isoformat()} for row in tables["annotations"] if row["item"] == wanted]
    assert list(proof.annotations) == answers
    assert [row["id"] for row in proof.assets] == [make.medium(number).sha256]
    assert proof.manifest.digest == release.manifest.digest
    assert prove(open_folder(folder), wanted) == prove(release, wanted)


def test_an_id_may_be_shortened_while_it_names_one_item(make: Any, release: Any) -> None:
    wanted = make.item(3).id
    assert check_proof(prove(release, wanted[:10])).item["id"] == wanted
    with pytest.raises(NotFound, match=r"no id of an item of boards@1\.1\.0 begins with 'zz'"):
        prove(release, "zz")
    with pytest.raises(NotFound, match="no id of an item"):
        prove(release, "")


def test_two_items_that_begin_alike_are_not_guessed_between(shop: Any, make: Any) -> None:
    shop.publish([make.item(0, id="ab1"), make.item(1, id="ab2"), make.item(2, id="ab")])
    release = open_release(shop.store, "boards")
    with pytest.raises(NotFound, match=r"the ids of 3 items of boards@1\.0\.0 begin with 'a'"):
        prove(release, "a")
    assert check_proof(prove(release, "ab")).item["id"] == "ab"


def test_every_flipped_bit_is_found(make: Any, release: Any) -> None:
    draw, whole = random.Random(1), prove(release, make.item(2).id)
    for place in draw.sample(range(len(whole)), 150):
        data = whole[:place] + bytes([whole[place] ^ (1 << draw.randrange(8))]) + whole[place + 1 :]
        with pytest.raises((IntegrityFailure, SchemaMismatch)):  # a flipped letter may be another format's name
            check_proof(data, make.KEY.public)
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        with pytest.raises(IntegrityFailure):
            check_proof(whole[:size], make.KEY.public)


def _told(proof: bytes) -> Any:
    return json.loads(proof)


def _canonical(told: Any) -> bytes:
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda t, o: {**t, "item": {**t["item"], "decision": "reject"}}, "its item is not what its evidence says"),
        (lambda t, o: {**t, "annotations": t["annotations"][1:]}, "its annotations is not what its evidence says"),
        (lambda t, o: {**t, "assets": o["assets"]}, "its assets is not what its evidence says"),
        (lambda t, o: {**t, "evidence": {**t["evidence"], "task": "0" * 64}}, "its evidence is not what its evidence says"),
        (lambda t, o: {**t, "path": o["path"]}, "its path does not lead to the signed root"),
        (lambda t, o: {**t, "path": t["path"][:-1]}, "its path does not lead to the signed root"),
        (lambda t, o: {**t, "index": o["index"]}, "its path does not lead to the signed root"),
        (lambda t, o: {**t, "index": -1}, "its path does not lead to the signed root"),
        (lambda t, o: {**t, "format": "yuelu-proof/2"}, "is no proof that this reader knows"),
        (lambda t, o: {**t, "note": "trust me"}, "expected exactly the fields"),
        (lambda t, o: [t], "expected exactly the fields"),
    ],
)
def test_a_proof_put_together_from_others_proves_nothing(make: Any, release: Any, change: Any, found: str) -> None:
    ours, other = (_told(prove(release, make.item(number).id)) for number in (1, 3))
    assert check_proof(_canonical(ours), make.KEY.public)
    with pytest.raises(IntegrityFailure, match=found):
        check_proof(_canonical(change(ours, other)), make.KEY.public)


def test_rows_of_another_version_are_not_in_this_one(shop: Any, make: Any, release: Any) -> None:
    old = _told(prove(open_release(shop.store, "boards@1.0.0"), make.item(0).id))
    new = _told(prove(release, make.item(0).id))
    with pytest.raises(IntegrityFailure, match=r"not in boards@1\.1\.0"):
        check_proof(_canonical({**old, "release": new["release"]}), make.KEY.public)


def test_another_publisher_is_told_apart(make: Any, release: Any) -> None:
    proof = prove(release, make.item(0).id)
    with pytest.raises(IntegrityFailure):
        check_proof(proof, SigningKey(b"o" * 32).public)
    assert check_proof(proof).manifest.title == "boards@1.1.0"
