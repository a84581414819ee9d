"""several sites for a project: places, outbox; label configurations kept whole; predictions."""

import sqlalchemy as sa
from alembic import op

import yuelu.base.ledger.types

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = yuelu.base.ledger.types.UtcTime(timezone=True)


def upgrade() -> None:
    _sites()
    _new_tables()
    op.execute(
        "INSERT INTO places (batch, site, server_project, config_digest, synced_at) "
        "SELECT batches.id, site, server_project, template_digest, synced_at FROM batches "
        "JOIN projects ON projects.name = batches.project WHERE server_project IS NOT NULL"
    )
    with op.batch_alter_table("tasks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("site", sa.String(), nullable=True))
        batch_op.create_foreign_key(batch_op.f("fk_tasks_site"), "sites", ["site"], ["name"])
    op.execute("UPDATE tasks SET site = (SELECT site FROM batches WHERE batches.id = tasks.batch) WHERE server_task IS NOT NULL")
    op.execute(
        "INSERT INTO outbox (item_key, batch, site, state, server_task, data_digest) "
        "SELECT item_key, batch, site, 'sent', server_task, NULL FROM tasks WHERE server_task IS NOT NULL"
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_constraint("uq_batches_site_server_project", type_="unique")
        batch_op.drop_constraint("fk_batches_site", type_="foreignkey")
        for column in ("site", "server_project", "synced_at"):
            batch_op.drop_column(column)
        batch_op.add_column(sa.Column("number", BIG, nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("configuration", sa.String(), nullable=True))
        batch_op.create_unique_constraint(batch_op.f("uq_batches_project_number"), ["project", "number"])
        batch_op.create_foreign_key(batch_op.f("fk_batches_configuration"), "configurations", ["configuration"], ["digest"])


def _sites() -> None:
    with op.batch_alter_table("sites", schema=None) as batch_op:
        batch_op.add_column(sa.Column("kind", sa.String(), nullable=False, server_default="embedded"))
        batch_op.add_column(sa.Column("token_from", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("user_id", BIG, nullable=True))
        batch_op.add_column(sa.Column("weight", BIG, nullable=False, server_default="1"))
        batch_op.add_column(sa.Column("state", sa.String(), nullable=False, server_default="unknown"))
        batch_op.add_column(sa.Column("problems", sa.JSON(), nullable=False, server_default="[]"))
        batch_op.add_column(sa.Column("seen_at", TIME, nullable=True))


def _new_tables() -> None:
    op.create_table(
        "configurations",
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("medium", sa.String(), nullable=False),
        sa.Column("config", sa.String(), nullable=False),
        sa.Column("config_digest", sa.String(), nullable=False),
        sa.Column("descriptions", sa.JSON(), nullable=False),
        sa.Column("description_digest", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_configurations")),
    )
    op.create_table(
        "places",
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("server_project", BIG, nullable=False),
        sa.Column("config_digest", sa.String(), nullable=False),
        sa.Column("synced_at", TIME, nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_places_batch")),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_places_site")),
        sa.PrimaryKeyConstraint("batch", "site", name=op.f("pk_places")),
        sa.UniqueConstraint("site", "server_project", name=op.f("uq_places_site_server_project")),
    )
    op.create_table(
        "outbox",
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("site", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("server_task", BIG, nullable=True),
        sa.Column("data_digest", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_outbox_item_key")),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_outbox_batch")),
        sa.ForeignKeyConstraint(["site"], ["sites.name"], name=op.f("fk_outbox_site")),
        sa.PrimaryKeyConstraint("item_key", "batch", name=op.f("pk_outbox")),
    )
    op.create_index("ix_outbox_place", "outbox", ["batch", "site", "state", "item_key"])
    op.create_index("ix_outbox_server_task", "outbox", ["batch", "site", "server_task"])
    op.create_table(
        "predictions",
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("score", sa.Double(), nullable=True),
        sa.Column("regions", sa.JSON(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("sent", sa.Boolean(), nullable=False),
        sa.Column("imported_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_predictions_item_key")),
        sa.PrimaryKeyConstraint("item_key", "model", "version", name=op.f("pk_predictions")),
    )


def downgrade() -> None:
    raise NotImplementedError("what several sites hold does not fit the earlier tables; restore the backup made before")
