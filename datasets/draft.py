"""What is to be published, and the manifest made from it. Pure: no store, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from yuelu.base.canonical import digest
from yuelu.base.signing import PublicKey
from yuelu.datasets.build import Built
from yuelu.datasets.manifest import FORMAT, Manifest
from yuelu.datasets.split import SHARES
from yuelu.datasets.tables import Row, row_digest
from yuelu.datasets.version import Changes, Version


@dataclass(frozen=True, slots=True)
class Draft:
    """A release before it has a version. The mappings are JSON and go into the manifest as they are.

    `projects` are `{name, task_description {version, digest}, label_config {name, version, digest}, overlap, tools}`.
    """

    name: str
    built: Built
    projects: Sequence[Mapping[str, Any]]
    sources: Sequence[Mapping[str, Any]]
    quality: Mapping[str, Any]
    governance: Mapping[str, Any]
    publisher: str = ""
    shares: Mapping[str, int] = field(default_factory=lambda: SHARES)
    split_seed: str = ""


def compose(
    draft: Draft,
    key: PublicKey,
    previous: Manifest | None,
    version: Version,
    changes: Changes,
    *,
    objects: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the manifest of `draft`, all but `proof`; documents such as README.md are added once this much is known.

    `objects` are the parts of the tables.
    """
    built = draft.built
    identity = {
        "id": f"urn:yuelu:dataset:{digest({'name': draft.name, 'publisher': key.key_id})[:32]}",
        "name": draft.name,
        "version": str(version),
        "number": previous.number + 1 if previous else 1,
        "previous": previous.digest if previous else None,
        "publisher": {"name": draft.publisher, "key_id": key.key_id},
        "status": "active",
    }
    content = {
        "objects": [dict(part) for part in objects],
        "documents": [],
        # the files themselves are rows of the assets table: a manifest must not grow with the media
        "media": {"table": "assets", "files": built.media_files, "bytes": built.media_bytes},
        "merkle": {"algorithm": "RFC 6962, SHA-256", "table": "evidence", "root": built.merkle_root, "leaves": built.leaves},
    }
    splits = {"rule": "HMAC-SHA256 of the group, mod 10000", "seed": draft.split_seed, "shares": dict(draft.shares)}
    return {
        "format": FORMAT,
        "identity": identity,
        "content": content,
        "sources": [dict(source) for source in draft.sources],
        "splits": {**splits, "parts": built.splits},
        "labelling": {"projects": [dict(project) for project in draft.projects]},
        "quality": dict(draft.quality),
        "governance": dict(draft.governance),
        "changes": {"added": changes.added, "removed": changes.removed, "changed": changes.changed},
    }


def changes_between(old: Iterable[Row], new: Iterable[Row], *, meaning: bool) -> Changes:
    """Return how many items were added, removed and changed, from the evidence of two releases.

    Of rows of items, which have no digest of theirs, the digest is made.
    """
    before = {str(row["id"]): row["item"] if "item" in row else row_digest(row) for row in old}
    after = {str(row["id"]): row["item"] for row in new}
    return Changes(
        added=len(after.keys() - before.keys()),
        removed=len(before.keys() - after.keys()),
        changed=sum(before[name] != after[name] for name in after.keys() & before.keys()),
        meaning=meaning,
    )


def meaning_changed(old: Mapping[str, Any], projects: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether a project of the manifest `old` now has another label configuration or task description."""
    before = {project["name"]: _meaning(project) for project in old["labelling"]["projects"]}
    return any(before.get(project["name"], _meaning(project)) != _meaning(project) for project in projects)


def _meaning(project: Mapping[str, Any]) -> tuple[str, ...]:
    asked = [project, *({**later, "label_config": later} for later in project.get("label_configs", ()))]  # one for each version
    return tuple(each[part]["digest"] for each in asked for part in ("label_config", "task_description"))
