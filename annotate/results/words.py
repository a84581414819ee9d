"""Answers in words and numbers, from what the editor sends, and back."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from yuelu.annotate.configuration import Control
from yuelu.annotate.results.frame import Fields, labels
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Choice, Moment, Number, Preference, Ranking, Rating, Taxonomy, Text

Word = Choice | Rating | Number | Moment | Text | Taxonomy | Preference | Ranking
_MOST_STARS = 5  # of the editor where the configuration says nothing
_FORMATS = {"date": "%Y-%m-%d", "time": "%H:%M", "year": "%Y"}
_FULL = "%Y-%m-%dT%H:%M"
_SAME_IN_BOTH = re.compile(r"(?:[^%]|%[YmdHMSjyBbpI%])*")  # directives that d3-time-format and Python read alike


@dataclass(frozen=True, slots=True)
class About:
    """What an answer is about: a region, an item, or (both None) the whole task."""

    region_id: str | None = None
    item: int | None = None


def choice(control: Control, value: Fields, about: About) -> Choice:
    """Return labels: of a question, or of a region that another element drew."""
    return Choice(control.name, labels(control, value.take(control.kind)), about.region_id, about.item)


def rating(control: Control, value: Fields, about: About) -> Rating:
    """Return a number of stars."""
    most, stars = int(control.options.get("maxRating", _MOST_STARS)), value.whole("rating")
    if stars > most:
        raise InvalidRecord(f"{control.name}: {stars} stars of {most}")
    return Rating(control.name, stars, about.region_id, about.item)


def number(control: Control, value: Fields, about: About) -> Number:
    """Return a number within its limits."""
    found = value.number("number")
    least, most = (None if (text := control.options.get(side)) is None else float(text) for side in ("min", "max"))
    if (least is not None and found < least) or (most is not None and found > most):
        raise InvalidRecord(f"{control.name}: {found:g} is not within {least} to {most}")
    return Number(control.name, found, about.region_id, about.item)


def moment(control: Control, value: Fields, about: About) -> Moment:
    """Return a date or time in the format of its control."""
    found, only = value.text("datetime"), control.options.get("only", "").split(",")
    form = control.options.get("format") if only != ["time"] else None
    form = form or (_FORMATS.get(only[0], _FULL) if len(only) == 1 else _FULL)
    if _SAME_IN_BOTH.fullmatch(form):
        try:
            datetime.strptime(found, form)  # only its form is asked
        except ValueError:
            raise InvalidRecord(f"{control.name}: {found!r} is not in the form {form!r}") from None
    return Moment(control.name, found, about.region_id, about.item)


def text(control: Control, value: Fields, about: About) -> Text:
    """Return what was written. The editor sends a list; a model may send one text."""
    found = value.take("text")
    texts = [found] if isinstance(found, str) else found
    if not isinstance(texts, list) or not texts or not all(isinstance(each, str) for each in texts):
        raise InvalidRecord(f"{control.name}: text is {found!r}, need a list of text")
    most = control.options.get("maxSubmissions")
    if most and len(texts) > int(most):
        raise InvalidRecord(f"{control.name}: {len(texts)} texts, at most {most}")
    return Text(control.name, tuple(texts), about.region_id, about.item)


def taxonomy(control: Control, value: Fields, about: About) -> Taxonomy:
    """Return places in the tree of classes."""
    found = value.take("taxonomy")
    if not isinstance(found, list) or not found or not all(isinstance(path, list) for path in found):
        raise InvalidRecord(f"{control.name}: taxonomy is {found!r}, need a list of paths")
    paths = tuple(tuple(path) for path in found)
    unknown = [path for path in paths if path not in control.paths]
    if unknown or len(set(paths)) != len(paths):
        raise InvalidRecord(
            f"{control.name}: no such place {' / '.join(map(str, (unknown or paths)[0]))!r}, or it is named twice"
        )
    return Taxonomy(control.name, paths, about.region_id, about.item)


def preference(control: Control, value: Fields, _: About) -> Preference:
    """Return which of two is preferred."""
    return Preference(control.name, value.text("selected"))


def ranking(control: Control, value: Fields, _: About) -> Ranking:
    """Return items in order; each stands once. The editor keeps what is in no bucket under `_`."""
    found = value.take("ranker")
    if not isinstance(found, dict) or not all(isinstance(each, list) for each in found.values()):
        raise InvalidRecord(f"{control.name}: ranker is {type(found).__name__}, need lists by bucket")
    known = {*control.labels, "_"} if control.labels else {control.name}
    ids = [each for ids in found.values() for each in ids]
    if set(found) - known or not all(isinstance(each, str) for each in ids) or len(set(ids)) != len(ids):
        raise InvalidRecord(f"{control.name}: buckets {sorted(found)} of {sorted(known)}, with items {ids!r}")
    return Ranking(control.name, tuple((name, tuple(ids)) for name, ids in found.items()))


WORD_READERS: Mapping[str, Callable[[Control, Fields, About], Word]] = MappingProxyType(
    {
        "choices": choice,
        "rating": rating,
        "number": number,
        "datetime": moment,
        "textarea": text,
        "taxonomy": taxonomy,
        "pairwise": preference,
        "ranker": ranking,
    }
)


_VALUES: Mapping[type[Word], tuple[str, str]] = MappingProxyType(  # field of the value, attribute of the record
    {
        Rating: ("rating", "stars"),
        Number: ("number", "value"),
        Moment: ("datetime", "moment"),
        Text: ("text", "texts"),
        Taxonomy: ("taxonomy", "paths"),
        Preference: ("selected", "preferred"),
    }
)


def word_value(word: Word, kind: str) -> dict[str, Any]:
    """Return the value of an answer's part of a result; `kind` is the type of its results."""
    if isinstance(word, Choice):
        return {kind: list(word.labels)}
    if isinstance(word, Ranking):
        return {"ranker": {name: list(ids) for name, ids in word.buckets}}
    name, attribute = _VALUES[type(word)]
    return {name: _listed(getattr(word, attribute))}


def _listed(value: Any) -> Any:
    return [_listed(each) for each in value] if isinstance(value, tuple) else value
