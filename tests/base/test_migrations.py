"""A ledger of an earlier version keeps what it holds when its tables change."""

from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import text

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.places import OutboxRow, PlaceRow
from yuelu.base.ledger.upgrade import migrations
from yuelu.base.ledger.work import BatchRow, ProjectRow, SiteRow, TaskRow

BEFORE = (
    "INSERT INTO collections (name, owner, legal_basis, grade, terms, created_at) VALUES ('c','o','b','g','t','2026-01-02')",
    "INSERT INTO sites VALUES ('local', 'http://127.0.0.1:1', '1.23.2')",
    "INSERT INTO projects VALUES ('p','c','image','image-boxes','1','td','1','dd',2,'y','yd','2026-01-02')",
    "INSERT INTO projects VALUES ('q','c','image','image-boxes','1','td','1','dd',2,'y','yd','2026-01-02')",
    "INSERT INTO batches VALUES ('b','p','local',7,'2026-01-03')",
    "INSERT INTO batches VALUES ('new','q',NULL,NULL,NULL)",
    """INSERT INTO tasks VALUES ('k1','b','s1','["x"]','g',1,'dispatched',41)""",
    """INSERT INTO tasks VALUES ('k2','b','s2','["x"]','g',1,'new',NULL)""",
)


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)])
def test_work_that_was_dispatched_to_one_site_stays_there(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path}/ledger.sqlite3" if kind == "sqlite" else request.getfixturevalue("postgres_ledger")
    command.upgrade(migrations(url), "0006")
    ledger = Ledger(url)
    with ledger.engine.begin() as connection:
        for statement in BEFORE:
            connection.execute(text(statement))
    ledger.migrate()
    with ledger.reading() as session:
        (place,) = session.query(PlaceRow).all()
        assert (place.batch, place.site, place.server_project, place.config_digest) == ("b", "local", 7, "td")
        assert place.synced_at is not None
        tasks = {row.item_key: (row.site, row.server_task) for row in session.query(TaskRow)}
        assert tasks == {"k1": ("local", 41), "k2": (None, None)}
        (sent,) = session.query(OutboxRow).all()
        assert (sent.item_key, sent.batch, sent.site, sent.state, sent.server_task) == ("k1", "b", "local", "sent", 41)
        batches = {row.id: (row.number, row.configuration) for row in session.query(BatchRow)}
        assert batches == {"b": (1, None), "new": (1, None)}
        assert {row.name: row.open_to_all for row in session.query(ProjectRow)} == {"p": True, "q": True}
        (site,) = session.query(SiteRow).all()
        assert (site.kind, site.weight, site.state, site.problems) == ("embedded", 1, "unknown", [])
    if kind == "sqlite":
        with ledger.engine.connect() as connection:  # the keys were off only while the tables changed
            assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
    ledger.close()
