"""The pages' templates, with everything from outside escaped."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template


@cache
def template(name: str, folder: Path = Path(__file__).parent) -> Template:
    """Return the template of that name in `folder`; what it is not given is an error, not a blank."""
    return Environment(
        loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    ).get_template(name)
