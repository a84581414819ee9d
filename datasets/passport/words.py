"""The words of cards and dossiers in English and Chinese. English is the key."""

import json
from functools import cache
from pathlib import Path


@cache
def _chinese() -> dict[str, str]:
    words: dict[str, str] = json.loads(Path(__file__).with_name("words.zh.json").read_text("utf-8"))
    return words


def say(language: str, english: str, **values: object) -> str:
    """Return `english`, or its Chinese, with `values` put in. Raises KeyError: a text without Chinese."""
    text = _chinese()[english] if language == "zh" else english
    return text.format(**values) if values else text
