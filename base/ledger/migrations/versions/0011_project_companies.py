"""which companies a project is open to; projects of earlier versions stay open to all."""

import sqlalchemy as sa
from alembic import op

from yuelu.base.ledger.types import UtcTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.add_column(sa.Column("open_to_all", sa.Boolean(), nullable=False, server_default=sa.true()))
    op.create_table(
        "project_companies",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("opened_at", UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["company"], ["companies.name"], name=op.f("fk_project_companies_company")),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_project_companies_project")),
        sa.PrimaryKeyConstraint("project", "company", name=op.f("pk_project_companies")),
    )
    op.create_index(op.f("ix_project_companies_company"), "project_companies", ["company"])


def downgrade() -> None:
    op.drop_table("project_companies")
    with op.batch_alter_table("projects", schema=None) as batch_op:
        batch_op.drop_column("open_to_all")
