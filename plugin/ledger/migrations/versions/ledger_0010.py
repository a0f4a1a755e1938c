"""Where each delivery was written and what it said, and which earlier decisions it took back in which card."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0010"
down_revision = "ledger_0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; of what was written before, the card is that of its decision, and the text that was planned."""
    op.add_column("deliveries", sa.Column("corrects", sa.Integer()))
    op.add_column("deliveries", sa.Column("corrections", sa.JSON()))
    op.add_column("deliveries", sa.Column("card", sa.JSON()))
    op.add_column("deliveries", sa.Column("sent_text", sa.Text()))
    op.add_column("deliveries", sa.Column("corrected", sa.JSON()))


def downgrade() -> None:
    """Drop them; what is still to be corrected goes by what the rows say without them."""
    for name in ("corrected", "sent_text", "card", "corrections", "corrects"):
        op.drop_column("deliveries", name)
