"""What a withdrawal touches: the items of every version that hang on what is withdrawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from yuelu.base.errors import IntegrityFailure, NotFound
from yuelu.base.store.port import Store
from yuelu.datasets.release import Release, history
from yuelu.datasets.signed.notices import Standing


@dataclass(frozen=True, slots=True)
class Target:
    """What is withdrawn, in the words of one dataset: ids of items, and pseudonyms of annotators."""

    items: frozenset[str]
    annotators: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Impact:
    """What a withdrawal touches in one version. `annotations` counts the answers to its items."""

    release: Release
    items: tuple[str, ...]
    annotations: int

    @property
    def version(self) -> str:
        """The version's number, such as 1.2.0."""
        return str(self.release.manifest.version)

    def to_json(self) -> dict[str, Any]:
        """Return what a list of impacts shows, as JSON."""
        manifest = self.release.manifest
        rows = {"items": len(self.items), "of": manifest.rows, "annotations": self.annotations}
        return {"release": manifest.title, "digest": manifest.digest, **rows}


def impacts(store: Store, name: str, target: Target, standing: Standing) -> Iterator[Impact]:
    """Yield the versions of a dataset that have something of `target`, oldest first.

    Versions whose tables an earlier withdrawal deleted are passed over: nothing of them is left.

    Raises IntegrityFailure: the history is broken, or a table is damaged or lost.
    """
    for release in history(store, name):
        manifest = release.manifest
        if str(manifest.version) in standing.withdrawn and any(part.file.sha256 in standing.deleted for part in manifest.parts):
            continue
        try:
            found = impact(release, target)
        except NotFound as error:
            raise IntegrityFailure(
                error.problem, "run 'yuelu fsck' and restore it: what a withdrawal touches is not known"
            ) from None
        if found.items:
            yield found


def impact(release: Release, target: Target) -> Impact:
    """Return what a withdrawal of `target` touches in one version."""
    wanted = pa.array(sorted(target.annotators), pa.string())
    items = set[str]()
    for some in release.batches("items"):
        items.update(each for each in some.column("id").to_pylist() if each in target.items)
    if target.annotators:
        for some in release.batches("annotations"):
            items.update(some.filter(pc.is_in(some.column("annotator_pid"), value_set=wanted)).column("item").to_pylist())
    touched = pa.array(sorted(items), pa.string())
    answers = sum(
        pc.sum(pc.is_in(some.column("item"), value_set=touched)).as_py() or 0 for some in release.batches("annotations")
    )
    return Impact(release, tuple(sorted(items)), int(answers))
