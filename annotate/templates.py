"""Label configurations as versioned files: what annotators are asked, in a form that the server and our checks share.

A configuration is never edited once a project uses it; a new version is a new folder beside the old one. A project may also
have a configuration of its own: it is checked. Which one a batch was asked is kept in the ledger (`configurations`).
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Any

import defusedxml.ElementTree

from yuelu.annotate.configuration import CHANNEL, Control, parse_configuration
from yuelu.annotate.tags import OBJECT_TAGS
from yuelu.base.canonical import digest, sha256
from yuelu.base.errors import Misconfigured
from yuelu.base.records import Medium
from yuelu.base.settings import LANGUAGES

__all__ = ["CHANNEL", "OWN", "Control", "Template", "load_template", "parse_template"]

OWN = "own"  # the version of a configuration that came from its project's maker
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")
_VALUE = re.compile(r"\$([A-Za-z_]\w*)(\[\d+\])?")


@dataclass(frozen=True, slots=True)
class Template:
    """One version of a label configuration with the task description that annotators read, by language.

    `relations` are the labels that links between regions may have; None where the configuration names none.
    """

    name: str
    version: str
    config: str
    descriptions: Mapping[str, str]
    medium: Medium
    controls: tuple[Control, ...]
    relations: tuple[str, ...] | None = None

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


def template_names() -> tuple[tuple[str, str], ...]:
    """Return name and version of every label configuration that comes with Yuelu, in order."""
    folder = resources.files("yuelu.annotate") / "templates"
    return tuple(sorted((each.name, one.name) for each in folder.iterdir() if each.is_dir() for one in each.iterdir()))


def load_template(name: str, version: str = "1") -> Template:
    """Return a label configuration that comes with Yuelu. Raises Misconfigured: there is none, or it is not sound."""
    folder = resources.files("yuelu.annotate") / "templates"
    if not (_NAME.fullmatch(name) and _NAME.fullmatch(version) and (folder / name / version / "config.xml").is_file()):
        known = (f"{each} {one}" for each, one in template_names())
        raise Misconfigured(f"no label configuration {name!r} version {version!r}", f"known: {', '.join(known)}")
    files = folder / name / version
    descriptions = {language: (files / f"description.{language}.md").read_text(encoding="utf-8") for language in LANGUAGES}
    return parse_template(name, version, (files / "config.xml").read_text(encoding="utf-8"), descriptions)


def parse_template(name: str, version: str, config: str, descriptions: Mapping[str, str]) -> Template:
    """Return the template that `config` describes. Raises Misconfigured: XML, tag, name or label that cannot be used."""
    read = parse_configuration(name, config)
    return Template(name, version, config, MappingProxyType(dict(descriptions)), read.medium, read.controls, read.relations)


def own_template(name: str, config: str, description: str) -> Template:
    """Return a configuration of one's own, of version `OWN`, with its one description. Takes seconds the first time.

    Raises Misconfigured: it cannot be used, shows data that no task has, or does not say what to do.
    """
    if not _NAME.fullmatch(name):
        raise Misconfigured(f"a label configuration named {name!r}", "name the file with small letters, digits and hyphens")
    if len(description.split()) < 2 and len(description) < 20:
        raise Misconfigured(f"{name}: the task description says nothing", "write task, method, and right and wrong examples")
    template = parse_template(name, OWN, config, dict.fromkeys(LANGUAGES, description))
    _check_data(template)
    accepted_by_sdk(template)
    return template


def _check_data(template: Template) -> None:
    for element in defusedxml.ElementTree.fromstring(template.config).iter():
        if element.tag not in OBJECT_TAGS:
            continue
        several = element.get("valueList")
        value = several or element.get("value") or ""
        found, known = _VALUE.fullmatch(value), OBJECT_TAGS[element.tag].values
        one_of_many = element.tag != "Image" or several or (found is not None and found[2])
        if found is None or found[1] not in known or not one_of_many:
            right = 'valueList="$images" or value="$images[0]"' if element.tag == "Image" else f'value="${known[0]}"'
            raise Misconfigured(
                f'{template.name}: <{element.tag} {"valueList" if several else "value"}="{value}"> is nothing that a task has',
                f"write {right}",
            )


def accepted_by_sdk(template: Template) -> None:
    """Let Label Studio's own checks read the configuration. Raises Misconfigured. Takes seconds the first time."""
    sdk: Any = importlib.import_module("label_studio_sdk.label_interface")  # 2 s and 130 MB, so not at the top
    try:
        sdk.LabelInterface(template.config).validate()
    except Exception as error:  # it raises several unrelated kinds
        raise Misconfigured(f"{template.name}: Label Studio's SDK refuses it: {error}", "correct the configuration") from error
