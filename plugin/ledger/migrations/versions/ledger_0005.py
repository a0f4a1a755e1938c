"""What operators did by hand, calls without personal data any more, and calls that are only tried out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0005"
down_revision = "ledger_0004"
branch_labels = None
depends_on = None

_UNPURGED = sa.text("purged_at IS NULL")
_FINISHED = sa.text("finished_at IS NOT NULL")


def upgrade() -> None:
    """Add the table, the columns and the indexes; every call so far was meant and keeps what it holds."""
    op.create_table(
        "acts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("act", sa.String(length=12), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("delivery_ref", sa.Integer(), nullable=True),
        sa.Column("call_ref", sa.Integer(), nullable=True),
        sa.Column("details", sa.JSON(), nullable=True),
        sa.ForeignKeyConstraint(["delivery_ref"], ["deliveries.id"], name=op.f("fk_acts_delivery_ref_deliveries")),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_acts_call_ref_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acts")),
    )
    for column in ("delivery_ref", "call_ref"):
        op.create_index(op.f(f"ix_acts_{column}"), "acts", [column])
    op.create_index("ix_acts_act_at", "acts", ["act", "at"])
    # With a default of the database, so that no row has to be rewritten and a version before this one can still write.
    op.add_column("calls", sa.Column("dry_run", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("calls", sa.Column("purged_at", sa.DateTime(), nullable=True))
    op.create_index(
        "ix_calls_unpurged", "calls", ["last_occurred_at"], sqlite_where=_UNPURGED, postgresql_where=_UNPURGED
    )
    op.create_index(
        "ix_deliveries_finished", "deliveries", ["finished_at"], sqlite_where=_FINISHED, postgresql_where=_FINISHED
    )


def downgrade() -> None:
    """Drop them; what was purged stays so."""
    op.drop_index("ix_deliveries_finished", "deliveries")
    op.drop_index("ix_calls_unpurged", "calls")
    op.drop_column("calls", "purged_at")
    op.drop_column("calls", "dry_run")
    op.drop_table("acts")
