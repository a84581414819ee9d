"""The report of a collection as two pages, one per language, with thumbnails beside them; they open from the disk."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.ledger.media import AssetRow
from yuelu.base.records import Medium, Role
from yuelu.base.settings import LANGUAGES
from yuelu.base.store.port import Store
from yuelu.base.workspace import Workspace
from yuelu.console.listings import clusters
from yuelu.console.page.template import template
from yuelu.console.show import size
from yuelu.console.words import say, say_class
from yuelu.pipelines.ingest.alarms import alarms
from yuelu.pipelines.ingest.summary import Summary, accepted_media

THUMBNAILS = 500  # of each medium; the page says how many more there are
CLUSTERS, IN_CLUSTER = 60, 12
_FILES = {"en": "index.html", "zh": "index.zh.html"}
_ENDINGS: Mapping[str, str] = MappingProxyType({"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"})
_FOLDER = "thumbnails"


@dataclass(frozen=True, slots=True)
class Tile:
    """One medium on the page. `picture` is the address of its thumbnail; None where it has none."""

    path: str
    picture: str | None
    modality: str | None
    alarms: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Gallery:
    """The tiles of one medium, and how many files have none on the page."""

    medium: str
    tiles: tuple[Tile, ...]
    more: int


@dataclass(frozen=True, slots=True)
class Alike:
    """A cluster of near-duplicates: its first members with their distances, and how many more there are."""

    tiles: tuple[tuple[Tile, int], ...]
    files: int
    groups: int

    @property
    def more(self) -> int:
        """How many members are not on the page."""
        return self.files - len(self.tiles)


def write_report(workspace: Workspace, found: Summary, folder: Path, run: Mapping[str, Any] | None = None) -> Path:
    """Write the pages and the thumbnails into `folder`; return the English page. `run` are the numbers of a run just done."""
    (folder / _FOLDER).mkdir(parents=True, exist_ok=True)
    with workspace.ledger.reading() as session:
        pictures = _Pictures(session, workspace.store, folder)
        galleries = [_gallery(session, found, medium, pictures) for medium in Medium if found.media.get(medium)]
        alike = [_alike(row, pictures) for row in clusters(session, found.collection)[:CLUSTERS]]
    for language in LANGUAGES:
        text = report_page(found, galleries, alike, run, language)
        (folder / _FILES[language]).write_text(text, "utf-8")
    return folder / _FILES["en"]


def report_page(
    found: Summary, galleries: list[Gallery], alike: list[Alike], run: Mapping[str, Any] | None, language: str
) -> str:
    """Return one page as HTML. Everything from outside is escaped."""
    return template("ingest.html").render(
        s=found,
        galleries=galleries,
        alike=alike,
        run=run,
        language=language,
        t=partial(say, language),
        why=partial(say_class, language),
        size=size,
        other_page=_FILES["zh" if language == "en" else "en"],
    )


class _Pictures:
    """Thumbnails on their way to the page; each is copied once, under its hash."""

    def __init__(self, session: Session, store: Store, folder: Path) -> None:
        self._session, self._store, self._folder = session, store, folder

    def address(self, sha256: str | None) -> str | None:
        """Return where the page finds the thumbnail, once it is there; None when there is none."""
        row = None if sha256 is None else self._session.get(AssetRow, sha256)
        if row is None or row.store_key is None or row.media_type not in _ENDINGS:
            return None
        name = f"{_FOLDER}/{row.sha256}.{_ENDINGS[row.media_type]}"
        if not (self._folder / name).exists():
            (self._folder / name).write_bytes(self._store.read(row.store_key))
        return name

    def of(self, labelled: str) -> str | None:
        """Return the address of a labelled asset's thumbnail."""
        link = select(AssetRow.facts[Role.THUMBNAIL.value].as_string()).where(AssetRow.sha256 == labelled)
        return self.address(self._session.scalar(link))


def _gallery(session: Session, found: Summary, medium: Medium, pictures: _Pictures) -> Gallery:
    columns = ("thumbnail", "modality")
    texts = [lambda table, name=name: table.facts[name].as_string() for name in columns]
    hints = [lambda table: table.facts["probes"], lambda table: table.facts["face_risk"]]
    asked = accepted_media(found.collection, *texts, *hints, medium=medium)
    tiles = tuple(
        Tile(path, pictures.address(thumbnail), modality, tuple(alarms(kind, {**(probes or {}), "face_risk": face})))
        for path, kind, thumbnail, modality, probes, face in session.execute(asked.limit(THUMBNAILS))
    )
    return Gallery(medium, tiles, found.media[medium] - len(tiles))


def _alike(cluster: Mapping[str, Any], pictures: _Pictures) -> Alike:
    members = cluster["members"]
    tiles = tuple((Tile(row["path"], pictures.of(row["asset"]), None), row["distance_bits"]) for row in members[:IN_CLUSTER])
    return Alike(tiles, len(members), cluster["groups"])
