"""What is pushed to diallers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0027"
down_revision = "ledger_0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, and the index by which what was taken back is found."""
    op.create_table(
        "pushed_numbers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("dialler", sa.String(24), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("settled_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pushed_numbers")),
        sa.UniqueConstraint("dialler", "number", name=op.f("uq_pushed_numbers_dialler_number")),
    )
    for name, columns, where in (
        ("ix_pushed_numbers_open", ["dialler", "not_before", "id"], "state = 'open'"),
        ("ix_pushed_numbers_parked", ["dialler", "id"], "state = 'parked'"),
    ):
        op.create_index(name, "pushed_numbers", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    withdrawn = sa.text("withdrawn_at IS NOT NULL")
    op.create_index(
        "ix_suppressions_withdrawn_at",
        "suppressions",
        ["withdrawn_at", "number"],
        sqlite_where=withdrawn,
        postgresql_where=withdrawn,
    )


def downgrade() -> None:
    """Drop them; what the diallers hold stays there."""
    op.drop_index("ix_suppressions_withdrawn_at", "suppressions")
    op.drop_table("pushed_numbers")
