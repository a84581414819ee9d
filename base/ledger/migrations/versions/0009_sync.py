"""how far the answers of each server project were read."""

import sqlalchemy as sa
from alembic import op

from yuelu.base.ledger.types import UtcTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "read_places",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("server_project", _INT, nullable=False),
        sa.Column("number", _INT, nullable=False),
        sa.Column("confirmed", _INT, nullable=False),
        sa.Column("read_at", UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_read_places_site")),
        sa.PrimaryKeyConstraint("site", "server_project", name=op.f("pk_read_places")),
    )
    op.create_table(
        "read_tasks",
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("server_project", _INT, nullable=False),
        sa.Column("server_task", _INT, nullable=False),
        sa.Column("updated_at", UtcTime(timezone=True), nullable=True),
        sa.Column("present", _INT, nullable=False),
        sa.Column("taken", _INT, nullable=False),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_read_tasks_site")),
        sa.PrimaryKeyConstraint("site", "server_project", "server_task", name=op.f("pk_read_tasks")),
    )


def downgrade() -> None:
    op.drop_table("read_tasks")
    op.drop_table("read_places")
