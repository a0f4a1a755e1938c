"""The console: longer names of roles, and what one act did to many things."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0023"
down_revision = "ledger_0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the role, add the table."""
    _widen(16)
    op.create_table(
        "bulk_acts",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("act", sa.String(12), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("filter", sa.JSON(), nullable=False),
        sa.Column("results", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_bulk_acts"),
    )
    op.create_index("ix_bulk_acts_at", "bulk_acts", ["at"])


def downgrade() -> None:
    """Drop it; a role that a former version does not know becomes an operator's."""
    op.drop_table("bulk_acts")
    op.execute("UPDATE users SET role = 'operator' WHERE role NOT IN ('operator', 'admin')")
    _widen(8)


def _widen(signs: int) -> None:
    if op.get_bind().dialect.name != "sqlite":
        op.alter_column("users", "role", type_=sa.String(signs), existing_nullable=False)
        return
    # SQLite changes no column's type, and copying the table would end the sessions that refer to it.
    op.add_column("users", sa.Column("wider", sa.String(signs), nullable=False, server_default="operator"))
    op.execute("UPDATE users SET wider = role")
    op.drop_column("users", "role")
    op.execute("ALTER TABLE users RENAME COLUMN wider TO role")
