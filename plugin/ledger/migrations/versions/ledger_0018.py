"""Calls to numbers that were excluded, and how far the calls were looked at for that."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0018"
down_revision = "ledger_0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "refused_calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("call_key", sa.String(64), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("occurred_at", sa.DateTime(), nullable=False),
        sa.Column("noticed_at", sa.DateTime(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_refused_calls_call_ref_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_refused_calls")),
    )
    op.create_index("ix_refused_calls_call_key", "refused_calls", ["call_key"])
    op.create_index("ix_refused_calls_noticed_at", "refused_calls", ["noticed_at", "source"])
    op.create_table(
        "positions",
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_positions")),
    )


def downgrade() -> None:
    """Drop them."""
    op.drop_table("positions")
    op.drop_table("refused_calls")
