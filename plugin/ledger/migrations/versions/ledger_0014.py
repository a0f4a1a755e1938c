"""Second factors of the users of the operators' page."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0014"
down_revision = "ledger_0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "second_factors",
        sa.Column("user_ref", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("recovery", sa.JSON(), nullable=False),
        sa.Column("last_step", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("confirmed_at", sa.DateTime(), nullable=True),
        sa.ForeignKeyConstraint(["user_ref"], ["users.id"], name=op.f("fk_second_factors_user_ref_users")),
        sa.PrimaryKeyConstraint("user_ref", name=op.f("pk_second_factors")),
    )


def downgrade() -> None:
    """Drop it; users sign in by their passwords alone then."""
    op.drop_table("second_factors")
