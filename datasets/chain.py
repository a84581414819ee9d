"""Whether the rows of a release say what its evidence, its Merkle root and its split proof say."""

from collections.abc import Iterator
from itertools import zip_longest

from yuelu.base import merkle
from yuelu.base.errors import YueluError
from yuelu.datasets.manifest import DELETED
from yuelu.datasets.release import Release
from yuelu.datasets.rows import leaf
from yuelu.datasets.schemas import TABLES, keys_schema, schema_digest
from yuelu.datasets.split import split_proof
from yuelu.datasets.tables import Row, open_table, row_digest

Problem = tuple[str, str]  # file, what is wrong


def rows_problems(release: Release) -> Iterator[Problem]:
    """Yield what is wrong with the rows, page checksums included; the files' bytes have been checked before."""
    counts = list(_counts(release))
    yield from counts
    if not counts:
        yield from _chain(release)


def _counts(release: Release) -> Iterator[Problem]:
    for part in (part for table in TABLES for part in release.parts(table)):
        label = release.source.label(part.file)
        try:
            with release.source.open(part.file) as opened:
                table = open_table(opened, label)
                rows, schema = table.metadata.num_rows, schema_digest(table.schema_arrow)
        except YueluError as error:
            yield label, error.problem
            continue
        if rows != part.rows:
            yield label, f"has {rows} rows, not {part.rows}"
        if schema != part.schema_hash or (part.kind == DELETED and schema != schema_digest(keys_schema(part.table))):
            yield label, "has other columns than the manifest says"


def _chain(release: Release) -> Iterator[Problem]:
    """Walk items, annotations and evidence side by side, all in the order of the items; stop at the first break."""
    manifest = release.manifest
    label = {table: release.source.label(release.parts(table)[0].file) for table in TABLES}
    leaves: list[bytes] = []
    homes: list[tuple[str, str]] = []
    try:
        assets = {row["id"]: row_digest(row) for row in release.rows("assets", checked=True)}
        answers = _Answers(release.rows("annotations", checked=True))
        both = zip_longest(release.rows("items", checked=True), release.rows("evidence", checked=True))
        for item, evidence in both:
            if item is None or evidence is None or item["id"] != evidence["id"]:
                yield label["evidence"], "does not have one row for each item"
                return
            leaves.append(leaf(evidence))
            homes.append((item["split"], item["group"]))
            seen = {
                "items": (row_digest(item), evidence["item"]),
                "assets": ([assets.get(medium["sha256"]) for medium in item["media"]], evidence["assets"]),
                "annotations": (answers.of(item["id"]), evidence["annotations"]),
                "evidence": (leaves[-1].hex(), evidence["leaf"]),
            }
            for table, (found, expected) in seen.items():
                if found != expected:
                    yield label[table], f"item {item['id']} is not what its evidence says"
                    return
        if answers.left():
            yield label["annotations"], "has answers to items that are not there"
        splits = split_proof(homes)
    except YueluError as error:
        yield label["items"], error.problem
        return
    if merkle.root(leaves).hex() != manifest.merkle_root or len(leaves) != manifest.rows:
        yield label["evidence"], "its Merkle root is not the one in the manifest"
    for table, count in (("items", len(leaves)), ("assets", len(assets)), ("annotations", answers.count)):
        parts = release.parts(table)
        if len(parts) > 1 and count != parts[-1].total:
            yield label[table], f"has {count} rows, not {parts[-1].total}, when its {len(parts)} parts are put together"
    if splits != manifest.splits:
        yield label["items"], "its splits are not those of the manifest"


class _Answers:
    """Digests of annotations, taken item by item from rows in the order of their items."""

    def __init__(self, rows: Iterator[Row]) -> None:
        self._rows, self._next = rows, next(rows, None)
        self.count = 0

    def of(self, item: str) -> list[str]:
        digests = []
        while self._next is not None and self._next["item"] == item:
            digests.append(row_digest(self._next))
            self.count += 1
            self._next = next(self._rows, None)
        return digests

    def left(self) -> bool:
        return self._next is not None
