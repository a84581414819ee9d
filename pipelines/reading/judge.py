"""What a server's annotation is to us: an answer, or something refused with its reason. Nothing here reads or writes anything.

The server is asked, never trusted: it lets users answer as somebody else, change each other's answers and delete them.
So an answer counts only if its server task is the one that dispatch wrote down and still names that key, and if the account
that is named and the account that really sent it are the same annotator's.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from yuelu.annotate.incoming import content_digest
from yuelu.annotate.results import Item, from_result
from yuelu.annotate.templates import Template
from yuelu.base.canonical import digest, sha256
from yuelu.base.errors import InvalidRecord
from yuelu.base.records import Region, region_to_json


@dataclass(frozen=True, slots=True)
class Known:
    """The last version of an answer in the ledger, without what was answered."""

    uid: str
    version: int
    item_key: str
    annotator: str
    site: str
    content: str
    updated_at: datetime
    vanished: bool
    cancelled: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's annotation that became one of ours."""

    uid: str
    item_key: str
    annotator: str
    server_annotation: int
    created_at: datetime
    updated_at: datetime
    lead_time_s: float | None
    cancelled: bool
    content: str
    regions: tuple[dict[str, Any], ...] = field(repr=False)
    raw: Sequence[Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """A server's annotation that could not. `content` is the digest of what it said and of the reason."""

    item_key: str
    reason: str
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def content(self) -> str:
        """The same for the same answer that is refused for the same reason, however often it is read."""
        names = ("unique_id", "result", "completed_by", "updated_by", "was_cancelled")
        return sha256(json.dumps([{name: self.raw.get(name) for name in names}, self.reason], sort_keys=True).encode())


@dataclass(frozen=True, slots=True)
class Sent:
    """What came through the gateway under one id: of which task, by whom, and the digests of its versions."""

    item_key: str
    annotator: str
    digests: frozenset[str]


@dataclass(frozen=True, slots=True)
class Context:
    """What answers are read against: the label configuration, each task's measures, and whose account is whose.

    `service` is our own user on a site where answers are posted in people's names. `sent` is None while nobody has sent
    anything for the project through the gateway; the `scripted` annotators never do.
    """

    template: Template
    items: Mapping[str, Sequence[Item]]
    accounts: Mapping[int, str]
    scripted: frozenset[str] = frozenset()
    service: int | None = None
    sent: Mapping[str, Sent] | None = None


def judge(raw: Mapping[str, Any], key: str, context: Context) -> Answer | Refused:
    """Return what an annotation of the task `key` is. Never raises, whatever users made the server hold."""
    try:
        return _judged(raw, key, context)
    except InvalidRecord as error:
        return Refused(key, error.problem, plain(raw))


def _judged(raw: Mapping[str, Any], key: str, context: Context) -> Answer | Refused:
    annotator = _sender(raw, context)
    if not raw.get("unique_id"):
        raise InvalidRecord("it has no unique_id")
    if plain(raw) is not raw:
        raise InvalidRecord("it holds numbers or text that JSON has not")
    _agrees(raw, key, annotator, context)
    regions: tuple[Region, ...] = ()
    if not raw["was_cancelled"]:
        parsed = from_result(raw["result"], context.template, context.items[key])
        if parsed.rejected:
            raise InvalidRecord("; ".join(each.reason for each in parsed.rejected))
        regions = parsed.regions
    told = [region_to_json(region) for region in regions]
    return Answer(
        uid=raw["unique_id"],
        item_key=key,
        annotator=annotator,
        server_annotation=raw["id"],
        created_at=datetime.fromisoformat(raw["created_at"]),
        updated_at=datetime.fromisoformat(raw["updated_at"]),
        lead_time_s=_seconds(raw["lead_time"]),
        cancelled=raw["was_cancelled"],
        content=digest({"cancelled": raw["was_cancelled"], "regions": told}),  # as `Annotation.content`
        regions=tuple(told),
        raw=raw["result"] if isinstance(raw["result"], list) else [],
    )


def _sender(raw: Mapping[str, Any], context: Context) -> str:
    """Return whose answer it is. Raises InvalidRecord: nobody's, or somebody else had a hand in it."""
    named, sent = raw.get("completed_by"), raw.get("updated_by")
    annotator = context.accounts.get(named) if isinstance(named, int) else None
    if annotator is None:
        raise InvalidRecord(f"user {named} is no annotator of this site")
    if sent not in (named, context.service):
        other = context.accounts.get(sent) if isinstance(sent, int) else None
        raise InvalidRecord(f"answered as {annotator}, but last changed by {other or f'user {sent}'}")
    return annotator


def _agrees(raw: Mapping[str, Any], key: str, annotator: str, context: Context) -> None:
    """Raises InvalidRecord: a person's answer that is not what they sent through the gateway."""
    if context.sent is None or annotator in context.scripted:
        return
    sent = context.sent.get(raw["unique_id"])
    if sent is None or (sent.item_key, sent.annotator) != (key, annotator):
        raise InvalidRecord("it was not sent through the gateway")
    if content_digest(raw["result"], skipped=raw["was_cancelled"]) not in sent.digests:
        raise InvalidRecord("it is not what was sent through the gateway")


def _seconds(told: object) -> float | None:
    return float(told) if isinstance(told, int | float) else None


def plain(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return `raw` itself if every database keeps it as it is, else a copy that says the same in safe characters."""
    try:
        text = json.dumps(raw, allow_nan=False)
    except ValueError:
        text = "\\u0000"
    if "\\u0000" not in text and "\\ud" not in text:
        return raw
    try:  # a pair of surrogates is an ordinary character
        if "\\u0000" not in text:
            json.dumps(raw, allow_nan=False, ensure_ascii=False).encode()
            return raw
    except ValueError:
        pass
    return {**{name: raw.get(name) for name in ("id", "completed_by", "updated_by")}, "unreadable": ascii(dict(raw))}


def mismatch(server_task: int, named: object, sent_as: str | None) -> str | None:
    """Return why answers to a server task cannot count, given the key it names and what it was dispatched as; else None."""
    if sent_as is None:
        return f"server task {server_task} was never dispatched"
    return None if named == sent_as else f"server task {server_task} was dispatched as another task"


def older(known: Known, task_stamp: datetime, clock: datetime) -> bool:
    """Return whether a task's stamp is from before an answer that we have, which no deletion and no edit can bring about.

    Only a database that was restored looks so. Stamps from a time when the clock was ahead of `clock` prove nothing.
    """
    return task_stamp < known.updated_at <= clock
