"""Cards that could not be read when their events came in, and revisions that decide calls as shadows."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0024"
down_revision = "ledger_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
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
    op.create_table(
        "shadows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("began_at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("after", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["revision"], ["revisions.revision"], name=op.f("fk_shadows_revision_revisions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadows")),
    )
    op.create_table(
        "shadow_differences",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("shadow_ref", sa.Integer(), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("old", sa.Text(), nullable=False),
        sa.Column("new", sa.Text(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["shadow_ref"], ["shadows.id"], name=op.f("fk_shadow_differences_shadow_ref_shadows")),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_shadow_differences_call_ref_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shadow_differences")),
    )
    op.create_index("ix_shadow_differences_shadow_ref", "shadow_differences", ["shadow_ref"])


def downgrade() -> None:
    """Drop them: what was decided without the cards' fields stays so, and what shadows came to is forgotten."""
    op.drop_table("shadow_differences")
    op.drop_table("shadows")
    op.drop_table("unread_cards")
