"""Migrations through Alembic."""

from alembic import command
from alembic.config import Config

from yuelu.base.ledger.engine import MIGRATIONS


def upgrade(url: str) -> None:
    """Bring the ledger at `url` to the newest version: whole or not at all, one process at a time."""
    command.upgrade(migrations(url), "head")


def migrations(url: str) -> Config:
    """Return Alembic's configuration for the ledger at `url`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["url"] = url
    return config
