"""Rendering the overview as two pages, one per language, that open from the disk."""

import base64
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from yuelu.base.errors import NotFound
from yuelu.base.ledger.media import AssetRow, ListingRow
from yuelu.base.media import labelled_copy, thumbnail_of
from yuelu.base.settings import LANGUAGES
from yuelu.base.store.port import Store
from yuelu.base.workspace import Workspace
from yuelu.console.agreement.plots import rows as drawn_rows
from yuelu.console.overview import Overview, ProjectView, ScoreView, overview
from yuelu.console.page.template import template
from yuelu.console.words import say, say_reason

_PICTURES = 24  # per collection; the page stays small
# A sound's thumbnail says little, and a text has none.
_OF_EACH: Mapping[str, int] = MappingProxyType({"image": 18, "video": 4, "timeseries": 4, "audio": 2, "text": 0})
_FILES = {"en": "index.html", "zh": "index.zh.html"}


def write_pages(workspace: Workspace, folder: Path) -> Path:
    """Write the pages into `folder` and return the English one."""
    with workspace.ledger.reading() as session:
        view = overview(session, workspace.ledger.now())
        pictures = {row.name: _pictures(session, workspace.store, row.name) for row in view.collections}
    folder.mkdir(parents=True, exist_ok=True)
    for language in LANGUAGES:
        text = page(view, pictures, language, workspace.root.name)
        (folder / _FILES[language]).write_text(text, "utf-8")
    return folder / _FILES["en"]


def page(view: Overview, pictures: Mapping[str, Sequence[str]], language: str, name: str) -> str:
    """Return one page as HTML. `pictures` are data: addresses by collection. Everything from outside is escaped."""
    translate = partial(say, language)

    def why(reason: str) -> str:
        return f"{translate('undefined')}: {say_reason(language, reason)}"

    return template("overview.html").render(
        view=view,
        pictures=pictures,
        language=language,
        workspace=name,
        t=translate,
        reason=partial(say_reason, language),
        other_page=_FILES["zh" if language == "en" else "en"],
        plots={p.name: Markup(_plot(latest(p), why)) for p in view.projects},  # noqa: S704  escaped there
    )


def _plot(scores: Sequence[ScoreView], why: Callable[[str], str]) -> str:
    """Return the scores as a picture, what is undefined below the others."""
    ordered = sorted(scores, key=lambda score: score.value is None)
    return drawn_rows([(f"{score.control} · {score.metric}", score) for score in ordered], why)


def latest(project: ProjectView) -> list[ScoreView]:
    """Return the scores of the last round that was scored."""
    last = max((score.round for score in project.scores), default=0)
    return [score for score in project.scores if score.round == last]


def _pictures(session: Session, store: Store, collection: str) -> list[str]:
    wanted = select(ListingRow.sha256).where(ListingRow.collection == collection, ListingRow.outcome == "accepted")
    sources = [sha256 for sha256 in session.scalars(wanted.order_by(ListingRow.path)) if sha256]
    labelled = (session.get_one(AssetRow, labelled_copy(session, sha256)) for sha256 in sources)
    rows = [_thumbnail(session, row.sha256) for row in islice(_few_of_each(labelled), _PICTURES)]
    return [
        f"data:{row.media_type};base64,{base64.b64encode(store.read(row.store_key)).decode()}"
        for row in rows
        if row and row.store_key
    ]


def _few_of_each(rows: Iterable[AssetRow]) -> Iterator[AssetRow]:
    """Yield at most `_OF_EACH` of each medium."""
    shown: Counter[str] = Counter()
    for row in rows:
        if shown[row.medium] < _OF_EACH[row.medium]:
            shown[row.medium] += 1
            yield row


def _thumbnail(session: Session, sha256: str) -> AssetRow | None:
    try:
        return thumbnail_of(session, sha256)
    except NotFound:  # a sound has none
        return None
