import json
import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from yuelu.base.canonical import keyed, sha256
from yuelu.base.errors import Conflict, Misconfigured
from yuelu.base.ledger.deliveries import DeliveryRow, SheetRow
from yuelu.base.ledger.log import EventRow
from yuelu.base.ledger.media import AssetRow, CollectionRow, ListingRow
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.delivery import collection_of, deliver, delivered
from yuelu.pipelines.ingest.flow import ingest
from yuelu.pipelines.sources.folder import folder
from yuelu.pipelines.sources.sheet import Row, Sheet, read_sheet

SAID = {"owner": "base", "legal_basis": "contract 7", "terms": "research only"}
DOC = Path(__file__).resolve().parents[2] / "docs/ingest.md"


def sheet(text: str, name: str = "sheet.csv", required: Sequence[str] = ()) -> Sheet:
    return read_sheet(text.encode(), name, required)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_spreadsheets_of_all_kinds_are_read(encoding: str, delimiter: str) -> None:
    text = "路径,所有者,分级,分组,\r\n肺部\\甲,湖南医院,重要,患者一,\r\n\r\n.,其他,,,\r\n".replace(",", delimiter)
    data = text.encode(encoding)
    found = read_sheet(data, "清单.csv", ())
    assert list(found.rows.values()) == [
        Row(2, "肺部/甲", owner="湖南医院", grade="重要", group="患者一"),
        Row(4, "", owner="其他"),
    ]
    assert found.sha256 == sha256(data)


def test_json_says_the_same() -> None:
    rows = [{"path": "a/", "owner": "A", "group": 7}, {"path": ".", "terms": None}]
    assert list(sheet(json.dumps(rows), "s.json").rows.values()) == [Row(1, "a", owner="A", group="7"), Row(2, "")]


@pytest.mark.parametrize(
    ("path", "line"),
    [("a", 2), ("a/b", 3), ("a/b/c/d.dcm", 3), ("a/bc", 2), ("x", 4), ("a/b/c.dcm", 5), ("é/1", 6)],
)
def test_the_longest_path_speaks(path: str, line: int) -> None:
    found = sheet("path\na\na/b/\n.\n./a/b/c.dcm\né\n").row_of(path)
    assert found is not None
    assert found.line == line


def test_names_that_macos_took_apart_are_found() -> None:
    found = sheet("path\né\n").row_of("e\u0301/1")
    assert found is not None


@given(st.lists(st.text("ab/", min_size=1, max_size=6), min_size=1, unique_by=lambda path: path.strip("/")))
def test_the_longest_path_is_that_of_a_search_over_all(paths: list[str]) -> None:
    paths = [path.strip("/") for path in paths if path.strip("/") and "//" not in path]
    rows = {path: Row(number, path) for number, path in enumerate(paths)}
    for path in [*paths, "a/b/a", "b", "ab/ab"]:
        fitting = [row for row in rows.values() if f"{path}/".startswith(f"{row.path}/")]
        expected = max(fitting, key=lambda row: len(row.path), default=None)
        assert Sheet("s", "0", "line", rows).row_of(path) == expected


@pytest.mark.parametrize(
    ("text", "name", "problem"),
    [
        ("path,colour\na,red\n", "s.csv", "s.csv, line 1: unknown column 'colour'"),
        ("owner\nA\n", "s.csv", "s.csv, line 1: no column 'path'"),
        ("path,owner,所有者\na,A,B\n", "s.csv", "s.csv, line 1: two columns mean 'owner'"),
        ("path,owner\na,A\nb,\n", "s.csv", "s.csv, line 3: 'b' has no owner"),
        ("path,owner\n,A\n", "s.csv", "s.csv, line 2: no path"),
        ("path,owner\na,A\nb,B\n./a/,C\n", "s.csv", "s.csv, line 4: 'a' stands in line 2 already"),
        ("path,owner\na,Hospital A, Changsha\n", "s.csv", "line 2: 3 values for 2 columns: ' Changsha' is left over"),
        ('path,owner\na,"A\n', "s.csv", "unexpected end of data"),
        ("path,owner\n/data/a,A\n", "s.csv", "line 2: '/data/a' does not lie below the source"),
        ("path,owner\n..\\a,A\n", "s.csv", "does not lie below the source"),
        ("path,owner\nC:\\a,A\n", "s.csv", "does not lie below the source"),
        ("path,owner\na,A\x07\n", "s.csv", "line 2: owner is 'A"),
        ("path,owner\n", "s.csv", "has no rows"),
        ("", "s.csv", "has no rows"),
        ('{"path": "a"}', "s.json", "is no list of rows"),
        ('[{"path": "a", "owner": ["A"]}]', "s.json", r"row 1: owner is ['A']"),
        ('[{"path": "a", "path": "b"}]', "s.json", "a name occurs twice"),
        ('[{"path": "a", "owner": "A"}, 3]', "s.json", "row 2: 3 is no object"),
        ("[" * 100_000, "s.json", "is no JSON"),
        ("[NaN]", "s.json", "row 1: nan is no object"),
    ],
)
def test_what_is_wrong_names_the_row(text: str, name: str, problem: str) -> None:
    with pytest.raises(Misconfigured, match=re.escape(problem)):
        sheet(text, name, ["owner"])


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(Misconfigured, match="neither UTF-8 nor GB 18030"):
        read_sheet(b"path\n\xff\xff\xff", "s.csv", ())


def test_a_collection_takes_what_its_rows_agree_on_and_the_highest_grade() -> None:
    rows = sheet("path,owner,grade,category\na,A,general-2,health\nb,A,重要,health\n")
    found = collection_of(rows, "c", {"legal_basis": "l", "terms": "t", "grade": "general"})
    assert (found.owner, found.grade, found.category) == ("A", "important", "health")
    with pytest.raises(Misconfigured, match="do not agree on one owner"):
        collection_of(sheet("path,owner\na,A\nb,B\n"), "c", {"legal_basis": "l", "terms": "t"})
    with pytest.raises(Misconfigured, match=r"sheet.csv, line 3: grade 'secret'"):
        collection_of(sheet("path,grade\na,core\nb,secret\n"), "c", SAID)


@pytest.fixture
def delivery(tmp_path: Path, dicom_files: Path) -> Path:
    """A CT series, two pictures of one machine, and a file that is no medium."""
    root = tmp_path / "delivery"
    shutil.copytree(dicom_files / "dicomdirtests/98892001/CT5N", root / "ct")
    for name in ("a", "b"):
        from PIL import Image  # noqa: PLC0415

        (root / "press").mkdir(exist_ok=True)
        Image.new("L", (64, 64), ord(name)).save(root / f"press/{name}.png")
    return root


ROWS = "path,owner,grade,category,group\nct,Hospital A,general-3,health,patient Zhang San\npress,Factory,,,press 7\n"


def given_to(workspace: Workspace, root: Path, rows: str) -> None:
    text = sheet(rows)
    sources, collection = deliver(workspace, [folder(root)], collection_of(text, "c", SAID), text)
    report = ingest(workspace, sources, collection, workers=1)
    assert report.accepted == report.listed


def test_a_delivery_with_its_sheet(delivery: Path, make_workspace: Callable[[str], Workspace]) -> None:
    workspace = make_workspace("one")
    given_to(workspace, delivery, ROWS)
    with workspace.ledger.reading() as session:
        by_path = {row.path: row.sha256 for row in session.scalars(select(ListingRow))}
        groups = {path: session.get_one(AssetRow, digest).group for path, digest in by_path.items()}
        assert groups["press/a.png"] == groups["press/b.png"] == keyed(workspace.secret, "group", "press 7")
        ct = {group for path, group in groups.items() if path.startswith("ct/")}
        assert ct == {keyed(workspace.secret, "group", "patient Zhang San")}
        collection = session.get_one(CollectionRow, "c")
        assert (collection.owner, collection.grade, collection.category) == ("base", "general-3", None)
        said = delivered(session, "c", "press/a.png")
        assert said == {
            "owner": "Factory", "legal_basis": "contract 7", "grade": "general-3", "category": None, "terms": "research only",
            "group": groups["press/a.png"], "sheet": sheet(ROWS).sha256, "line": 3,
        }  # fmt: skip
        assert delivered(session, "c", "nowhere") is None
        events = session.scalars(select(EventRow.action)).all()
    assert events.count("deliver") == 1
    for file in workspace.root.rglob("*"):
        assert not file.is_file() or b"Zhang San" not in file.read_bytes()
        assert not file.is_file() or b"press 7" not in file.read_bytes()


def test_the_same_sheet_again_changes_nothing_and_another_says_more(
    delivery: Path, make_workspace: Callable[[str], Workspace]
) -> None:
    workspace = make_workspace("one")
    given_to(workspace, delivery, ROWS)
    given_to(workspace, delivery, ROWS)
    with workspace.ledger.reading() as session:
        assert session.scalars(select(EventRow.action)).all().count("deliver") == 1
    corrected = ROWS.replace("general-3", "important")
    given_to(workspace, delivery, corrected)
    given_to(workspace, delivery, ROWS)  # a grade never falls
    with workspace.ledger.reading() as session:
        assert session.get_one(CollectionRow, "c").grade == "important"
        reasons = session.scalars(select(EventRow.reason).where(EventRow.action == "raise grade")).all()
        assert reasons == ["general-3 to important: the highest of its parts"]
        assert {row.sheet for row in session.scalars(select(SheetRow))} == {sheet(ROWS).sha256, sheet(corrected).sha256}
        assert {row.sheet for row in session.scalars(select(DeliveryRow))} == {sheet(ROWS).sha256}
    with pytest.raises(Conflict, match=r"sheet.csv, line 3: 'press/a.png' was accepted with another group"):
        given_to(workspace, delivery, ROWS.replace("press 7", "press 8"))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("path\nct\n", "no row speaks for press/a.png, press/b.png"),
        ("path\npress/b.png\n", "and 3 more"),
        ("path\n.\nct/nowhere\nct\n", r"line 3 \('ct/nowhere'\) matches no file"),
        ("path\nct\npress\n.\n", r"line 4 \('.'\) matches no file"),
    ],
)
def test_rows_and_files_that_do_not_match_stop_it_before_anything_is_written(
    delivery: Path, make_workspace: Callable[[str], Workspace], rows: str, problem: str
) -> None:
    workspace, text = make_workspace("one"), sheet(rows)
    with pytest.raises(Misconfigured, match=problem):
        deliver(workspace, [folder(delivery)], collection_of(text, "c", SAID), text)
    with workspace.ledger.reading() as session:
        for table in (CollectionRow, SheetRow, DeliveryRow, ListingRow, EventRow):
            assert session.scalars(select(table)).all() == []


def test_what_arrives_after_the_check_is_told(delivery: Path, make_workspace: Callable[[str], Workspace]) -> None:
    workspace, text = make_workspace("one"), sheet("path\nct\npress\n")
    sources, collection = deliver(workspace, [folder(delivery)], collection_of(text, "c", SAID), text)
    (delivery / "late.png").write_bytes(b"1")
    report = ingest(workspace, sources, collection, workers=1)
    assert dict(report.reasons) == {"no row of the delivery sheet speaks for it": 1}


def test_the_sheet_in_the_documents_can_be_used() -> None:
    (text,) = re.findall(r"^```csv delivery.csv\n(.*?)^```", DOC.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    found = sheet(text, "delivery.csv", ["owner", "grade"])
    assert found.row_of("ct/2026/002.dcm") == found.rows["ct"]
    assert collection_of(found, "c", SAID).grade == "general-3"


def test_the_sources_in_the_documents_and_the_help_are_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from yuelu.console.commands.ingest import ingest as command  # noqa: PLC0415
    from yuelu.pipelines.sources.address import open_source  # noqa: PLC0415

    section = DOC.read_text("utf-8").partition("## Where media may lie")[2].partition("\n## ")[0]
    table = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
    shown = re.findall(r"^\s+((?:s3|dicomweb\+https)://\S+)", command.help or "", re.MULTILINE)
    assert len(table) >= 6
    assert len(shown) == 3
    (tmp_path / "data").mkdir()
    (tmp_path / "data/ct").mkdir()
    (tmp_path / "data/ct.zip").touch()
    (tmp_path / "DICOMDIR").touch()
    for text in [*table, *shown]:
        local = text.replace("/data", f"{tmp_path}/data").replace("/media/cdrom", str(tmp_path)) if "://" not in text else text
        assert open_source(local, {}).address
