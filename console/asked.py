"""What the options of `yuelu ingest` ask for: sources by their addresses, and the terms, from options or a delivery sheet."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from yuelu.base.errors import Misconfigured
from yuelu.base.workspace import Workspace
from yuelu.pipelines.ingest.delivery import collection_of, deliver
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.address import open_sources
from yuelu.pipelines.sources.port import Source
from yuelu.pipelines.sources.sheet import read_sheet

_NEEDED = ("owner", "legal_basis", "terms")


def asked_for(
    workspace: Workspace,
    texts: Iterable[str],
    collection: str,
    said: Mapping[str, str | None],
    sheet: Path | None,
    required: Iterable[str] = (),
) -> tuple[list[Source], Collection]:
    """Return the sources and the collection; what a sheet says is checked and written first.

    `said` are the options: owner, legal_basis, grade, category, terms. Raises Misconfigured, NotFound, Conflict.
    """
    sources = open_sources(texts, os.environ)
    missing = [name for name in _NEEDED if not said.get(name)]
    if sheet is None:
        if missing:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
            raise Misconfigured(
                f"without a delivery sheet, {options} must be given", "say whose the media are, or give --sheet FILE"
            )
        terms = {name: str(said[name]) for name in _NEEDED}
        return sources, Collection(collection, grade=said.get("grade") or "general", category=said.get("category"), **terms)
    rows = read_sheet(sheet.read_bytes(), sheet.name, {*missing, *required})
    return deliver(workspace, sources, collection_of(rows, collection, said), rows)
