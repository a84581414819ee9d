"""What people read, in English and Simplified Chinese. English text is the key; `zh.json` holds the Chinese."""

import json
import re
from collections.abc import Sequence
from copy import copy
from functools import cache
from pathlib import Path
from typing import TypeVar

import click

_Command = TypeVar("_Command", bound=click.Command)
_GROUP = re.compile(r"\\(\d)")
_BESIDE = 90  # characters of details beside a class of reasons


@cache
def chinese() -> dict[str, str]:
    """Return the catalogue: English text to Chinese text."""
    catalogue: dict[str, str] = json.loads(Path(__file__).with_name("zh.json").read_text("utf-8"))
    return catalogue


def say(language: str, english: str, **values: object) -> str:
    """Return `english`, or its Chinese, with `values` put in. A text that has no Chinese yet stays English."""
    text = chinese().get(english, english) if language == "zh" else english
    return text.format(**values) if values else text


@cache
def _chinese_reasons() -> list[tuple[re.Pattern[str], str]]:
    pairs = json.loads(Path(__file__).with_name("reasons.zh.json").read_text("utf-8"))
    return [(re.compile(pattern), text) for pattern, text in pairs]


def say_reason(language: str, reason: str) -> str:
    """Return a reason of quarantine in `language`; what a decoder said itself stays in its own words."""
    if language == "zh":
        for pattern, text in _chinese_reasons():
            if found := pattern.fullmatch(reason):
                return _filled(text, found, language)
    return reason


def _filled(text: str, found: re.Match[str], language: str) -> str:
    """Return `text` with the groups of the match in their places, in `language` where they are words of ours."""
    return _GROUP.sub(lambda at: say_reason(language, say(language, found[int(at[1])] or "")), text)


def say_class(language: str, kind: str, details: Sequence[str], kinds: int) -> str:
    """Return a class of reasons in `language`, with what was said beside it: all of that, or the first where it is much."""
    said = say_reason(language, kind)
    if not kinds:
        return said
    told = [_shortened(say_reason(language, say(language, detail))) for detail in details]
    first = told if sum(map(len, told)) <= _BESIDE else told[:1]
    more = say(language, "and {count} more", count=kinds - len(first)) if kinds > len(first) else ""
    colon, stop = ("：", "；") if language == "zh" else (": ", "; ")
    return f"{said}{colon}{stop.join(first)}{' ' if more else ''}{more}" if first != [said] else said


def _shortened(text: str) -> str:
    return text if len(text) <= _BESIDE else f"{text[: _BESIDE - 1]}…"


def translate_help(command: _Command, language: str) -> _Command:
    """Return the command with its help, and that of its options and subcommands, in `language`: a copy where that is another."""
    if language != "zh":
        return command
    told = copy(command)
    told.help = say(language, _one_line(command.help))
    told.params = [copy(parameter) for parameter in command.params]
    for parameter in told.params:
        if isinstance(parameter, click.Option) and parameter.help:
            parameter.help = say(language, parameter.help)
    if isinstance(told, click.Group):
        told.commands = {name: translate_help(child, language) for name, child in told.commands.items()}
    return told


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
