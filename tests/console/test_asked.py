import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from yuelu.console.main import main


@pytest.fixture
def media(tmp_path: Path) -> Path:
    (tmp_path / "media").mkdir()
    Image.new("L", (64, 64), 90).save(tmp_path / "media/a.png")
    CliRunner().invoke(main, ["-w", str(tmp_path / "work"), "init"])
    return tmp_path / "media"


def asked(media: Path, *arguments: str) -> tuple[int, str]:
    command = ["-w", str(media.parent / "work"), "ingest", "--collection", "c", "--json", *arguments]
    done = CliRunner(env={"YUELU_LANGUAGE": "en"}).invoke(main, command)
    return done.exit_code, done.output


def test_terms_come_from_the_options_or_a_sheet(media: Path) -> None:
    code, said = asked(media, str(media))
    assert code == 2
    assert "--owner, --legal-basis, --terms must be given" in said
    sheet = media.parent / "s.csv"
    sheet.write_text("path,owner,legal_basis,terms\n.,Factory,contract 7,research\n")
    code, said = asked(media, str(media), "--sheet", str(sheet), "--require", "group")
    assert code == 2
    assert "s.csv, line 2: '.' has no group" in said
    code, said = asked(media, str(media), "--sheet", str(sheet))
    assert code == 0
    assert json.loads(said)["accepted"] == 1


@pytest.mark.parametrize(
    ("source", "code", "problem"),
    [("nowhere", 1, "nothing at nowhere"), ("ftp://host/x", 2, "unknown kind 'ftp'"), ("s3://", 2, "no bucket")],
)
def test_what_is_no_source_says_which_there_are(media: Path, source: str, code: int, problem: str) -> None:
    found, said = asked(media, source, "--owner", "o", "--legal-basis", "l", "--terms", "t")
    assert found == code
    assert problem in said


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [
        ("--deid-options", "names", "no de-identification option 'names'"),
        ("--deid-options", "full-dates,113107", "exclude each other"),
        ("--detect", "hats", "no detector of 'hats'"),
    ],
)
def test_a_wrong_choice_about_people_is_told_before_anything_is_read(media: Path, option: str, value: str, problem: str) -> None:
    code, said = asked(media, "nowhere", "--owner", "o", "--legal-basis", "l", "--terms", "t", option, value)
    assert code != 0
    assert problem in said


def test_what_is_missing_is_asked_for_with_an_example(media: Path) -> None:
    _, said = asked(media, str(media), "--owner", "o", "--legal-basis", "l")
    assert "--terms must be given" in said
    assert '--terms "research only"' in said
    told = CliRunner(env={"YUELU_LANGUAGE": "en"}).invoke(main, ["ingest", "--help"]).output
    assert " ".join(told.split()).count("[required without") == 3


@pytest.mark.parametrize(
    ("sheet", "more", "hint"),
    [("path,categry\n.,x\n", (), "is 'category' meant?"), ("path\n.\n", ("--require", "group"), "leave out --require group")],
)
def test_a_wrong_sheet_says_what_would_be_right(media: Path, sheet: str, more: tuple[str, ...], hint: str) -> None:
    (media.parent / "s.csv").write_text(sheet)
    terms = ("--owner", "o", "--legal-basis", "l", "--terms", "t")
    code, said = asked(media, str(media), "--sheet", str(media.parent / "s.csv"), *terms, *more)
    assert code == 2
    assert hint in said


def test_the_formats_are_listed_with_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    listed = CliRunner(env={"YUELU_LANGUAGE": "en"}).invoke(main, ["doctor", "--formats", "--json"])
    found = {one["name"]: one for one in json.loads(listed.output)}
    assert found["JPEG"]["read"]
    assert "heif-convert" in found["HEIF"]["hint"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    without = CliRunner(env={"YUELU_LANGUAGE": "en"}).invoke(main, ["doctor", "--formats", "--json"])
    missing = {one["name"]: one for one in json.loads(without.output)}
    assert missing["MDF"]["hint"] == "pip install 'yuelu[mdf]'"
    assert missing["JPEG"]["hint"] == "pip install 'yuelu[platform]'"
