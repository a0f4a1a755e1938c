"""Drafts of the rules, and their edits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0025"
down_revision = "ledger_0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "drafts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("files", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("changed_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["base"], ["revisions.revision"], name=op.f("fk_drafts_base")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_drafts")),
        sa.UniqueConstraint("owner", "script", name=op.f("uq_drafts_owner_script")),
    )
    op.create_table(
        "draft_edits",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("draft_ref", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["draft_ref"], ["drafts.id"], name=op.f("fk_draft_edits_draft_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft_edits")),
        sa.UniqueConstraint("draft_ref", "number", name=op.f("uq_draft_edits_draft_ref_number")),
    )


def downgrade() -> None:
    """Drop them; what was not published is lost."""
    op.drop_table("draft_edits")
    op.drop_table("drafts")
