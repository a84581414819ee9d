"""Alembic's entry: runs the migrations on the ledger whose address it was given, one process at a time, whole or not."""

from alembic import context
from sqlalchemy import text

from yuelu.base.ledger.engine import Ledger
from yuelu.base.ledger.types import Table

_LOCK = 0x9E_75_EC  # any number that only we use

ledger = Ledger(context.config.attributes["url"])
with ledger.engine.connect() as connection:
    sqlite = connection.dialect.name == "sqlite"
    connection.execute(text("BEGIN IMMEDIATE" if sqlite else f"SELECT pg_advisory_xact_lock({_LOCK})"))
    context.configure(
        connection=connection,
        target_metadata=Table.metadata,
        render_as_batch=True,
        transactional_ddl=True,  # SQLite can, and a process killed in here must leave nothing half made
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
ledger.close()
