"""Reasons of quarantine have classes, and every class has its Chinese words."""

import ast
from pathlib import Path

import pytest

import yuelu.pipelines
from yuelu.console.words import say_class, say_reason
from yuelu.pipelines.ingest.reasons import why
from yuelu.pipelines.media.readers import READERS, UNREAD
from yuelu.pipelines.media.recognise import recognise

# What varies in these is one of a few names that stand in tables, or stands before what is tested here.
_NAMED = ("no reader for §", "no reader for DICOM §: §", "§; pixels are not checked", "§, but no text was found")


def _refusals() -> set[tuple[str, ...]]:
    """Return the literal parts of every problem that an object is refused for."""
    files = Path(yuelu.pipelines.__path__[0]).rglob("*.py")
    calls = [node for file in files for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    problems = [call.args[0] for call in calls if getattr(call.func, "id", "") == "Refused" and call.args]
    return {
        tuple(str(part.value) if isinstance(part, ast.Constant) else "§" for part in problem.values)
        if isinstance(problem, ast.JoinedStr)
        else (str(problem.value),)
        for problem in problems
        if isinstance(problem, ast.JoinedStr | ast.Constant)
    }


def test_a_class_does_not_change_with_numbers_or_a_decoders_words() -> None:
    texts = {"".join(parts) for parts in _refusals()}
    assert len(texts) > 80
    for text in texts:
        if not text.startswith(_NAMED):
            kinds = {why(text.replace("§", filled)).kind for filled in ("17", "2345")}
            assert len(kinds) == 1, text


def test_every_class_has_its_chinese_words() -> None:
    kinds = {why("".join(parts).replace("§", "17")).kind for parts in _refusals()}
    latin = {kind for kind in kinds if say_reason("zh", kind) == kind}
    assert {kind for kind in latin if not kind.startswith("17")} == set()


@pytest.mark.parametrize(
    ("reason", "kind", "detail"),
    [
        ("cannot be decoded: OSError: broken data", "cannot be decoded", "OSError: broken data"),
        ("no reader for DICOM without pixel data (SR)", "no reader for DICOM without pixel data", "SR"),
        ("more than 9 frames", "larger than the limit", "more than 9 frames"),
        ("a symbolic link that leads out of the source", "a symbolic link that leads out of the source", ""),
        ("", "", ""),
    ],
)
def test_a_reason_is_a_class_and_a_detail(reason: str, kind: str, detail: str) -> None:
    assert why(reason) == (kind, detail)


def test_the_why_of_a_link_stays_in_chinese() -> None:
    links = [
        "that leads out of the source",
        "to a folder",
        "to what is no regular file",
        "to what cannot be read: Permission denied",
    ]
    said = [say_reason("zh", f"a symbolic link {link}") for link in links]
    assert len(set(said)) == 4
    assert said[3] == "符号链接所指内容无法读取：权限不够"


def test_a_class_is_told_with_what_was_said_beside_it() -> None:
    assert say_class("en", "an empty file", (), 0) == "an empty file"
    assert say_class("en", "cannot be decoded", ("a", "b"), 7) == "cannot be decoded: a; b and 5 more"
    long = "x" * 200
    assert say_class("en", "cannot be decoded", (long, "b"), 2) == f"cannot be decoded: {'x' * 89}… and 1 more"
    assert (
        say_class("zh", "no reader for DICOM RTDOSE", ("a dose distribution",), 1) == "没有能读取 DICOM RTDOSE 的阅读器：剂量分布"
    )


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_says_how_to_bring_it(name: str) -> None:
    assert len(UNREAD[name]) > 10
    assert name not in READERS


def test_whatever_is_recognised_is_read_or_told_how_to_bring() -> None:
    heads = [b"\x89HDF\r\n\x1a\n", b"%PDF-1.7", b"\0\0\0\x18ftypheic\0\0\0\0", b"PK\x03\x04", b"hello", b"\0\1\2\3", b"8BPS"]
    names = {recognise(head) for head in heads}
    assert len(names) == len(heads)
    assert names <= UNREAD.keys()
