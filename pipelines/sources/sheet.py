"""Delivery sheets: a CSV or JSON file in which who delivers says whose each file is and what may be done with it.

Pure: bytes in, rows out, or an error that names the row.
"""

import csv
import difflib
import io
import json
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from yuelu.base.canonical import sha256
from yuelu.base.errors import Misconfigured

VALUES = ("owner", "legal_basis", "grade", "category", "terms", "group")
_LARGEST = 256 << 20
_LONGEST = 4096  # characters of a value

# The columns by the names that people give them.
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        **{name: name for name in ("path", *VALUES)},
        "legal basis": "legal_basis",
        "路径": "path",
        "所有者": "owner",
        "权属方": "owner",
        "法律依据": "legal_basis",
        "分级": "grade",
        "级别": "grade",
        "分类": "category",
        "使用条款": "terms",
        "条款": "terms",
        "分组": "group",
    }
)


@dataclass(frozen=True, slots=True)
class Row:
    """What one row says of a file, or of all files in a folder that no longer path speaks for. None: it says nothing."""

    line: int
    path: str  # "" is the whole source
    owner: str | None = None
    legal_basis: str | None = None
    grade: str | None = None
    category: str | None = None
    terms: str | None = None
    group: str | None = None  # as the sheet has it: to be hashed, never to be written


@dataclass(frozen=True, slots=True)
class Sheet:
    """A whole sheet. `word` is what its numbers count: lines of a CSV file, rows of a JSON file."""

    name: str
    sha256: str
    word: str
    rows: Mapping[str, Row]  # by path

    def row_of(self, path: str) -> Row | None:
        """Return the row that speaks for the file: that of the longest path which is it or a folder that it is in."""
        path = _composed(path)
        while path not in self.rows:
            if not path:
                return None
            path = path.rpartition("/")[0]
        return self.rows[path]

    def place(self, row: Row) -> str:
        """Return where the row stands, for people."""
        return f"{self.name}, {self.word} {row.line}"


def read_sheet(data: bytes, name: str, required: Collection[str]) -> Sheet:
    """Return the sheet. Raises Misconfigured, naming the row: an unknown column, a missing value, a path that occurs twice."""
    if len(data) > _LARGEST:
        raise Misconfigured(f"{name} has more than {_LARGEST} bytes", "cut the delivery into several")
    text = _text(data, name)
    word, found = ("row", _from_json(text, name)) if name.lower().endswith(".json") else ("line", _from_csv(text, name))
    rows: dict[str, Row] = {}
    for line, values in found:
        row = _row(f"{name}, {word} {line}", line, values, required)
        if (first := rows.setdefault(row.path, row)) is not row:
            raise Misconfigured(
                f"{name}, {word} {line}: {row.path or '.'!r} stands in {word} {first.line} already", "keep one of them"
            )
    if not rows:
        raise Misconfigured(f"{name} has no rows", "give one for each file or folder; '.' is all of them")
    return Sheet(name, sha256(data), word, rows)


def _text(data: bytes, name: str) -> str:
    """The text: UTF-8 with or without its mark, UTF-16 with it, or what Chinese Excel writes."""
    encodings = ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise Misconfigured(f"{name} is neither UTF-8 nor GB 18030", "save it as 'CSV UTF-8'")


def _from_csv(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    columns: list[str] | None = None
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = _columns(cells, f"{name}, line {reader.line_num}")
                continue
            if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
                raise Misconfigured(
                    f"{name}, line {reader.line_num}: {len(cells)} values for {len(columns)} columns: {cells[-1]!r} is left over",
                    'put values that hold a comma into "quotes"',
                )
            yield reader.line_num, dict(zip(columns, cells, strict=False))
    except csv.Error as error:
        raise Misconfigured(f"{name}, line {reader.line_num}: {error}", "check the quotes there") from None


def _from_json(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise Misconfigured(f"{name}: a name occurs twice in {json.dumps(dict(pairs), ensure_ascii=False)[:200]}", "keep one")
        return dict(pairs)

    try:
        rows = json.loads(text, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise Misconfigured(f"{name} is no JSON: {error}", 'write [{"path": "scans", "owner": "Hospital A"}, …]') from None
    if not isinstance(rows, list):
        raise Misconfigured(f"{name} is no list of rows", 'write [{"path": "scans", "owner": "Hospital A"}, …]')
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise Misconfigured(f"{name}, row {number}: {row!r} is no object", 'write {"path": …, "owner": …}')
        names = _columns(list(row), f"{name}, row {number}")
        yield number, dict(zip(names, row.values(), strict=True))


def _columns(cells: list[str], place: str) -> list[str]:
    while cells and not cells[-1].strip():
        cells = cells[:-1]  # spreadsheets leave empty columns behind the last one
    columns = [_COLUMNS.get(cell.strip().casefold(), "") for cell in cells]
    if unknown := [cell for cell, column in zip(cells, columns, strict=True) if not column]:
        meant = difflib.get_close_matches(unknown[0].strip().casefold(), _COLUMNS, 1)
        guess = f"is {meant[0]!r} meant? " if meant else ""
        raise Misconfigured(f"{place}: unknown column {unknown[0]!r}", f"{guess}use path, {', '.join(VALUES)}")
    if twice := next((column for column in columns if columns.count(column) > 1), None):
        raise Misconfigured(f"{place}: two columns mean {twice!r}", "keep one of them")
    if "path" not in columns:
        raise Misconfigured(f"{place}: no column 'path'", "name the file or folder that each row speaks of; '.' is all")
    return columns


def _row(place: str, line: int, values: Mapping[str, Any], required: Collection[str]) -> Row:
    said = {name: _value(place, name, value) for name, value in values.items()}
    path = said.pop("path", None)
    if path is None:
        raise Misconfigured(f"{place}: no path", "name a file or a folder; '.' is the whole source")
    if missing := [name for name in ("path", *VALUES) if name in required and name != "path" and said.get(name) is None]:
        option = missing[0].replace("_", "-")
        else_ = "leave out --require group" if option == "group" else f"give --{option} for all that say nothing"
        raise Misconfigured(f"{place}: {path!r} has no {missing[0]}", f"fill it in, or {else_}")
    if path.startswith(("/", "\\")) or path[1:2] == ":" or ".." in path.replace("\\", "/").split("/"):
        raise Misconfigured(f"{place}: {path!r} does not lie below the source", "write paths as they are below the source")
    return Row(line, _plain(path), **said)


def _value(place: str, name: str, value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Misconfigured(f"{place}: {name} is {value!r}", "write a text")
    text = str(value).strip()
    if len(text) > _LONGEST or any(character < " " and character not in "\t\r\n" for character in text):
        raise Misconfigured(f"{place}: {name} is {text[:40]!r}…", f"write a text of at most {_LONGEST} characters")
    return text or None


def _plain(path: str) -> str:
    """The path as sources list it: forward slashes, none at the ends, no "./" before it."""
    path = path.replace("\\", "/")
    while path.startswith("./"):
        path = path[2:]
    return "" if path == "." else _composed(path.rstrip("/"))


def _composed(path: str) -> str:
    """The path with its characters composed: macOS takes them apart in names, spreadsheets do not."""
    return unicodedata.normalize("NFC", path)
