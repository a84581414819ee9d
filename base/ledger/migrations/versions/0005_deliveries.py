"""delivery sheets, and the category of a collection."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sheet_rows",
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False, autoincrement=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("legal_basis", sa.String(), nullable=True),
        sa.Column("grade", sa.String(), nullable=True),
        sa.Column("category", sa.String(), nullable=True),
        sa.Column("terms", sa.String(), nullable=True),
        sa.Column("group", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("sheet", "line", name=op.f("pk_sheet_rows")),
    )
    op.create_table(
        "deliveries",
        sa.Column("collection", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("line", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.ForeignKeyConstraint(["collection"], ["collections.name"], name=op.f("fk_deliveries_collection")),
        sa.ForeignKeyConstraint(
            ["sheet", "line"], ["sheet_rows.sheet", "sheet_rows.line"], name=op.f("fk_deliveries_sheet_line")
        ),
        sa.PrimaryKeyConstraint("collection", "source", "path", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("category", sa.String(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.drop_column("category")
    op.drop_table("deliveries")
    op.drop_table("sheet_rows")
