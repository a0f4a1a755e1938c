"""The suppression list: what calls and people say of numbers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0017"
down_revision = "ledger_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; it begins empty: ``optout suppression import`` brings in what was excluded before."""
    op.create_table(
        "suppressions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(16), nullable=False),
        sa.Column("suppresses", sa.Boolean(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=True),
        sa.Column("by", sa.Text(), nullable=True),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(), nullable=True),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_suppressions_call_ref_calls")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
    )
    stands, of_call = sa.text("withdrawn_at IS NULL"), sa.text("call_ref IS NOT NULL")
    op.create_index(
        "ix_suppressions_number",
        "suppressions",
        ["number", "scope", "at", "id", "suppresses", "withdrawn_at"],
        sqlite_where=stands,
        postgresql_where=stands,
    )
    op.create_index(
        "ix_suppressions_call_ref", "suppressions", ["call_ref"], sqlite_where=of_call, postgresql_where=of_call
    )
    op.create_index("ix_suppressions_changed_at", "suppressions", ["changed_at", "number"])


def downgrade() -> None:
    """Drop it: nothing tells any more whom not to call."""
    op.drop_table("suppressions")
