"""Time stamps of the chain's heads by an RFC 3161 service; deliveries planned outside an event are chained."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0030"
down_revision = "ledger_0029"
branch_labels = None
depends_on = None


#: What was planned later than its decision, and has no entry of its own yet.
_PLANNED_LATER = """
    INSERT INTO chain_queue (kind, ref, call_ref)
    SELECT 'delivery', deliveries.id, deliveries.call_ref FROM deliveries
    JOIN decisions ON decisions.id = deliveries.decision_ref
    WHERE deliveries.created_at <> decisions.created_at
    AND NOT EXISTS (SELECT 1 FROM chain WHERE kind = 'delivery' AND ref = deliveries.id)
"""


def upgrade() -> None:
    """Add the table; deliveries that are planned outside an event are chained from the start now."""
    op.create_table(
        "chain_stamps",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("link", sa.String(64), nullable=False),
        sa.Column("checked_at", sa.DateTime(), nullable=False),
        sa.Column("answer", sa.LargeBinary(), nullable=True),
        sa.Column("stamped_at", sa.DateTime(), nullable=True),
        sa.Column("next_try_at", sa.DateTime(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_chain_stamps")),
        sa.UniqueConstraint("seq", "link", name=op.f("uq_chain_stamps_seq_link")),
    )
    op.execute(_PLANNED_LATER)


def downgrade() -> None:
    """Drop it: the stamps are forgotten."""
    op.drop_table("chain_stamps")
