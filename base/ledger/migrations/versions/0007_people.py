"""people who sign in, packets with a time limit, and what is sent from them."""

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

from yuelu.base.canonical import digest
from yuelu.base.ledger.types import UtcTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_LIVE = sa.text("state <> 'released'")
_PENDING = sa.text("state = 'pending'")
_DUE = timedelta(days=7)  # what leases without a limit are given


def upgrade() -> None:
    op.execute("CREATE TABLE leased_before AS SELECT item_key, annotator FROM packets")
    op.drop_table("packets")
    _people()
    packets = _packets()
    _sent()
    _move(packets)
    op.drop_table("leased_before")


def _people() -> None:
    with op.batch_alter_table("annotators", schema=None) as batch_op:
        batch_op.add_column(sa.Column("state", sa.String(), nullable=False, server_default="active"))
        batch_op.add_column(sa.Column("password", sa.String(), nullable=True))
        batch_op.add_column(sa.Column("created_at", UtcTime(timezone=True), nullable=True))
    op.create_table(
        "sessions",
        sa.Column("token", sa.String(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("created_at", UtcTime(timezone=True), nullable=False),
        sa.Column("expires_at", UtcTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["annotator"], ["annotators.id"], name=op.f("fk_sessions_annotator")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_sessions")),
    )
    op.create_index(op.f("ix_sessions_annotator"), "sessions", ["annotator"])
    op.create_index(op.f("ix_sessions_expires_at"), "sessions", ["expires_at"])
    op.create_table(
        "sign_in_tries",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("since", UtcTime(timezone=True), nullable=False),
        sa.Column("tries", _INTEGER, nullable=False),
        sa.PrimaryKeyConstraint("name", "address", name=op.f("pk_sign_in_tries")),
    )
    op.create_index(op.f("ix_sign_in_tries_since"), "sign_in_tries", ["since"])


def _packets() -> sa.Table:
    packets = op.create_table(
        "packets",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("batch", sa.String(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("company", sa.String(), nullable=False),
        sa.Column("round", _INTEGER, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("opened_at", UtcTime(timezone=True), nullable=False),
        sa.Column("due_at", UtcTime(timezone=True), nullable=False),
        sa.Column("closed_at", UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["project"], ["projects.name"], name=op.f("fk_packets_project")),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_packets_batch")),
        sa.ForeignKeyConstraint(["annotator"], ["annotators.id"], name=op.f("fk_packets_annotator")),
        sa.ForeignKeyConstraint(["company"], ["companies.name"], name=op.f("fk_packets_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_packets")),
    )
    op.create_index("ix_packets_batch_annotator", "packets", ["batch", "annotator"])
    op.create_index("ix_packets_annotator_state", "packets", ["annotator", "state"])
    op.create_index("ix_packets_state_due_at", "packets", ["state", "due_at"])
    op.create_table(
        "packet_tasks",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["packet"], ["packets.id"], name=op.f("fk_packet_tasks_packet")),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_packet_tasks_item_key")),
        sa.ForeignKeyConstraint(["annotator"], ["annotators.id"], name=op.f("fk_packet_tasks_annotator")),
        sa.PrimaryKeyConstraint("packet", "item_key", name=op.f("pk_packet_tasks")),
    )
    op.create_index(
        "uq_packet_tasks_live",
        "packet_tasks",
        ["item_key", "annotator"],
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    )
    return packets


def _sent() -> None:
    op.create_table(
        "submissions",
        sa.Column("uid", sa.String(), nullable=False),
        sa.Column("version", _INTEGER, nullable=False),
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("received_at", UtcTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("lead_time_s", sa.Double(), nullable=True),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("server_annotation", _INTEGER, nullable=True),
        sa.Column("delivered_at", UtcTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["packet"], ["packets.id"], name=op.f("fk_submissions_packet")),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_submissions_item_key")),
        sa.ForeignKeyConstraint(["annotator"], ["annotators.id"], name=op.f("fk_submissions_annotator")),
        sa.PrimaryKeyConstraint("uid", "version", name=op.f("pk_submissions")),
    )
    op.create_index("ix_submissions_item_key_annotator", "submissions", ["item_key", "annotator"])
    op.create_index(
        "ix_submissions_pending",
        "submissions",
        ["received_at", "uid"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )
    op.create_table(
        "drafts",
        sa.Column("packet", sa.String(), nullable=False),
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.Column("saved_at", UtcTime(timezone=True), nullable=False),
        sa.Column("result", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["packet"], ["packets.id"], name=op.f("fk_drafts_packet")),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_drafts_item_key")),
        sa.ForeignKeyConstraint(["annotator"], ["annotators.id"], name=op.f("fk_drafts_annotator")),
        sa.PrimaryKeyConstraint("packet", "item_key", name=op.f("pk_drafts")),
    )


def _move(packets: sa.Table) -> None:
    """Put what was leased before into one packet for each annotator, batch and round. Those with open tasks get a limit."""
    connection, now = op.get_bind(), datetime.now(UTC)
    leased = connection.execute(
        sa.text(
            "SELECT t.batch, t.round, l.annotator, b.project, a.company, p.created_at,"
            " max(CASE WHEN t.state IN ('new', 'dispatched') THEN 1 ELSE 0 END) AS unfinished"
            " FROM leased_before l JOIN tasks t ON t.item_key = l.item_key JOIN batches b ON b.id = t.batch"
            " JOIN projects p ON p.name = b.project JOIN annotators a ON a.id = l.annotator"
            " GROUP BY t.batch, t.round, l.annotator, b.project, a.company, p.created_at"
        ).columns(created_at=UtcTime(timezone=True))
    ).all()
    rows = [
        {
            "id": digest({"batch": each.batch, "annotator": each.annotator, "round": each.round, "moved": True})[:16],
            "project": each.project,
            "batch": each.batch,
            "annotator": each.annotator,
            "company": each.company,
            "round": each.round,
            "state": "open" if each.unfinished else "closed",
            "opened_at": each.created_at,
            "due_at": now + _DUE,
            "closed_at": None if each.unfinished else now,
        }
        for each in leased
    ]
    if rows:
        op.bulk_insert(packets, rows)
    op.execute(
        "INSERT INTO packet_tasks (packet, item_key, annotator, state)"
        " SELECT p.id, l.item_key, l.annotator, 'held' FROM leased_before l JOIN tasks t ON t.item_key = l.item_key"
        " JOIN packets p ON p.batch = t.batch AND p.round = t.round AND p.annotator = l.annotator"
    )


def downgrade() -> None:
    op.execute("CREATE TABLE leased_now AS SELECT item_key, annotator FROM packet_tasks WHERE state <> 'released'")
    for table in ("drafts", "submissions", "packet_tasks", "packets", "sign_in_tries", "sessions"):
        op.drop_table(table)
    with op.batch_alter_table("annotators", schema=None) as batch_op:
        for column in ("created_at", "password", "state"):
            batch_op.drop_column(column)
    op.create_table(
        "packets",
        sa.Column("item_key", sa.String(), nullable=False),
        sa.Column("annotator", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["annotator"], ["annotators.id"], name=op.f("fk_packets_annotator")),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_packets_item_key")),
        sa.PrimaryKeyConstraint("item_key", "annotator", name=op.f("pk_packets")),
    )
    op.execute("INSERT INTO packets (item_key, annotator) SELECT item_key, annotator FROM leased_now")
    op.drop_table("leased_now")
