"""The questions of an export: what its configuration says, and where there is none, what the results themselves show."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from yuelu.annotate.configuration import Control, makes_regions
from yuelu.annotate.tags import CONTROL_TAGS, LEVEL
from yuelu.base.errors import Misconfigured

_ON: Mapping[str, str] = MappingProxyType(
    {"timeserieslabels": "TimeSeries", "timelinelabels": "Video", "videorectangle": "Video", "paragraphlabels": "Paragraphs"}
)
_IN_PICTURE = frozenset(
    f"{shape}{ending}"
    for shape in ("rectangle", "ellipse", "polygon", "keypoint", "vector", "brush", "bitmask", "magicwand")
    for ending in ("", "labels")
)
READ = frozenset(tag.kind for tag in CONTROL_TAGS.values())  # the types of results that we know
_PLACED = frozenset({"x", "points", "rle", "vertices", "imageDataURL", "sequence", "start", "ranges"})


@dataclass(frozen=True, slots=True)
class Question:
    """What a configuration says of one control. `several`: more than one label may be given; `labels` in its order.

    `level` is the level of measurement that it declares, None where it does not.
    """

    kind: str
    labels: tuple[str, ...]
    several: bool
    per: str
    level: str | None = None


def questions_of(config: str) -> dict[str, Question]:
    """Return the controls of a configuration by name, whatever else stands in it. Raises Misconfigured: it is not XML."""
    try:
        root: Element = defusedxml.ElementTree.fromstring(config, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Misconfigured(f"the configuration is not XML we read: {error!r}", "export it from the project's settings") from None
    return {each.get("name", ""): _question(each) for each in root.iter() if each.tag in CONTROL_TAGS and each.get("name")}


def _question(element: Element) -> Question:
    tag = CONTROL_TAGS[element.tag]
    labels = tuple(each.get("alias") or each.get("value") or "" for each in element.iter(tag.item)) if tag.item else ()
    per = next((each for each in ("region", "item") if element.get(f"per{each.title()}") == "true"), "")
    return Question(
        tag.kind, tuple(dict.fromkeys(labels)), element.get("choice") in ("multiple", "checkbox"), per, element.get(LEVEL)
    )


def controls_of(results: Iterable[list[Any]]) -> tuple[Control, ...]:
    """Return the controls that answered the results, as `results.from_result` reads them; every label in them is allowed."""
    parts: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    types: dict[str, Counter[str]] = defaultdict(Counter)
    about: dict[str, set[str]] = defaultdict(set)
    for result in results:
        usable = [part for part in result if is_part(part)]
        drawn = {part.get("id") for part in usable if _draws(part)}
        for part in usable:
            name = part["from_name"]
            parts[name].append(part)
            types[name][part["type"]] += 1
            if not _draws(part):
                about[name].add(_about(part, drawn))
    return tuple(_control(name, found, types[name], about[name]) for name, found in sorted(parts.items()))


def is_part(part: object) -> bool:
    """Return whether an entry of a result answers a control at all; relations do not."""
    return isinstance(part, dict) and all(isinstance(part.get(each), str) for each in ("from_name", "type"))


def _draws(part: Mapping[str, Any]) -> bool:
    kind, value = part["type"], part.get("value")
    if kind == "labels" and isinstance(value, dict):  # a label for what another control draws stands in its place
        return not ({"x", "points", "rle", "vertices", "sequence"} & value.keys())
    return makes_regions(Control("", kind, "", (), False, False))


def _about(part: Mapping[str, Any], drawn: set[Any]) -> str:
    value = part.get("value")
    placed = isinstance(value, dict) and bool(_PLACED & value.keys())
    if part.get("id") in drawn or (placed and part["type"] not in ("textarea",)):
        return "region"
    return "item" if isinstance(part.get("item_index"), int) else ""


def _control(name: str, parts: list[Mapping[str, Any]], types: Counter[str], about: set[str]) -> Control:
    kind = types.most_common(1)[0][0]
    own = [part["value"] for part in parts if part["type"] == kind and isinstance(part.get("value"), dict)]
    key = kind if kind.endswith("labels") or kind == "choices" else "labels"
    labels = {label for value in own for label in _texts(value.get(key))}
    buckets = {bucket for value in own if isinstance(value.get("ranker"), dict) for bucket in value["ranker"]} - {name, "_"}
    paths = {tuple(path) for value in own for path in _lists(value.get("taxonomy"))}
    return Control(
        name, kind, "", tuple(sorted(buckets if kind == "ranker" else labels)), False, False,
        shown=_shown(kind, own),
        per="region" if "region" in about else "item" if "item" in about else "",
        options=MappingProxyType({"allowEmpty": "true", "maxRating": "1000000"}),
        paths=tuple(sorted(paths)),
    )  # fmt: skip


def _texts(found: Any) -> list[str]:
    return [each for each in found if isinstance(each, str)] if isinstance(found, list) else []


def _lists(found: Any) -> list[list[str]]:
    lists = [each for each in found if isinstance(each, list)] if isinstance(found, list) else []
    return [each for each in lists if all(isinstance(name, str) for name in each)]


def _shown(kind: str, values: list[Mapping[str, Any]]) -> str:
    """Return the element that a control works on, from where its regions are."""
    if kind in _ON or kind in _IN_PICTURE:
        return _ON.get(kind, "Image")
    if kind not in ("labels", "hypertextlabels"):
        return ""
    fields = {field for value in values for field in value}
    if "startOffset" in fields:
        paths = [str(value.get("start", "")) for value in values if "startOffset" in value]
        return "Paragraphs" if kind == "labels" and all(path.isdecimal() for path in paths) else "HyperText"
    if fields & {"x", "points", "rle", "vertices", "sequence"}:
        return "Video" if "sequence" in fields else "Image"
    return "Text" if kind == "hypertextlabels" or "text" in fields else "Audio"
