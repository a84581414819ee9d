"""a task may want more answers than its project."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "tasks", sa.Column("more", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), server_default="0", nullable=False)
    )


def downgrade() -> None:
    op.drop_column("tasks", "more")
