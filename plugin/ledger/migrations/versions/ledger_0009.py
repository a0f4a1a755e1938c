"""Whether an account that is away was shut by the CRM itself, until a human has that lifted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0009"
down_revision = "ledger_0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no account so far was known to be shut."""
    # With a default of the database, so that a version before this one can still write.
    op.add_column("breakers", sa.Column("blocked", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Drop it; such an account is away like any other then."""
    op.drop_column("breakers", "blocked")
