"""Revisions keep the texts of their files, so that they can be exported to the byte as they were published."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; revisions that are there already have no texts."""
    op.add_column("revisions", sa.Column("files", sa.JSON(), nullable=True))


def downgrade() -> None:
    """Drop the texts; the content that decides stays."""
    op.drop_column("revisions", "files")
