"""Several machines on one ledger: the quota they share, and claims that cost the same however many rows there are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None

_OPEN = sa.text("state IN ('pending', 'leased', 'unknown', 'waiting')")
_TAKES_BACK = sa.text("withdraws IS NOT NULL")
_DUE = "ix_deliveries_due"
# What is due is a small part of a large table whose rows change several times each: PostgreSQL's own threshold, a share
# of the whole table, would leave the index full of dead entries for days.
_VACUUM = "autovacuum_vacuum_scale_factor", "autovacuum_analyze_scale_factor"


def upgrade() -> None:
    """Add the shared quota; order the index on what is due as claims do, so that many due at once need no sorting."""
    op.create_table(
        "quotas",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("full_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_quotas")),
    )
    _index("not_before", "id")
    # Without it, deleting a delivery looks through all of them for one that takes it back.
    op.create_index(
        "ix_deliveries_withdraws", "deliveries", ["withdraws"], sqlite_where=_TAKES_BACK, postgresql_where=_TAKES_BACK
    )
    if op.get_bind().dialect.name == "postgresql":
        for table in ("deliveries", "quotas"):
            op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = 0.01' for name in _VACUUM)})")


def downgrade() -> None:
    """Put the index back; the quota is forgotten."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE deliveries RESET ({', '.join(_VACUUM)})")
    op.drop_index("ix_deliveries_withdraws", "deliveries")
    _index("not_before")
    op.drop_table("quotas")


def _index(*columns: str) -> None:
    op.drop_index(_DUE, "deliveries")
    op.create_index(_DUE, "deliveries", list(columns), sqlite_where=_OPEN, postgresql_where=_OPEN)
