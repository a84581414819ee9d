"""What a server is told of each task: its key and where its media are, and nothing of where they come from."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from urllib.parse import quote

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.annotate.label_studio.service import SERVED
from yuelu.base.canonical import canonical, sha256
from yuelu.base.errors import InvalidRecord, NotFound
from yuelu.base.ledger.media import AssetRow
from yuelu.base.ledger.work import TaskRow
from yuelu.base.media import MOST_SHOWN, shown_files
from yuelu.base.records import Medium
from yuelu.base.workspace import Workspace
from yuelu.pipelines.proxies import file_name, stage_file

_CHUNK = 400  # hashes in one query
_TOGETHER = 500  # tasks whose assets are looked up at once
ELSEWHERE = "/gateway/media/"  # on a site of somebody else's nothing lies there: the gateway serves the media itself


@dataclass(frozen=True, slots=True)
class Sent:
    """One task as it is sent. `spelled` are its data as canonical JSON."""

    item_key: str
    data: Mapping[str, Any]
    spelled: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest of the data: what the server must still hold later."""
        return sha256(self.spelled)


def data_digest(data: Mapping[str, Any]) -> str:
    """Return the digest of task data, the same however the server wrote them down."""
    return sha256(canonical(dict(data)))


@dataclass(frozen=True, slots=True)
class _Asset:
    """What of an asset's row matters here."""

    media_type: str
    role: str
    facts: Mapping[str, Any]


def task_data(workspace: Workspace, keys: Sequence[str], medium: Medium, *, embedded: bool) -> Iterator[Sent]:
    """Yield the data of those tasks, in their order. For an embedded site the media files are staged where it serves them.

    Raises NotFound: a proxy is missing. Raises InvalidRecord: more pictures than a task may show, a video of unknown rate.
    """
    for start in range(0, len(keys), _TOGETHER):
        some = keys[start : start + _TOGETHER]
        with workspace.ledger.reading() as session:
            shown = _shown(session, some)
            proxies = _assets(session, {proxy for each in shown.values() for proxy in each})
        for key in some:
            data = _data(workspace, key, shown[key], proxies, medium, embedded=embedded)
            yield Sent(key, data, canonical(data))


def _shown(session: Session, keys: Sequence[str]) -> dict[str, list[str]]:
    """Return the hashes of the proxies that each task shows."""
    items: dict[str, list[str]] = {}
    for some in _chunks(keys):
        wanted = select(TaskRow.item_key, TaskRow.items).where(TaskRow.item_key.in_(some))
        for key, found in session.execute(wanted):
            items[key] = found
    assets = _assets(session, {item for each in items.values() for item in each})
    shown: dict[str, list[str]] = {}
    for key in keys:
        for item in items[key]:
            if item not in assets or not shown_files(assets[item].facts):
                raise NotFound(f"no proxy of asset {item}", "ingest its source again; it makes what is missing")
        shown[key] = [file for item in items[key] for file in shown_files(assets[item].facts)]
        if len(shown[key]) > MOST_SHOWN:
            raise InvalidRecord(
                f"the task of asset {items[key][0]} shows {len(shown[key])} pictures; at most {MOST_SHOWN} fit in one",
                "cut the series or volume into parts, and ingest those",
            )
    return shown


def _assets(session: Session, hashes: Iterable[str]) -> dict[str, _Asset]:
    asked = select(AssetRow.sha256, AssetRow.media_type, AssetRow.role, AssetRow.facts)
    found = (row for some in _chunks(sorted(hashes)) for row in session.execute(asked.where(AssetRow.sha256.in_(some))))
    return {sha256: _Asset(media_type, role, facts) for sha256, media_type, role, facts in found}


def _data(
    workspace: Workspace, key: str, shown: Sequence[str], proxies: Mapping[str, _Asset], medium: Medium, *, embedded: bool
) -> dict[str, Any]:
    addresses = []
    for sha in shown:
        proxy = proxies.get(sha)
        name = None if proxy is None else file_name(sha, proxy.media_type, proxy.role)
        if name is None:
            raise NotFound(f"no proxy {sha}", "ingest its source again; it makes what is missing")
        if embedded:
            stage_file(workspace, sha, name)
        addresses.append(f"/data/local-files/?d={quote(f'{SERVED}/{name}')}" if embedded else f"{ELSEWHERE}{name}")
    data: dict[str, Any] = {"item_key": key}
    if medium is Medium.IMAGE:
        return {**data, "images": addresses}
    data[medium.value] = addresses[0]
    return {**data, "frame_rate_hz": _frame_rate(shown[0], proxies[shown[0]])} if medium is Medium.VIDEO else data


def _frame_rate(sha: str, proxy: _Asset) -> float:
    """Return what the editor counts frames by; it never asks the file."""
    rate = proxy.facts.get("frame_rate_hz")
    if not rate:
        raise InvalidRecord(f"the frame rate of proxy {sha} is not known", "make the proxy again")
    return float(rate)


def _chunks(values: Sequence[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
