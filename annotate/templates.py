"""Label configurations as versioned files: what annotators are asked, in a form that the server and our checks share.

A configuration is never edited once a project uses it; a new version is a new folder beside the old one.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element, ParseError

import defusedxml.ElementTree
from defusedxml.common import DefusedXmlException

from yuelu.base.canonical import digest, sha256
from yuelu.base.errors import Misconfigured
from yuelu.base.records import Medium
from yuelu.base.schemas import TOGETHER
from yuelu.base.settings import LANGUAGES

# What the open edition's editor really has and we can turn into records. The server accepts more than its editor shows.
OBJECTS: Mapping[str, Medium] = MappingProxyType(
    {"Image": Medium.IMAGE, "Audio": Medium.AUDIO, "Video": Medium.VIDEO, "TimeSeries": Medium.TIMESERIES}
)
# Control -> the `type` of its results, and the objects it works on.
CONTROLS: Mapping[str, tuple[str, frozenset[str]]] = MappingProxyType(
    {
        "Choices": ("choices", frozenset(OBJECTS)),
        "RectangleLabels": ("rectanglelabels", frozenset({"Image"})),
        "Labels": ("labels", frozenset({"Audio"})),
        "TimelineLabels": ("timelinelabels", frozenset({"Video"})),
        "TimeSeriesLabels": ("timeserieslabels", frozenset({"TimeSeries"})),
    }
)
CHANNEL = "Channel"  # stands once in a configuration, for every channel of a series
_LAYOUT = frozenset({"View", "Header"})
_ITEMS = {tag: "Choice" if tag == "Choices" else "Label" for tag in CONTROLS}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_TAGS = _LAYOUT | set(OBJECTS) | set(CONTROLS) | set(_ITEMS.values()) | {CHANNEL}


@dataclass(frozen=True, slots=True)
class Control:
    """One question of a configuration. `kind` is the `type` of its results; `labels` are the answers it allows."""

    name: str
    kind: str
    to_name: str
    labels: tuple[str, ...]
    required: bool
    single: bool


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a label configuration with the task description that annotators read, by language."""

    name: str
    version: str
    config: str
    descriptions: Mapping[str, str]
    medium: Medium
    controls: tuple[Control, ...]

    @property
    def digest(self) -> str:
        """The SHA-256 of the configuration's bytes."""
        return sha256(self.config.encode())

    @property
    def description_digest(self) -> str:
        """The digest of the task description in all languages."""
        return digest(dict(self.descriptions))

    def control(self, name: str) -> Control | None:
        """Return the control of that name, or None."""
        return next((control for control in self.controls if control.name == name), None)


def load_template(name: str, version: str = "1") -> Template:
    """Return a label configuration that comes with Yuelu. Raises Misconfigured: there is none, or it is not sound."""
    folder = resources.files("yuelu.annotate") / "templates"
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(version) and (folder / name / version / "config.xml").is_file()):
        known = sorted(f"{each.name} {one.name}" for each in folder.iterdir() if each.is_dir() for one in each.iterdir())
        raise Misconfigured(f"no label configuration {name!r} version {version!r}", f"known: {', '.join(known)}")
    files = folder / name / version
    descriptions = {language: (files / f"description.{language}.md").read_text(encoding="utf-8") for language in LANGUAGES}
    return parse_template(name, version, (files / "config.xml").read_text(encoding="utf-8"), descriptions)


def parse_template(name: str, version: str, config: str, descriptions: Mapping[str, str]) -> Template:
    """Return the template that `config` describes. Raises Misconfigured: XML, tag, name or label that cannot be used."""
    try:
        root = defusedxml.ElementTree.fromstring(config, forbid_dtd=True)
    except (ParseError, DefusedXmlException) as error:
        raise Misconfigured(f"{name}: not XML we read: {error!r}", "use plain elements; no DTD, no entities") from None
    elements = list(root.iter())
    for element in elements:
        if element.tag not in _TAGS:
            raise Misconfigured(f"{name}: <{element.tag}> is nothing we can read back", f"use {', '.join(sorted(_TAGS))}")
    objects = [element for element in elements if element.tag in OBJECTS]
    if len(objects) != 1:
        raise Misconfigured(f"{name}: {len(objects)} media elements", "a configuration shows exactly one")
    channels = sum(element.tag == CHANNEL for element in elements)
    if channels != (objects[0].tag == "TimeSeries"):
        raise Misconfigured(f"{name}: {channels} <{CHANNEL}> in <{objects[0].tag}>", "a TimeSeries has one, which stands for all")
    controls = tuple(_control(name, element, objects[0]) for element in elements if element.tag in CONTROLS)
    names = [control.name for control in controls] + [objects[0].get("name", "")]
    if not controls or "" in names or len(set(names)) != len(names):
        raise Misconfigured(f"{name}: element names are {names}", "give every control and object one name of its own")
    return Template(name, version, config, MappingProxyType(dict(descriptions)), OBJECTS[objects[0].tag], controls)


def _control(template: str, element: Element, shown: Element) -> Control:
    kind, works_on = CONTROLS[element.tag]
    labels = tuple(item.get("value", "") for item in element.iter(_ITEMS[element.tag]))
    if element.get("toName") != shown.get("name") or shown.tag not in works_on:
        raise Misconfigured(
            f"{template}: <{element.tag} toName={element.get('toName')!r}> on <{shown.tag} name={shown.get('name')!r}>",
            f"it works on {', '.join(sorted(works_on))}, named by toName",
        )
    if not labels or "" in labels or len(set(labels)) != len(labels):
        raise Misconfigured(f"{template}: {element.get('name')} has labels {labels}", "give each a value of its own")
    # At the ends too: "a +" and "b" would be joined to what is parted as "a" and "+ b".
    parted = [label for label in labels if TOGETHER in f" {label} "]
    if parted:
        raise Misconfigured(
            f"{template}: {element.get('name')} has the label {parted[0]!r}",
            f"several labels are joined by {TOGETHER!r}; write it without the spaces, or in words",
        )
    if any(element.get(option) for option in ("perRegion", "perItem", "whenTagName")):
        raise Misconfigured(f"{template}: {element.get('name')} depends on another element", "ask about the whole task only")
    return Control(
        name=element.get("name", ""),
        kind=kind,
        to_name=element.get("toName", ""),
        labels=labels,
        required=element.get("required") == "true",
        # The editor's default: a choice is single; a region's labels are too, unless it says otherwise.
        single=element.get("choice", "single") in ("single", "single-radio"),
    )


def accepted_by_sdk(template: Template) -> None:
    """Let Label Studio's own checks read the configuration. Raises Misconfigured. Takes seconds the first time."""
    sdk: Any = importlib.import_module("label_studio_sdk.label_interface")  # 2 s and 130 MB, so not at the top
    try:
        sdk.LabelInterface(template.config).validate()
    except Exception as error:  # it raises several unrelated kinds
        raise Misconfigured(f"{template.name}: Label Studio's SDK refuses it: {error}", "correct the configuration") from error
