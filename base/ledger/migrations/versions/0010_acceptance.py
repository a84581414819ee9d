"""inspection of lots, adjudications, gold, waivers."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from yuelu.base.ledger.types import UtcTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None
_INT = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = UtcTime(timezone=True)
_OPEN = sa.text("state = 'open'")


def upgrade() -> None:
    _lots()
    _settling()


def _column(name: str, kind: Any, *, null: bool = False) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=null)


def _lots() -> None:
    op.create_table(
        "lots",
        *(_column(name, sa.String()) for name in ("id", "batch", "company")),
        _column("number", _INT),
        *(_column(name, sa.String()) for name in ("work", "state", "list_digest")),
        _column("size", _INT),
        *(_column(name, sa.String()) for name in ("level", "counting")),
        _column("classes", sa.JSON()),
        _column("resubmitted", sa.Boolean()),
        _column("seed", sa.String(), null=True),
        _column("frozen_at", _TIME),
        *(_column(name, _TIME, null=True) for name in ("drawn_at", "decided_at")),
        _column("accepted", sa.Boolean(), null=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_lots_batch")),
        sa.ForeignKeyConstraint(["company"], ["companies.name"], name=op.f("fk_lots_company")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lots")),
        sa.UniqueConstraint("batch", "company", "number", name=op.f("uq_lots_batch_company_number")),
    )
    op.create_table(
        "lot_items",
        *(_column(name, sa.String()) for name in ("lot", "item_key")),
        _column("rank", _INT),
        _column("content", sa.String()),
        _column("reviewer", sa.String(), null=True),
        _column("found", sa.JSON()),
        _column("codes", sa.JSON()),
        _column("comment", sa.String(), null=True),
        _column("inspected_at", _TIME, null=True),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_lot_items_item_key")),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_lot_items_lot")),
        sa.PrimaryKeyConstraint("lot", "item_key", name=op.f("pk_lot_items")),
    )
    op.create_table(
        "lot_results",
        sa.Column("id", _INT, autoincrement=True, nullable=False),
        *(_column(name, sa.String()) for name in ("company", "work", "defect")),
        _column("lot", sa.String(), null=True),
        _column("plan", sa.JSON()),
        _column("found", _INT),
        *(_column(name, sa.Boolean()) for name in ("accepted", "steady", "approved", "resubmitted")),
        _column("action", sa.String(), null=True),
        _column("standing", sa.JSON()),
        _column("decided_at", _TIME),
        sa.ForeignKeyConstraint(["company"], ["companies.name"], name=op.f("fk_lot_results_company")),
        sa.ForeignKeyConstraint(["lot"], ["lots.id"], name=op.f("fk_lot_results_lot")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lot_results")),
    )
    op.create_index("ix_lot_results_company_work", "lot_results", ["company", "work"])


def _settling() -> None:
    op.create_table(
        "adjudications",
        sa.Column("id", _INT, autoincrement=True, nullable=False),
        *(_column(name, sa.String()) for name in ("item_key", "reviewer", "mode", "state")),
        _column("opened_at", _TIME),
        _column("ended_at", _TIME, null=True),
        *(_column(name, sa.String(), null=True) for name in ("code", "correction")),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_adjudications_item_key")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_adjudications")),
    )
    op.create_index(
        "uq_adjudications_open", "adjudications", ["item_key"], unique=True, sqlite_where=_OPEN, postgresql_where=_OPEN
    )
    op.create_index("ix_adjudications_reviewer", "adjudications", ["reviewer"])
    op.create_table(
        "gold",
        *(_column(name, sa.String()) for name in ("item_key", "correction", "state", "proposed_by")),
        _column("proposed_at", _TIME),
        *(_column(name, sa.String(), null=True) for name in ("decided_by", "reason")),
        _column("decided_at", _TIME, null=True),
        sa.ForeignKeyConstraint(["correction"], ["corrections.id"], name=op.f("fk_gold_correction")),
        sa.ForeignKeyConstraint(["item_key"], ["tasks.item_key"], name=op.f("fk_gold_item_key")),
        sa.PrimaryKeyConstraint("item_key", name=op.f("pk_gold")),
    )
    op.create_table(
        "waivers",
        *(_column(name, sa.String()) for name in ("id", "batch", "decision", "rule", "owner", "reason")),
        *(_column(name, _TIME) for name in ("granted_at", "expires_at")),
        _column("revoked_at", _TIME, null=True),
        _column("revoked_by", sa.String(), null=True),
        sa.ForeignKeyConstraint(["batch"], ["batches.id"], name=op.f("fk_waivers_batch")),
        sa.ForeignKeyConstraint(["decision"], ["decisions.id"], name=op.f("fk_waivers_decision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_waivers")),
    )
    op.create_index(op.f("ix_waivers_batch"), "waivers", ["batch"])


def downgrade() -> None:
    for table in ("waivers", "gold", "adjudications", "lot_results", "lot_items", "lots"):
        op.drop_table(table)
