"""Who may use the operators' page: users, sessions, and sign-ins that failed."""

from __future__ import annotations

revision = "ledger_0007"
down_revision = "ledger_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""


def downgrade() -> None:
    """Drop them."""
