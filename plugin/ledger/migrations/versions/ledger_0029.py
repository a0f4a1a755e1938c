"""Saved views of the console's lists, and promises of one state in the order of their deadlines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0029"
down_revision = "ledger_0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the index."""
    op.create_table(
        "saved_views",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("list", sa.String(16), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("saved_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_views")),
        sa.UniqueConstraint("owner", "list", "name", name=op.f("uq_saved_views_owner_list_name")),
    )
    op.create_index("ix_promises_state", "promises", ["state", "due_by", "call_ref"])


def downgrade() -> None:
    """Drop them; the views are lost."""
    op.drop_index("ix_promises_state", "promises")
    op.drop_table("saved_views")
