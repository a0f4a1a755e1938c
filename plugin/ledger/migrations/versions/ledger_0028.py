"""The e-mail addresses of those who refused mailings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0028"
down_revision = "ledger_0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "suppressed_emails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("noted_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressed_emails")),
        sa.UniqueConstraint("number", "address", name=op.f("uq_suppressed_emails_number_address")),
    )
    op.create_index("ix_suppressed_emails_address", "suppressed_emails", ["address", "number"])
    op.create_table(
        "email_reads",
        sa.Column("suppression_ref", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("since", sa.DateTime(), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("suppression_ref", name=op.f("pk_email_reads")),
    )
    op.create_index("ix_email_reads_not_before", "email_reads", ["not_before"])


def downgrade() -> None:
    """Drop them: the addresses are forgotten."""
    op.drop_table("email_reads")
    op.drop_table("suppressed_emails")
