"""The ledger's first tables: rules, calls, events, decisions, deliveries and their attempts.

Types and conditions are written out, so that later changes of the schema module do not change this step.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = None
depends_on = None

_UNFINISHED = sa.text("unfinished_at IS NOT NULL")
_OPEN = sa.text("state IN ('pending', 'leased', 'unknown', 'waiting')")


def upgrade() -> None:
    """Create everything."""
    _create_revisions()
    _create_activations()
    _create_calls()
    _create_events()
    _create_decisions()
    _create_deliveries()
    _create_attempts()


def downgrade() -> None:
    """Drop everything, and with it every record of what was promised."""
    for table in ("attempts", "deliveries", "decisions", "events", "calls", "activations", "revisions"):
        op.drop_table(table)


def _create_revisions() -> None:
    op.create_table(
        "revisions",
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("content", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_revisions")),
    )


def _create_activations() -> None:
    op.create_table(
        "activations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("activated_at", sa.DateTime(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["revision"], ["revisions.revision"], name=op.f("fk_activations_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activations")),
    )


def _create_calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("namespace", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("script", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text()),
        sa.Column("operator", sa.Text()),
        sa.Column("card_type", sa.Text()),
        sa.Column("card_id", sa.Text()),
        sa.Column("card_name", sa.Text()),
        sa.Column("card_url", sa.Text()),
        sa.Column("note", sa.Text()),
        sa.Column("first_occurred_at", sa.DateTime(), nullable=False),
        sa.Column("last_occurred_at", sa.DateTime(), nullable=False),
        sa.Column("deadline_at", sa.DateTime(), nullable=False),
        sa.Column("late", sa.Boolean(), nullable=False),
        sa.Column("decision_number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("unfinished_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calls")),
        sa.UniqueConstraint("namespace", "call_id", "generation", name=op.f("uq_calls_namespace_call_id_generation")),
    )
    op.create_index(
        "ix_calls_unfinished_at", "calls", ["unfinished_at"], sqlite_where=_UNFINISHED, postgresql_where=_UNFINISHED
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(), nullable=False),
        sa.Column("occurred_at", sa.DateTime()),
        sa.Column("call_ref", sa.Integer()),
        sa.Column("facts", sa.JSON()),
        sa.Column("final", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.String(length=64)),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_events_call_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("source", "event_id", name=op.f("uq_events_source_event_id")),
    )
    op.create_index(op.f("ix_events_call_ref"), "events", ["call_ref"])


def _create_decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text()),
        sa.Column("event_ref", sa.Integer()),
        sa.Column("revision", sa.String(length=64), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("decision", sa.JSON(), nullable=False),
        sa.Column("target", sa.JSON()),
        sa.Column("card", sa.JSON()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_decisions_call_ref")),
        sa.ForeignKeyConstraint(["event_ref"], ["events.id"], name=op.f("fk_decisions_event_ref")),
        sa.ForeignKeyConstraint(["revision"], ["revisions.revision"], name=op.f("fk_decisions_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
        sa.UniqueConstraint("call_ref", "number", "outcome", name=op.f("uq_decisions_call_ref_number_outcome")),
    )


def _create_deliveries() -> None:
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=False),
        sa.Column("decision_ref", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("role", sa.Text()),
        sa.Column("subject", sa.Text()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("fallback_text", sa.Text()),
        sa.Column("due_at", sa.DateTime()),
        sa.Column("deadline_at", sa.DateTime(), nullable=False),
        sa.Column("withdraws", sa.Integer()),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("lease_until", sa.DateTime()),
        sa.Column("sent_at", sa.DateTime()),
        sa.Column("cancel", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("remote_id", sa.Text()),
        sa.Column("assignee", sa.JSON()),
        sa.Column("why", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_deliveries_call_ref")),
        sa.ForeignKeyConstraint(["decision_ref"], ["decisions.id"], name=op.f("fk_deliveries_decision_ref")),
        sa.ForeignKeyConstraint(["withdraws"], ["deliveries.id"], name=op.f("fk_deliveries_withdraws")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("key", name=op.f("uq_deliveries_key")),
    )
    op.create_index(op.f("ix_deliveries_call_ref"), "deliveries", ["call_ref"])
    op.create_index(op.f("ix_deliveries_decision_ref"), "deliveries", ["decision_ref"])
    op.create_index("ix_deliveries_due", "deliveries", ["not_before"], sqlite_where=_OPEN, postgresql_where=_OPEN)


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("delivery_ref", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.Column("step", sa.String(length=8), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("status", sa.Integer()),
        sa.Column("code", sa.Text()),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_ref"], ["deliveries.id"], name=op.f("fk_attempts_delivery_ref")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    op.create_index(op.f("ix_attempts_delivery_ref"), "attempts", ["delivery_ref"])
