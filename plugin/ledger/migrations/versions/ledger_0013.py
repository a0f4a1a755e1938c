"""Calls are found by their number: what a client asked for before is shown when the next call is opened."""

from __future__ import annotations

from alembic import op

revision = "ledger_0013"
down_revision = "ledger_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index."""
    op.create_index("ix_calls_phone", "calls", ["phone", "last_occurred_at"])


def downgrade() -> None:
    """Drop it."""
    op.drop_index("ix_calls_phone", "calls")
