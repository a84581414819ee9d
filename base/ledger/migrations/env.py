"""Alembic's entry: runs the migrations on the ledger whose address it was given, one process at a time, whole or not."""

from alembic import context
from sqlalchemy import text

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.types import Table

_LOCK = 0x9E_75_EC  # any number that only we use

ledger = Ledger(context.config.attributes["url"])
with ledger.engine.connect() as connection:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:  # a table that others point to is made anew to lose a column, and checked below (sqlite.org/lang_altertable.html)
        connection.execute(text("PRAGMA foreign_keys=OFF"))
    connection.execute(text("BEGIN IMMEDIATE" if sqlite else f"SELECT pg_advisory_xact_lock({_LOCK})"))
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=True,
        transactional_ddl=True,  # SQLite can, and a process killed in here must leave nothing half made
    )
    with context.begin_transaction():
        context.run_migrations()
        broken = connection.execute(text("PRAGMA foreign_key_check")).all() if sqlite else []
        if broken:
            raise RuntimeError(f"the migration would leave rows that point nowhere: {broken[:5]}")
    connection.commit()
ledger.close()
