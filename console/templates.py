"""Label configurations for people: the ones that come with Yuelu, and one's own from two files."""

from pathlib import Path
from typing import Any

from yuelu.annotate.templates import Template, accepted_by_sdk, load_template, own_template, template_names
from yuelu.base.errors import Misconfigured

_MOST_BYTES = 1 << 20


def chosen_template(name: str | None, version: str, config: Path | None, description: Path | None) -> Template:
    """Return the checked configuration that the options of `project create` name. Raises Misconfigured."""
    if (name is None) == (config is None) or (config is None) != (description is None):
        raise Misconfigured(
            "a project has one label configuration with its task description",
            "give --template NAME, or --config FILE.xml with --description FILE.md",
        )
    if name is not None:
        template = load_template(name, version)
        accepted_by_sdk(template)
        return template
    named, *texts = ((path.stem.lower(), _text(path)) for path in (config, description) if path is not None)
    return own_template(named[0], named[1], texts[0][1])


def _text(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise Misconfigured(f"{path} has {path.stat().st_size} bytes", f"at most {_MOST_BYTES}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{path} is not UTF-8: {error}", "save it as UTF-8") from None


def listed_templates(language: str) -> list[dict[str, Any]]:
    """Return the configurations that come with Yuelu: what each is for, and what it asks."""
    return [_told(load_template(name, version), language) for name, version in template_names()]


def shown_template(name: str, version: str, language: str) -> dict[str, Any]:
    """Return one configuration with its description. Raises Misconfigured: there is none of that name."""
    template = load_template(name, version)
    return {**_told(template, language), "config": template.config, "description": template.descriptions[language]}


def _told(template: Template, language: str) -> dict[str, Any]:
    title = template.descriptions[language].splitlines()[0].lstrip("# ")
    return {
        "name": template.name,
        "version": template.version,
        "medium": template.medium.value,
        "title": title,
        "asks": [control.kind for control in template.controls],
        "digest": template.digest,
        "description_digest": template.description_digest,
    }
