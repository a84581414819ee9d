"""From regions as the ledger keeps them to the nested columns of a release, in an order that only the labels decide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yuelu.base.canonical import canonical
from yuelu.base.errors import InvalidRecord

Region = Mapping[str, Any]  # what `base.records.region_to_json` returns; a consensus adds `support` or `probability`
Columns = dict[str, list[dict[str, Any]]]

_COLUMN = {"choice": "choices", "box": "boxes", "segment": "segments", "frame_range": "frame_ranges"}
_FIELDS = {
    "boxes": ("control", "label", "item", "x_px", "y_px", "width_px", "height_px", "rotation_deg"),
    "segments": ("control", "label", "start_s", "end_s", "channel"),
    "frame_ranges": ("control", "label", "first_frame", "last_frame"),
}


@dataclass(frozen=True, slots=True)
class VideoClock:
    """What turns frames into times. `times_s`: when the source presents what frame 1, 2, 3… shows; None: not known."""

    rate_hz: float | None = None
    times_s: Sequence[float] | None = None

    def span(self, first: int, last: int) -> tuple[float, float] | tuple[None, None]:
        """Return start and end in seconds of frames `first` to `last` in the released file."""
        return ((first - 1) / self.rate_hz, last / self.rate_hz) if self.rate_hz else (None, None)

    def source_span(self, first: int, last: int) -> tuple[float, float] | tuple[None, None]:
        """Return start and end in seconds on the source's clock: until it presents the next other picture.

        After the last picture the end is as much later as frames usually are apart.
        """
        times = self.times_s
        if times is None or last > len(times):
            return None, None
        later = next((time for time in times[last:] if time > times[last - 1]), None)
        usual = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 0.0
        return times[first - 1], times[last - 1] + usual if later is None else later


def region_columns(regions: Iterable[Region], *, judged: bool, clock: VideoClock | None = None) -> Columns:
    """Return the columns choices, boxes, segments and frame_ranges.

    A region's own id is made by a server or a browser, so it is not published: regions are sorted by what they say, and
    a choice about a region names its place, such as `boxes/0`. `judged` adds `support` and `probability`.

    Raises InvalidRecord: a kind of region that a release has no column for.
    """
    sorted_by_kind: dict[str, list[Region]] = {column: [] for column in _COLUMN.values()}
    for region in regions:
        if region.get("kind") not in _COLUMN:
            raise InvalidRecord(
                f"no column for a region of kind {region.get('kind')!r}: a release holds {', '.join(_COLUMN)}",
                "publish the projects whose configurations ask for nothing else",
            )
        sorted_by_kind[_COLUMN[region["kind"]]].append(region)
    choices = sorted_by_kind.pop("choices")
    place: dict[str, str] = {}
    columns = Columns(choices=[])
    for column, found in sorted_by_kind.items():
        about = {region["id"]: _said_about(region["id"], choices) for region in found}
        found.sort(key=lambda region, column=column, about=about: _order(region, column, about))  # type: ignore[misc]
        place |= {region["id"]: f"{column}/{number}" for number, region in enumerate(found)}
        columns[column] = [_row(region, column, judged, clock or VideoClock()) for region in found]
    columns["choices"] = sorted((_choice(choice, place, judged) for choice in choices), key=_choice_order)
    return columns


def _said_about(region_id: str, choices: list[Region]) -> list[list[Any]]:
    return sorted([choice["control"], *choice["labels"]] for choice in choices if choice.get("region_id") == region_id)


def _order(region: Region, column: str, about: Mapping[str, Any]) -> tuple[Any, ...]:
    # None sorts before any number; what is said about a region tells twins apart
    values = tuple((value is not None, value) for value in map(region.get, _FIELDS[column]))
    return values, about[region["id"]], canonical(region.get("support"))


def _row(region: Region, column: str, judged: bool, clock: VideoClock) -> dict[str, Any]:
    row = {name: region.get(name) for name in _FIELDS[column]}
    if column == "frame_ranges":
        frames = region["first_frame"], region["last_frame"]
        row["start_s"], row["end_s"] = clock.span(*frames)
        row["source_start_s"], row["source_end_s"] = clock.source_span(*frames)
    return row | ({"support": region.get("support")} if judged else {})


def _choice(choice: Region, place: Mapping[str, str], judged: bool) -> dict[str, Any]:
    about = choice.get("region_id")
    if about is not None and about not in place:
        raise InvalidRecord(f"a choice is about region {about!r}, which is not there", "publish the region with it")
    if choice.get("item") is not None:
        raise InvalidRecord(f"no column for the choice {choice['control']} of item {choice['item']}", "ask about the whole task")
    row = {"control": choice["control"], "labels": list(choice["labels"]), "region": place[about] if about else None}
    return row | ({"probability": choice.get("probability")} if judged else {})


def _choice_order(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return row["control"], row["region"] or "", row["labels"]
