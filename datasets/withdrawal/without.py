"""A version without some of its items, made from the release alone: what stays is what it was, row by row."""

from collections.abc import Iterator, Mapping
from typing import Any

from yuelu.base import merkle
from yuelu.base.canonical import digest
from yuelu.datasets.build import Built
from yuelu.datasets.draft import Draft
from yuelu.datasets.release import Release
from yuelu.datasets.split import split_proof
from yuelu.datasets.tables import Row, TableFile, TableWriter


def without(release: Release, items: frozenset[str]) -> Draft | None:
    """Return the draft of `release` without `items`, None when nothing would be left.

    Labelling, quality and governance are those that the release was accepted under; the sources are counted anew.
    """
    built, sources = _built(release, items)
    if not built.leaves:
        return None
    document = release.manifest.document
    return Draft(
        name=release.manifest.name,
        built=built,
        projects=document["labelling"]["projects"],
        sources=_sources(document, sources),
        quality=document["quality"],
        governance=document["governance"],
        publisher=document["identity"]["publisher"]["name"],
        shares=document["splits"]["shares"],
        split_seed=document["splits"]["seed"],
    )


def _built(release: Release, items: frozenset[str]) -> tuple[Built, dict[str, dict[str, int]]]:
    """Return the tables, and the bytes of each source's files by project."""
    homes, media, sources = list[tuple[str, str]](), set[str](), dict[str, dict[str, int]]()
    used: dict[tuple[str, str], set[str]] = {}
    tables = list[TableFile]()
    writer = TableWriter("items")
    for row in _kept(release, "items", "id", items):
        writer.add(row)
        homes.append((row["split"], row["group"]))
        for medium in row["media"]:
            media.add(medium["sha256"])
            used.setdefault((row["project"], medium["source"]), set()).add(medium["sha256"])
    tables.append(writer.finish())
    tables.append(_written("annotations", _kept(release, "annotations", "item", items)))
    sizes = dict[str, int]()
    writer = TableWriter("assets")
    for row in release.rows("assets"):
        if row["id"] in media:
            writer.add(row)
            sizes[row["id"]] = row["bytes"]
    tables.append(writer.finish())
    leaves = list[bytes]()
    writer = TableWriter("evidence")
    for row in _kept(release, "evidence", "id", items):
        writer.add(row)
        leaves.append(bytes.fromhex(row["leaf"]))
    tables.append(writer.finish())
    for (project, source), files in used.items():
        sources.setdefault(project, {})[source] = sum(sizes[file] for file in files)
    root = merkle.root(leaves).hex()
    return Built(tuple(tables), root, len(leaves), split_proof(homes), len(sizes), sum(sizes.values())), sources


def _kept(release: Release, table: str, column: str, items: frozenset[str]) -> Iterator[Row]:
    return (row for row in release.rows(table) if row[column] not in items)


def _written(table: str, rows: Iterator[Row]) -> TableFile:
    writer = TableWriter(table)
    for row in rows:
        writer.add(row)
    return writer.finish()


def _sources(document: Mapping[str, Any], sources: Mapping[str, Mapping[str, int]]) -> list[dict[str, Any]]:
    collection = {project["name"]: project.get("collection") for project in document["labelling"]["projects"]}
    by_collection: dict[Any, dict[str, int]] = {}
    for project, hashes in sources.items():
        by_collection.setdefault(collection.get(project), {}).update(hashes)
    return [_source(entry, by_collection.get(entry["collection"], {})) for entry in document["sources"]]


def _source(entry: Mapping[str, Any], hashes: Mapping[str, int]) -> dict[str, Any]:
    if "hashes" not in entry:
        return dict(entry)
    told = {"kind": entry["hashes"]["kind"], "digest": digest(sorted(hashes))}
    return {**entry, "assets": len(hashes), "released_bytes": sum(hashes.values()), "hashes": told}
