"""What an admin has to mend before a delivery that waits for it can go out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0015"
down_revision = "ledger_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index of those that have it."""
    op.add_column("deliveries", sa.Column("mend", sa.Text()))
    where = sa.text("mend IS NOT NULL")
    op.create_index("ix_deliveries_mend", "deliveries", ["mend", "id"], sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop both; the reasons stand beside the deliveries all the same."""
    op.drop_index("ix_deliveries_mend", table_name="deliveries")
    op.drop_column("deliveries", "mend")
