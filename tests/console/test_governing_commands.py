"""keys, fsck, gc, withdraw, tags and descriptions through the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def door(published: Any, copy_of: Callable[[Any], Any]) -> Any:
    return copy_of(published)


def test_keys_are_rotated_and_never_shown(door: Any, tmp_path: Path) -> None:
    pem = tmp_path / "old.pem"
    pem.write_text(door("keys", "export").stdout)
    assert [row["state"] for row in door.json("keys", "create")] == ["current"]
    shown = door("keys", "rotate", "--reason", "every year").stdout
    (old, new) = door.json("keys", "list")
    assert (old["state"], new["state"]) == ("retired", "current")
    door("keys", "export", "--list", "--out", tmp_path / "keys.json")
    for key in (pem, tmp_path / "keys.json"):
        door("pull", "trial", tmp_path / key.stem, "--key", key, "--accept-terms")
    secrets = [path for path in (door.workspace / "secrets").iterdir() if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in secrets} == {"0o600"}
    for path in secrets:
        assert path.read_bytes().hex() not in shown + (tmp_path / "keys.json").read_text()
    told = door.json("keys", "revoke", old["key_id"], "--reason", "stolen", "--no-vouch")
    assert told["refused"] == ["trial@1.0.0"]
    assert "revoked (stolen)" in door("pull", "trial", tmp_path / "again", code=4).stderr
    assert "is the current key" in door("keys", "revoke", new["key_id"], "--reason", "x", code=5).stderr


def test_tags_deprecation_and_notices(door: Any, tmp_path: Path) -> None:
    assert door.json("releases", "tag", "trial@1.0.0", "stable")["tags"] == {"stable": "1.0.0"}
    door("releases", "deprecate", "trial@1.0.0", "--reason", "boxes too wide")
    (row,) = door.json("releases", "list")
    assert (row["state"], row["tags"], row["why"]) == ("deprecated", ["stable"], "boxes too wide")
    assert door.json("pull", "trial@stable", tmp_path / "pulled", "--accept-terms")["version"] == "1.0.0"
    assert [page["action"] for page in door.json("releases", "notices", "trial")] == ["tag", "deprecate"]
    door("releases", "tag", "trial@1.0.0", "stable", "--remove")
    assert "has no tag" in door("releases", "show", "trial@stable", code=1).stderr


def test_a_withdrawal_is_shown_first_and_then_made(door: Any, tmp_path: Path) -> None:
    project = door.json("releases", "show", "trial")["labelling"]["projects"][0]
    what = ("withdraw", "--collection", project["collection"])
    told = door.json(*what)
    assert (told["acted"], [each["release"] for each in told["releases"]]) == (False, ["trial@1.0.0"])
    assert "needs --reason" in door(*what, "--yes", code=2).stderr
    assert "give one of" in door("withdraw", code=2).stderr
    door("pull", "trial", tmp_path / "pulled", "--accept-terms")
    said = ("--yes", "--reason", "the contract ended", "--owner", "curator", "--proof", tmp_path / "proofs")
    (done,) = door.json(*what, *said)["datasets"]
    assert (done["versions"], done["instead"]) == (["1.0.0"], None)
    assert "was withdrawn: the contract ended" in door("pull", "trial", tmp_path / "again", code=1).stderr
    (key := tmp_path / "key.pem").write_text(door("keys", "export").stdout)
    assert door.json("verify", tmp_path / "proofs/trial.deletion.json", "--key", key)["document"]["action"] == "deleted"
    found = door.json("verify", tmp_path / "pulled", "--from", door.workspace / "store", code=4)
    assert "was withdrawn" in found["problems"][0]["problem"]
    assert door("fsck").stdout
    assert json.loads(door("gc", "--json").stdout)["deleted"] is False


def test_a_report_is_written_and_checked(door: Any, tmp_path: Path) -> None:
    (key := tmp_path / "key.pem").write_text(door("keys", "export").stdout)
    door("fsck", "--out", tmp_path / "report.json")
    told = door.json("verify", tmp_path / "report.json", "--key", key)
    assert (told["kind"], told["authentic"], told["document"]["complete"]) == ("fsck-report", True, True)
    for made in ("croissant", "card", "listing"):
        assert door.json("releases", "render", "trial", tmp_path / made, "--as", made)["files"]
