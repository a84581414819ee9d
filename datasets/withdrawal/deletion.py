"""Deleting what only withdrawn versions need, and the proof that it is gone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuelu.base.errors import OutcomeUnknown
from yuelu.base.store.port import Store
from yuelu.datasets.layout import File
from yuelu.datasets.release import Release
from yuelu.datasets.withdrawal.impact import Impact


@dataclass(frozen=True, slots=True)
class Deletable:
    """Objects that no living version needs, and media of withdrawn items that one does (SHA-256 -> its titles)."""

    objects: tuple[File, ...]
    still_needed: Mapping[str, tuple[str, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return what a notice says of it."""
        objects = [{"key": file.key, "sha256": file.sha256, "bytes": file.bytes} for file in self.objects]
        return {"objects": objects, "still_needed": {name: list(titles) for name, titles in sorted(self.still_needed.items())}}


def deletable(withdrawn: Sequence[Impact], living: Iterable[Release]) -> Deletable:
    """Return what may be deleted once the versions of `withdrawn` are not to be used any more and `living` ones stay."""
    needed = dict[str, list[str]]()
    for release in living:
        for file in {file.key: file for file in _all(release)}.values():
            needed.setdefault(file.key, []).append(release.manifest.title)
    found, items, media = dict[str, File](), set[str](), set[str]()
    for each in withdrawn:
        items.update(each.items)
        found |= {file.key: file for file in _all(each.release) if file.key not in needed}
        for row in each.release.rows("items"):
            if row["id"] in items:
                media.update(medium["sha256"] for medium in row["media"])
    hashes = {key.rpartition("/")[2]: tuple(titles) for key, titles in needed.items()}
    objects = tuple(found[key] for key in sorted(found))
    return Deletable(objects, {sha256: hashes[sha256] for sha256 in sorted(media) if sha256 in hashes})


def _all(release: Release) -> Iterable[File]:
    """Return every object of the release, all layers of its tables included."""
    return [*(part.file for part in release.manifest.parts), *release.manifest.documents, *release.media()]


def delete(store: Store, keys: Iterable[str]) -> None:
    """Delete the objects and look that they are gone. Raises OutcomeUnknown: one is still there."""
    for key in keys:
        store.delete(key)
        if store.exists(key):
            raise OutcomeUnknown(
                f"{key} was deleted and is still there", "the store keeps it; see its rules for versions and locks"
            )
