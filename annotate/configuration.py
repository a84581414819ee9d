"""A label configuration as we read it: the objects it shows, and every question it asks."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from yuelu.annotate.tags import CONTROL_TAGS, LEVEL, OBJECT_TAGS, attributes_of, known_tags
from yuelu.base.errors import Misconfigured
from yuelu.base.records import Medium
from yuelu.base.schemas import TOGETHER

CHANNEL = "Channel"  # stands once in a configuration, for every channel of a series
_ONE_OF = re.compile(r"\$[A-Za-z_]\w*\[(\d+)\]")
_WHEN = ("visibleWhen", "whenTagName", "whenLabelValue", "whenChoiceValue")
_NO_LINK = re.compile(r"url\s*\(|expression|@import|[\\<]", re.IGNORECASE)  # a style must not load anything
_NUMBERS: Mapping[str, Mapping[str, type[int] | type[float]]] = MappingProxyType(
    {"Rating": {"maxRating": int}, "Number": {"min": float, "max": float, "step": float}, "TextArea": {"maxSubmissions": int}}
)
# What answers may be measured as; the first is what they are without saying so.
_LEVELS: Mapping[str, tuple[str, ...]] = MappingProxyType({"Choices": ("nominal", "ordinal"), "Number": ("interval", "ratio")})
_SINGLE = ("single", "single-radio")
_SHAPED = frozenset({"Rectangle", "Ellipse", "Polygon", "KeyPoint", "Vector", "Brush", "Bitmask", "MagicWand", "VideoRectangle"})


@dataclass(frozen=True, slots=True)
class Control:
    """One question of a configuration. `kind` is the `type` of its results; `labels` are the answers it allows.

    `shown` is the element it works on, `per` whether it asks about each "region" or "item"; `place` is the item that the
    element always shows, None where the annotator pages through several. `conditional`: it is asked only at times. `options`
    are its attributes as they stand; `paths` the places of a taxonomy.
    """

    name: str
    kind: str
    to_name: str
    labels: tuple[str, ...]
    required: bool
    single: bool
    shown: str = field(default="", compare=False)
    per: str = field(default="", compare=False)
    place: int | None = field(default=0, compare=False)
    conditional: bool = field(default=False, compare=False)
    options: Mapping[str, str] = field(default_factory=dict, compare=False)
    paths: tuple[tuple[str, ...], ...] = field(default=(), compare=False)

    @property
    def level(self) -> str | None:
        """The level of measurement that the configuration declares: ordinal labels stand from low to high. None: it does not."""
        return self.options.get(LEVEL)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a configuration shows and asks. `relations` are the labels that links between regions may have."""

    medium: Medium
    controls: tuple[Control, ...]
    relations: tuple[str, ...] | None


def parse_configuration(name: str, config: str) -> Configuration:
    """Return what `config` shows and asks. Raises Misconfigured: XML, element, attribute, name or label that cannot be used."""
    root = _xml(name, config)
    conditional = frozenset(_conditional(root, False))
    elements = list(root.iter())
    for element in elements:
        _check_element(name, element)
    shown = {element.get("name", ""): element for element in elements if element.tag in OBJECT_TAGS}
    asked = [element for element in elements if element.tag in CONTROL_TAGS]
    _check_names(name, elements, asked)
    _check_objects(name, [element for element in elements if element.tag in OBJECT_TAGS], asked, elements)
    controls = [_control(name, element, shown, id(element) in conditional) for element in asked]
    _check_drawn(name, asked, controls)
    return Configuration(
        OBJECT_TAGS[next(iter(shown.values())).tag].medium,
        tuple(_with_labels(each, controls) for each in controls),
        _links(elements),
    )


def _xml(name: str, config: str) -> Element:
    try:
        root: Element = defusedxml.ElementTree.fromstring(config, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise Misconfigured(f"{name}: not XML we read: {error!r}", "use plain elements; no DTD, no entities") from None
    return root


def _conditional(element: Element, inside: bool) -> Iterator[int]:
    """Yield the ids of elements that are shown only at times."""
    here = inside or any(element.get(each) for each in _WHEN)
    if here:
        yield id(element)
    for child in element:
        yield from _conditional(child, here)


def _check_element(name: str, element: Element) -> None:
    allowed = attributes_of(str(element.tag))
    if allowed is None:
        raise Misconfigured(f"{name}: <{element.tag}> is nothing we can read back", f"use {', '.join(known_tags())}")
    for attribute, value in element.attrib.items():
        if attribute not in allowed:
            raise Misconfigured(
                f"{name}: <{element.tag}{_called(element)}> has the attribute {attribute}",
                f"it may have {', '.join(sorted(allowed))}",
            )
        if attribute.lower().endswith("style") and _NO_LINK.search(value):
            raise Misconfigured(f"{name}: <{element.tag}> has the style {value!r}", "use colours and sizes only")
    _check_numbers(name, element)
    _check_level(name, element)


def _check_level(name: str, element: Element) -> None:
    level, known = element.get(LEVEL), _LEVELS.get(str(element.tag), ())
    if level is None:
        return
    if level not in known:
        raise Misconfigured(f"{name}: <{element.tag}{_called(element)}> has {LEVEL}={level!r}", f"write {' or '.join(known)}")
    if level == "ordinal" and element.get("choice", "single") not in _SINGLE:
        raise Misconfigured(
            f"{name}: <Choices{_called(element)}> takes several labels and has {LEVEL}='ordinal'",
            "of several labels none is higher than another; ask for one",
        )
    if level == "ratio" and not float(element.get("min") or -1) >= 0:
        raise Misconfigured(
            f"{name}: <Number{_called(element)}> has {LEVEL}='ratio' and min={element.get('min')!r}",
            'a ratio scale starts at zero: min="0"',
        )


def _check_numbers(name: str, element: Element) -> None:
    for attribute, kind in _NUMBERS.get(str(element.tag), {}).items():
        found = element.get(attribute)
        try:
            good = found is None or math.isfinite(kind(found))
        except ValueError:
            good = False
        if not good:
            raise Misconfigured(f"{name}: <{element.tag}{_called(element)}> has {attribute}={found!r}", "write a number")


def _called(element: Element) -> str:
    called = element.get("name") or element.get("value")
    return f" {'name' if element.get('name') else 'value'}={called!r}" if called else ""


def _check_names(name: str, elements: Sequence[Element], asked: Sequence[Element]) -> None:
    names = [element.get("name", "") for element in elements if element in asked or element.tag in OBJECT_TAGS]
    shows = any(element.tag in OBJECT_TAGS for element in elements)
    if shows and (not asked or "" in names or len(set(names)) != len(names)):
        raise Misconfigured(f"{name}: element names are {names}", "give every control and object one name of its own")


def _check_objects(name: str, objects: Sequence[Element], asked: Sequence[Element], elements: Sequence[Element]) -> None:
    several = len(objects) > 1 and len({each.tag for each in objects}) == 1
    if not objects or (len(objects) > 1 and not several):
        tags = ", ".join(str(each.tag) for each in objects)
        raise Misconfigured(f"{name}: {len(objects)} media elements: {tags}", "a configuration shows one medium")
    channels = sum(element.tag == CHANNEL for element in elements)
    if channels != (objects[0].tag == "TimeSeries"):
        raise Misconfigured(f"{name}: {channels} <{CHANNEL}> in <{objects[0].tag}>", "a TimeSeries has one, which stands for all")
    if several and not all(_ONE_OF.fullmatch(each.get("value", "")) for each in objects):
        raise Misconfigured(
            f"{name}: {len(objects)} <{objects[0].tag}>",
            'of several, each shows one item: value="$images[0]", value="$images[1]"',
        )


def _control(template: str, element: Element, shown: Mapping[str, Element], conditional: bool) -> Control:
    tag = CONTROL_TAGS[element.tag]
    targets = [shown.get(each.strip()) for each in element.get("toName", "").split(",")]
    fitting = [each for each in targets if each is not None and each.tag in tag.on]
    if len(fitting) != (2 if element.tag == "Pairwise" else 1) or len(fitting) != len(targets):
        on = ", ".join(f"<{each.tag} name={called!r}>" for called, each in shown.items())
        raise Misconfigured(
            f"{template}: <{element.tag} toName={element.get('toName')!r}> on {on}",
            f"it works on {', '.join(sorted(tag.on))}, named by toName" + (", two of them" if element.tag == "Pairwise" else ""),
        )
    labels, paths = _labels(template, element, tag.item)
    return Control(
        name=element.get("name", ""),
        kind=tag.kind,
        to_name=element.get("toName", ""),
        labels=labels,
        required=element.get("required") == "true",
        # The editor's default: a choice is single; a region's labels are too, unless it says otherwise.
        single=element.get("choice", "single") in _SINGLE,
        shown=str(fitting[0].tag),
        per=_per(template, element),
        place=_place(fitting[0]),
        conditional=conditional,
        options=MappingProxyType(dict(element.attrib)),
        paths=paths,
    )


def _per(template: str, element: Element) -> str:
    per = [each for each in ("Region", "Item") if element.get(f"per{each}") == "true"]
    if len(per) > 1:
        raise Misconfigured(f"{template}: {element.get('name')} is perRegion and perItem", "ask about one of them")
    return per[0].lower() if per else ""


def _place(shown: Element) -> int | None:
    if shown.get("valueList"):
        return None
    found = _ONE_OF.fullmatch(shown.get("value", ""))
    return int(found[1]) if found else 0


def _labels(template: str, element: Element, item: str) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """Return the answers that the element allows, and of a taxonomy every place."""
    if element.tag == "Taxonomy":
        paths = tuple(_paths(element, ()))
        if not paths or any(not all(path) for path in paths) or len(set(paths)) != len(paths):
            raise Misconfigured(f"{template}: {element.get('name')} has places {paths}", "give each <Choice> a value of its own")
        return (), paths
    if not item:
        return (), ()
    # An alias is what the editor writes in place of the value.
    labels = tuple(each.get("name", "") if item == "Bucket" else _answer(each) for each in element.iter(item))
    if (not labels and item != "Bucket") or "" in labels or len(set(labels)) != len(labels):
        raise Misconfigured(f"{template}: {element.get('name')} has labels {labels}", "give each a value of its own")
    # At the ends too: "a +" and "b" would be joined to what is parted as "a" and "+ b".
    parted = [label for label in labels if TOGETHER in f" {label} "]
    if parted:
        raise Misconfigured(
            f"{template}: {element.get('name')} has the label {parted[0]!r}",
            f"several labels are joined by {TOGETHER!r}; write it without the spaces, or in words",
        )
    return labels, ()


def _answer(item: Element) -> str:
    return item.get("alias") or item.get("value") or ""


def _paths(element: Element, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for child in element:
        if child.tag == "Choice":
            path = (*above, _answer(child))
            yield path
            yield from _paths(child, path)


def _check_drawn(template: str, asked: Sequence[Element], controls: Sequence[Control]) -> None:
    """Refuse labels on a picture that nothing draws, and questions about regions that there cannot be."""
    drawn = {control.shown for control in controls if makes_regions(control)}
    for element, control in zip(asked, controls, strict=True):
        if element.tag == "Labels" and control.shown in ("Image", "Video") and not _drawn_by_shape(control, asked):
            raise Misconfigured(
                f"{template}: <Labels> on <{control.shown}> draws nothing by itself; it works on Audio, Text and the like",
                f"add one of {', '.join(sorted(_SHAPED))}",
            )
        if control.per == "region" and control.shown not in drawn:
            raise Misconfigured(
                f"{template}: {control.name} depends on regions, and nothing draws any",
                "add an element that does, or drop perRegion",
            )
        if control.per == "item" and control.place is not None:
            raise Misconfigured(f"{template}: {control.name} is perItem", 'that needs <Image valueList="$images">')


def _drawn_by_shape(control: Control, asked: Sequence[Element]) -> bool:
    return any(each.tag in _SHAPED and each.get("toName") == control.to_name for each in asked)


def makes_regions(control: Control) -> bool:
    """Return whether the control draws regions: everything but questions, and labels for what others draw."""
    if control.kind == "labels" and control.shown in ("Image", "Video"):
        return False
    return control.kind not in ("choices", "rating", "number", "datetime", "textarea", "taxonomy", "pairwise", "ranker")


def _with_labels(control: Control, controls: Sequence[Control]) -> Control:
    """Return a video's box with the labels that its results carry, which stand in <Labels> of their own."""
    if control.kind != "videorectangle":
        return control
    named = [each for each in controls if each.kind == "labels" and each.to_name == control.to_name]
    return Control(
        control.name, control.kind, control.to_name, tuple(label for each in named for label in each.labels), control.required,
        all(each.single for each in named), control.shown, control.per, control.place, control.conditional, control.options,
    )  # fmt: skip


def _links(elements: Sequence[Element]) -> tuple[str, ...] | None:
    if not any(element.tag == "Relations" for element in elements):
        return None
    return tuple(element.get("value", "") for element in elements if element.tag == "Relation")
