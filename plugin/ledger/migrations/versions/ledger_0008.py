"""How calls went on the operators' page: every answer, step back, note and remark with its time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0008"
down_revision = "ledger_0007"
branch_labels = None
depends_on = None

_UNPURGED = sa.text("purged_at IS NULL")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "trails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("operator", sa.Text()),
        sa.Column("about", sa.JSON()),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("tab", sa.String(length=64)),
        sa.Column("entries", sa.JSON(), nullable=False),
        sa.Column("reported", sa.JSON()),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("event_id", sa.Text()),
        sa.Column("started_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("purged_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trails")),
        sa.UniqueConstraint("namespace", "call_id", "generation", name=op.f("uq_trails_namespace_call_id_generation")),
    )
    op.create_index("ix_trails_started_at", "trails", ["started_at"])
    op.create_index("ix_trails_unpurged", "trails", ["updated_at"], sqlite_where=_UNPURGED, postgresql_where=_UNPURGED)


def downgrade() -> None:
    """Drop it; no promise rests on it."""
    op.drop_table("trails")
