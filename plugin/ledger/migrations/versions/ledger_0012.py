"""How far it was read from each CRM what changed there while its events reached nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0012"
down_revision = "ledger_0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "catch_ups",
        sa.Column("account", sa.String(100), nullable=False),
        sa.Column("covered_at", sa.DateTime(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("began_at", sa.DateTime(), nullable=True),
        sa.Column("next_since", sa.DateTime(), nullable=True),
        sa.Column("not_before", sa.DateTime(), nullable=True),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("failing_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_catch_ups")),
    )


def downgrade() -> None:
    """Drop it; what was to be read is forgotten."""
    op.drop_table("catch_ups")
