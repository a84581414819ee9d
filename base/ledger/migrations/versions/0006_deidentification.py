"""what is done about people in a collection's media: options of the DICOM profile, and detectors."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deid", sa.String(), nullable=False, server_default="113100,113107"))
        batch_op.add_column(sa.Column("detect", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("collections", schema=None) as batch_op:
        batch_op.drop_column("detect")
        batch_op.drop_column("deid")
