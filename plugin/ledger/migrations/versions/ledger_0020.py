"""What kind of change each activation was, who agreed to it, and rules that wait for another person's word."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0020"
down_revision = "ledger_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column("activations", sa.Column("kind", sa.String(12), nullable=True))
    op.add_column("activations", sa.Column("approved_by", sa.Text(), nullable=True))
    op.create_table(
        "rule_reviews",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(64), nullable=False),
        sa.Column("act", sa.String(8), nullable=False),
        sa.Column("over", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["revision"], ["revisions.revision"], name=op.f("fk_rule_reviews_revision_revisions")),
        sa.ForeignKeyConstraint(["over"], ["activations.id"], name=op.f("fk_rule_reviews_over_activations")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rule_reviews")),
    )
    op.create_index("ix_rule_reviews_revision", "rule_reviews", ["revision"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("rule_reviews")
    op.drop_column("activations", "approved_by")
    op.drop_column("activations", "kind")
