"""Revisions that decide calls as shadows beside the active one, and how they differ."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0026"
down_revision = "ledger_0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
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
    """Drop them: what shadows came to is forgotten."""
    op.drop_table("shadow_differences")
    op.drop_table("shadows")
