"""What the options of `yuelu ingest` ask for: sources by their addresses, and the terms, from options or a delivery sheet."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yuelu.base.errors import Misconfigured
from yuelu.base.workspace import Workspace
from yuelu.pipelines.deid.options import parse
from yuelu.pipelines.deid.seen import kinds
from yuelu.pipelines.ingest.delivery import collection_of, deliver
from yuelu.pipelines.ingest.records import Collection
from yuelu.pipelines.sources.address import open_sources
from yuelu.pipelines.sources.port import Source
from yuelu.pipelines.sources.sheet import read_sheet

# What must be said of every collection, with an example of each.
_EXAMPLES: Mapping[str, str] = MappingProxyType(
    {"owner": '"Hospital A"', "legal_basis": '"contract 7"', "terms": '"research only"'}
)


def asked_for(
    workspace: Workspace,
    texts: Iterable[str],
    collection: str,
    said: Mapping[str, str | None],
    sheet: Path | None,
    required: Iterable[str] = (),
) -> tuple[list[Source], Collection]:
    """Return the sources and the collection; what a sheet says is checked and written first.

    `said` are the options: owner, legal_basis, grade, category, terms, deid_options, detect. Raises Misconfigured, NotFound,
    Conflict. Raises InvalidRecord: no such option or detector.
    """
    chosen = chosen_of(said)
    sources = open_sources(texts, os.environ)
    missing = [name for name in _EXAMPLES if not said.get(name)]
    if sheet is None:
        if missing:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in missing)
            example = " ".join(f"--{name.replace('_', '-')} {_EXAMPLES[name]}" for name in missing)
            raise Misconfigured(
                f"without a delivery sheet, {options} must be given", f"{example}, or the same in a sheet: --sheet FILE"
            )
        terms = {name: str(said[name]) for name in _EXAMPLES}
        grade = said.get("grade") or "general"
        return sources, Collection(collection, grade=grade, category=said.get("category"), **terms, **chosen)
    rows = read_sheet(sheet.read_bytes(), sheet.name, {*missing, *required})
    return deliver(workspace, sources, replace(collection_of(rows, collection, said), **chosen), rows)


def chosen_of(said: Mapping[str, str | None]) -> dict[str, Any]:
    """Return what is chosen about people in the media, as it is recorded; None: not chosen. Raises InvalidRecord."""
    deid, detect = said.get("deid_options"), said.get("detect")
    return {
        "deid": None if deid is None else parse(deid).text,
        "detect": None if detect is None else "" if detect == "none" else ",".join(kinds(detect)),
    }
