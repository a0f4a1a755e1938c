"""Events kept until the CRM has shown what they name, and what connected accounts keep, such as renewed tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0006"
down_revision = "ledger_0005"
branch_labels = None
depends_on = None

_STANDS = sa.text("state IN ('waiting', 'parked')")
_WAITS = sa.text("state = 'waiting'")
_PARKED = sa.text("state = 'parked'")
_FINISHED = sa.text("finished_at IS NOT NULL")


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "kept_references",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connector", sa.String(length=100), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("record", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON()),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("reports", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("faults", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("cause", sa.Text()),
        sa.Column("about", sa.JSON()),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_kept_references")),
    )
    _index("uq_kept_references_digest", ["digest"], _STANDS, unique=True)
    _index("ix_kept_references_due", ["not_before", "id"], _WAITS)
    _index("ix_kept_references_parked", ["id"], _PARKED)
    _index("ix_kept_references_finished", ["finished_at"], _FINISHED)
    op.create_table(
        "account_values",
        sa.Column("account", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("value", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", sa.DateTime()),
        sa.PrimaryKeyConstraint("account", "name", name=op.f("pk_account_values")),
    )
    if op.get_bind().dialect.name == "postgresql":
        # Few rows stand, many come and go.
        op.execute("ALTER TABLE kept_references SET (autovacuum_vacuum_scale_factor = 0.01)")


def downgrade() -> None:
    """Drop them: what still waits is lost, and tokens have to be given anew."""
    op.drop_table("account_values")
    op.drop_table("kept_references")


def _index(name: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, "kept_references", columns, unique=unique, sqlite_where=where, postgresql_where=where)
