"""tasks that have all their annotators are passed over by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
_ROOM = sa.text("room AND state IN ('new', 'dispatched')")

_FULL = """
    UPDATE tasks SET room = false
    WHERE (SELECT count(*) FROM packet_tasks WHERE packet_tasks.item_key = tasks.item_key AND state = 'held' AND state <> 'released')
        >= (SELECT overlap FROM projects JOIN batches ON batches.project = projects.name WHERE batches.id = tasks.batch)
"""


def upgrade() -> None:
    op.add_column("tasks", sa.Column("room", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.execute(_FULL)
    columns = ["batch", "round", "item_key"]
    op.create_index("ix_tasks_room", "tasks", columns, sqlite_where=_ROOM, postgresql_where=_ROOM)


def downgrade() -> None:
    op.drop_index("ix_tasks_room", "tasks")
    op.drop_column("tasks", "room")
