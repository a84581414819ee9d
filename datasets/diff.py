"""What changed between two releases, item by item, in words and as JSON."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from yuelu.datasets.older import rows_as_now
from yuelu.datasets.overlap import overlap
from yuelu.datasets.release import Release
from yuelu.datasets.tables import Row

_REGIONS = ("boxes", "segments", "frame_ranges")
_ONE = {"boxes": "box", "segments": "segment", "frame_ranges": "frame range"}


@dataclass(frozen=True, slots=True, order=True)
class Relabelled:
    """A choice or a region that stands where it was and says something else. `what` is the control, and the region's kind."""

    item: str
    what: str
    before: tuple[str, ...]
    after: tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Moved:
    """A region that stands elsewhere, with its new label; `iou` is the overlap of both places, 0 to 1."""

    item: str
    what: str
    label: str
    iou: float


@dataclass(frozen=True, slots=True, order=True)
class Redrawn:
    """A region that only one of the two releases has."""

    item: str
    what: str
    label: str
    added: bool


@dataclass(frozen=True, slots=True, order=True)
class Resplit:
    """An item that changed its split."""

    item: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Diff:
    """What changed. `changed` names every item that is in both and whose row differs in any way."""

    old: str
    new: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]
    relabelled: tuple[Relabelled, ...]
    moved: tuple[Moved, ...]
    redrawn: tuple[Redrawn, ...]
    resplit: tuple[Resplit, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        listed = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        for change in listed["relabelled"]:
            change["before"], change["after"] = list(change["before"]), list(change["after"])
        return listed

    def sentences(self, translate: Callable[[str], str] = str) -> tuple[str, ...]:
        """Return the difference as one sentence per change; `translate` is given each sentence before its values go in."""
        return tuple(self._sentences(translate)) or (
            translate("{old} and {new} have the same items.").format(old=self.old, new=self.new),
        )

    def _sentences(self, translate: Callable[[str], str]) -> Iterator[str]:
        yield from (translate("{item} was added.").format(item=_short(item)) for item in self.added)
        yield from (translate("{item} was removed.").format(item=_short(item)) for item in self.removed)
        for change in self.relabelled:
            before, after = _said(change.before), _said(change.after)
            sentence = translate("{item}: {what} was {before}, is {after}.")
            yield sentence.format(item=_short(change.item), what=change.what, before=before, after=after)
        for move in self.moved:
            sentence = translate("{item}: {what} {label!r} moved; old and new place overlap by {iou:.2f}.")
            yield sentence.format(item=_short(move.item), what=move.what, label=move.label, iou=move.iou)
        for region in self.redrawn:
            drawn = "{item}: {what} {label!r} was added." if region.added else "{item}: {what} {label!r} was removed."
            yield translate(drawn).format(item=_short(region.item), what=region.what, label=region.label)
        for split in self.resplit:
            sentence = translate("{item} went from {before} to {after}.")
            yield sentence.format(item=_short(split.item), before=split.before, after=split.after)
        every: tuple[Relabelled | Moved | Redrawn | Resplit, ...] = (
            *self.relabelled, *self.moved, *self.redrawn, *self.resplit,
        )  # fmt: skip
        told = {change.item for change in every}
        if rest := [item for item in self.changed if item not in told]:
            sentence = translate("{count} more differ in media, support, probability, answers, round or decision only.")
            yield sentence.format(count=len(rest))


def diff(old: Release, new: Release) -> Diff:
    """Return what changed from `old` to `new`, from their tables of items."""
    before = {str(row["id"]): row for row in rows_as_now(old, "items")}
    after = {str(row["id"]): row for row in rows_as_now(new, "items")}
    changed = [item for item in sorted(before.keys() & after.keys()) if before[item] != after[item]]
    found: list[Relabelled | Moved | Redrawn | Resplit] = []
    for item in changed:
        found.extend(_item_changes(item, before[item], after[item]))
    return Diff(
        old=old.manifest.title,
        new=new.manifest.title,
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(changed),
        relabelled=tuple(sorted(each for each in found if isinstance(each, Relabelled))),
        moved=tuple(sorted(each for each in found if isinstance(each, Moved))),
        redrawn=tuple(sorted(each for each in found if isinstance(each, Redrawn))),
        resplit=tuple(sorted(each for each in found if isinstance(each, Resplit))),
    )


def _item_changes(item: str, old: Row, new: Row) -> Iterator[Relabelled | Moved | Redrawn | Resplit]:
    if old["split"] != new["split"]:
        yield Resplit(item, old["split"], new["split"])
    yield from _choice_changes(item, "", _choices(old, None), _choices(new, None))
    for column in _REGIONS:
        yield from _region_changes(item, column, old, new)


def _choices(row: Row, region: str | None) -> dict[str, tuple[str, ...]]:
    return {choice["control"]: tuple(choice["labels"]) for choice in row["choices"] if choice["region"] == region}


def _choice_changes(
    item: str, of: str, old: Mapping[str, tuple[str, ...]], new: Mapping[str, tuple[str, ...]]
) -> Iterator[Relabelled]:
    for control in sorted(old.keys() | new.keys()):
        if old.get(control, ()) != new.get(control, ()):
            yield Relabelled(item, f"{control}{of}", old.get(control, ()), new.get(control, ()))


def _region_changes(item: str, column: str, old: Row, new: Row) -> Iterator[Relabelled | Moved | Redrawn]:
    pairs = match(column, old[column], new[column])
    for here, there, iou in pairs:
        one, other = old[column][here], new[column][there]
        what = f"{_ONE[column]} {one['control']}"
        if one["label"] != other["label"]:
            yield Relabelled(item, what, (one["label"],), (other["label"],))
        if _place(one) != _place(other):
            yield Moved(item, what, other["label"], iou)
        said, says = _choices(old, f"{column}/{here}"), _choices(new, f"{column}/{there}")
        yield from _choice_changes(item, f" of {_ONE[column]} {other['label']!r}", said, says)
    for rows, taken, added in (
        (old[column], {pair[0] for pair in pairs}, False),
        (new[column], {pair[1] for pair in pairs}, True),
    ):
        for place, region in enumerate(rows):
            if place not in taken:
                yield Redrawn(item, f"{_ONE[column]} {region['control']}", region["label"], added)


def _place(region: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in region.items() if name not in ("support", "label")}


def match(column: str, old: list[Row], new: list[Row]) -> list[tuple[int, int, float]]:
    """Return pairs (place in old, place in new, overlap): of one control, overlapping, the best overlap first.

    Of equal overlaps the pair with one label goes first. Each region is in one pair at most.
    """
    candidates = []
    for here, one in enumerate(old):
        for there, other in enumerate(new):
            if one["control"] == other["control"] and (iou := overlap(column, one, other)) > 0:
                candidates.append((-iou, one["label"] != other["label"], here, there))
    pairs: list[tuple[int, int, float]] = []
    used_old, used_new = set[int](), set[int]()
    for negative, _, here, there in sorted(candidates):
        if here not in used_old and there not in used_new:
            used_old.add(here)
            used_new.add(there)
            pairs.append((here, there, -negative))
    return sorted(pairs)


def _said(labels: tuple[str, ...]) -> str:
    return " + ".join(map(repr, labels)) or "unset"


def _short(item: str) -> str:
    return f"item {item[:12]}"
