"""Cards whose fields the rules need and that could not be read when their events came in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0024"
down_revision = "ledger_0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and a column for what is read late."""
    op.add_column("events", sa.Column("card_facts", sa.JSON()))
    op.create_table(
        "unread_cards",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=False),
        sa.Column("event_ref", sa.Integer(), nullable=False),
        sa.Column("fields", sa.JSON(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_unread_cards_call_ref_calls")),
        sa.ForeignKeyConstraint(["event_ref"], ["events.id"], name=op.f("fk_unread_cards_event_ref_events")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unread_cards")),
    )
    op.create_index("ix_unread_cards_call_ref", "unread_cards", ["call_ref"])
    op.create_index("ix_unread_cards_not_before", "unread_cards", ["not_before"])


def downgrade() -> None:
    """Drop it: what was decided without those fields stays so."""
    op.drop_table("unread_cards")
    op.drop_column("events", "card_facts")
