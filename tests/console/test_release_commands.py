"""publish, releases, pull, verify, keys: through the command line, as those who make releases and those who use them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pydicom
import pytest

from yuelu.base.signing import SigningKey


@pytest.fixture(scope="module")
def key(published: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "publisher.pem"
    path.write_text(published("keys", "export").stdout)
    return path


@pytest.fixture
def pulled(published: Any, tmp_path: Path) -> Path:
    published("pull", "trial", tmp_path / "pulled", "--accept-terms")
    return tmp_path / "pulled"


def test_the_key_is_exported(published: Any, key: Path) -> None:
    told = published.json("keys", "export")
    assert told["pem"] == key.read_text()
    assert told["pem"].startswith("-----BEGIN PUBLIC KEY-----\n")
    assert told["key_id"] == published.json("init")["key_id"]


def test_publishing_the_same_again_makes_no_version(
    published: Any, copy_of: Callable[[Any], Any], waived: tuple[str, ...]
) -> None:
    door = copy_of(published)
    told = door.json("publish", "pictures", "--as", "trial", *waived)
    assert (told["version"], told["rows"], told["new"]) == ("1.0.0", 1, False)
    shown = door("publish", "pictures", "--as", "trial", *waived).stdout
    assert "nothing changed since trial@1.0.0: 1 rows" in shown
    assert f"digest {told['digest']}" in shown
    assert "no project nothing" in door("publish", "nothing", "--as", "x", code=1).stderr
    door("publish", "pictures", code=2)


def test_a_gate_holds_a_release_back_until_somebody_answers_for_it(judged: Any, copy_of: Callable[[Any], Any]) -> None:
    door = copy_of(judged)
    told = door("publish", "pictures", "--as", "trial", code=3).stderr
    assert "project pictures: the gate decided" in told
    assert "--waive REASON --owner NAME" in told
    assert door.json("releases", "list") == []
    for half in (("--waive", "it is urgent"), ("--owner", "curator")):
        assert "go together" in door("publish", "pictures", "--as", "trial", *half, code=2).stderr
    door("publish", "pictures", "--as", "trial", "--waive", "it is urgent", "--owner", "curator")
    (gate,) = door.json("releases", "show", "trial")["quality"]["gates"]
    (waived,) = gate["waivers"]
    assert (waived["project"], waived["owner"], waived["reason"]) == ("pictures", "curator", "it is urgent")


def test_releases_are_listed_logged_and_shown(published: Any, key: Path) -> None:
    (row,) = published.json("releases", "list")
    assert (row["name"], row["version"], row["rows"]) == ("trial", "1.0.0", 1)
    assert published.json("releases", "log", "trial", "--key", key) == [row]
    for command in (("list",), ("log", "trial"), ("show", "trial")):
        shown = published("releases", *command).stdout
        assert row["digest"] in shown
    document = published.json("releases", "show", "trial@1.0.0", "--key", key)
    assert document["identity"]["name"] == "trial"
    assert "no release" in published("releases", "show", "other", code=1).stderr
    assert published("releases", "show", "trial@9.9.9", code=1).stderr


def test_an_empty_workspace_has_no_releases(door: Any) -> None:
    door("init")
    assert door.json("releases", "list") == []
    door("releases", "log", "trial", code=1)


def test_a_settled_task_is_the_difference_between_two_releases(
    published: Any, copy_of: Callable[[Any], Any], tmp_path: Path, waived: tuple[str, ...]
) -> None:
    door = copy_of(published)
    answer = tmp_path / "answer.json"
    answer.write_text('[{"kind": "choice", "control": "scene", "labels": ["medical"]}]')
    (item,) = door.tasks("review")
    door("review", "settle", item, "--regions", answer, "--owner", "curator", "--reason", "it is a scan")
    assert "published trial@1.1.0: 2 rows (+1 -0 ~0)" in door("publish", "pictures", "--as", "trial", *waived).stdout
    assert [row["version"] for row in door.json("releases", "log", "trial")] == ["1.0.0", "1.1.0"]
    assert [row["version"] for row in door.json("releases", "list")] == ["1.1.0"]
    told = door.json("releases", "diff", "trial@1.0.0", "trial@1.1.0")
    assert (len(told["added"]), told["removed"]) == (1, [])
    assert "was added" in door("releases", "diff", "trial@1.0.0", "trial").stdout


def test_a_release_is_pulled_once_and_verified(published: Any, key: Path, tmp_path: Path) -> None:
    dest = tmp_path / "there"
    first = published.json("pull", "trial@1.0.0", dest, "--key", key, "--accept-terms")
    assert (first["name"], first["version"], first["kept"], first["removed"]) == ("trial", "1.0.0", 0, 0)
    again = published.json("pull", "trial", dest, "--from", published.workspace / "store")
    assert (again["fetched"], again["kept"]) == (0, first["fetched"])
    assert "were there" in published("pull", "trial", dest).stdout
    told = published.json("verify", dest, "--key", key)  # the manifest and the receipt too
    assert told.pop("recomputed")["items"] == 1
    assert told == {"ok": True, "checked": first["fetched"] + 2, "problems": [], "authentic": True}
    assert "without --key this shows damage, not who published it" in published("verify", dest).stdout
    assert published.json("verify", dest)["authentic"] is None


def test_terms_are_asked_for_once_and_the_receipt_names_them(
    published: Any, copy_of: Callable[[Any], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "kim")
    door = copy_of(published)
    refused = door("pull", "trial", tmp_path / "there", code=1)  # nobody there to say yes
    assert "trial@1.0.0 may be used under these terms:" in refused.stderr
    assert "terms: research" in refused.stderr
    assert "in a script with --accept-terms" in refused.stderr
    assert not (tmp_path / "there").exists()
    door("pull", "trial", tmp_path / "there", "--accept-terms")
    (line,) = (door.workspace.parent / "state/accepted-terms.jsonl").read_text().splitlines()
    assert json.loads(line)["by"] == "kim"
    assert "may be used" not in door("pull", "trial", tmp_path / "again", "--split", _split(tmp_path / "there")).stderr
    receipts = [tmp_path / "there/receipt.json", tmp_path / "again/receipt.json"]
    (row,) = door.json("releases", "usage", *receipts)
    assert (row["release"], row["pulls"], row["in_part"], row["accepted_by"]) == ("trial@1.0.0", 2, 1, ["kim"])
    assert "kim" in door("releases", "usage", *receipts).stdout


def test_what_a_pull_left_out_is_said(published: Any, key: Path, tmp_path: Path) -> None:
    shown = published("pull", "trial", tmp_path / "part", "--columns", "choices", "--embed", "--accept-terms").stdout
    assert "columns left out: " in shown
    assert "images and sound stand in items.parquet" in shown
    assert "cannot be checked against the signed root" in published("verify", tmp_path / "part", "--key", key).stdout
    assert "boxes" in published.json("verify", tmp_path / "part", "--key", key)["left_out"]["columns"]["items"]


def test_a_release_is_exported_and_what_was_lost_is_said(published: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = published("export", "trial", tmp_path / "tars", "--format", "webdataset").stdout
    assert f"trial@1.0.0 as webdataset in {tmp_path / 'tars'}: 1 items, 1 files" in shown
    told = published.json("export", "trial", tmp_path / "coco", "--format", "coco", "--no-media")
    assert told["left_out"] == [{"of": "choices", "reason": "COCO has no place for it", "count": 1}]
    assert "choices" in published("export", "trial", tmp_path / "voc", "--format", "voc").stdout
    assert "give a new or an empty folder" in published("export", "trial", tmp_path / "voc", "--format", "voc", code=5).stderr
    assert "--series" in published("export", "trial", tmp_path / "sr", "--format", "dicom-sr", code=2).stderr


def test_a_dicom_report_refers_to_the_object_in_the_store(
    judged: Any, copy_of: Callable[[Any], Any], waived: tuple[str, ...], tmp_path: Path
) -> None:
    pytest.importorskip("highdicom")
    door = copy_of(judged)
    answer = tmp_path / "answer.json"
    answer.write_text('[{"kind": "choice", "control": "scene", "labels": ["medical"]}]')
    (item,) = door.tasks("review")
    door("review", "settle", item, "--regions", answer, "--owner", "curator", "--reason", "it is a scan")
    door("publish", "pictures", "--as", "trial", *waived)
    told = door.json("export", "trial", tmp_path / "sr", "--format", "dicom-sr", "--series", door.workspace / "store")
    assert (told["files"], told["written"]) == (1, {"choices": 1})  # the photo's is not: it is no DICOM object
    assert [(row["of"], row["count"]) for row in told["left_out"]] == [("choices", 1)]
    report = pydicom.dcmread(next((tmp_path / "sr").iterdir()))
    assert report.CurrentRequestedProcedureEvidenceSequence[0].StudyInstanceUID == report.StudyInstanceUID
    assert "medical" in str(report)


def _split(folder: Path) -> str:
    return str(pq.read_table(folder / "items.parquet").column("split")[0].as_py())


def test_pulling_what_is_not_there_is_an_error(published: Any, tmp_path: Path) -> None:
    for release in ("other", "trial@2.0.0"):
        assert published("pull", release, tmp_path / "x", code=1).stderr.startswith("yuelu: ")
    published("verify", tmp_path / "nowhere", code=2)


def test_a_flipped_byte_is_found_and_its_file_named(published: Any, key: Path, pulled: Path) -> None:
    victim = pulled / "annotations.parquet"
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.chmod(0o644)
    victim.write_bytes(data)
    told = published.json("verify", pulled, "--key", key, code=4)
    assert told["ok"] is False
    assert [problem["path"] for problem in told["problems"]] == ["annotations.parquet"]
    assert set(told["problems"][0]) == {"path", "problem"}
    shown = published("verify", pulled, code=4).stdout
    assert "1 problems" in shown
    assert "annotations.parquet" in shown


def test_an_item_is_proved_on_another_machine(published: Any, key: Path, tmp_path: Path) -> None:
    published("pull", "trial", tmp_path / "pulled", "--accept-terms")
    (item,) = pq.read_table(tmp_path / "pulled" / "items.parquet").column("id").to_pylist()
    path = tmp_path / "row.proof.json"
    told = published.json("prove", "trial", "--row", item[:16], "--out", path, "--key", key)
    assert (told["item"], told["path"], told["bytes"]) == (item, str(path), path.stat().st_size)
    checked = published.json("verify", path, "--key", key)
    assert (checked["ok"], checked["release"], checked["authentic"], checked["item"]["id"]) == (True, "trial@1.0.0", True, item)
    shown = published("verify", path).stdout
    assert all(row["annotator_pid"] in shown for row in checked["annotations"])
    assert "without --key this shows damage, not who published it" in shown
    path.write_bytes(path.read_bytes().replace(b'"decision":"', b'"decision":"x', 1))
    assert published("verify", path, "--key", key, code=4).stderr.startswith("yuelu: ")
    assert "no id of an item" in published("prove", "trial", "--row", "zz", "--out", path, code=1).stderr


def test_another_key_or_none_at_all_is_not_taken_for_the_publishers(published: Any, pulled: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_bytes(SigningKey(b"o" * 32).public.pem())
    told = published.json("verify", pulled, "--key", other, code=4)
    assert (told["ok"], told["authentic"], told["problems"][0]["path"]) == (False, False, "manifest.json")
    other.write_text("no key")
    assert "not a public key" in published("verify", pulled, "--key", other, code=4).stderr
    assert json.loads(published("releases", "list", "--json").stdout)
