"""Promises and the reminders that keep them; those of calls of the last month are taken in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from alembic import op

revision = "ledger_0021"
down_revision = "ledger_0020"
branch_labels = None
depends_on = None

#: What was promised longer ago is not asked about any more.
_REACHES_BACK = timedelta(days=31)
_UNSETTLED = "state IN ('open', 'written', 'broken')"
#: The standing decision of each call that reminds somebody; what older versions left unfinished counts by its id.
_TAKE_IN = """
    INSERT INTO promises (call_ref, decision_ref, state, deadline_at, due_by, watched_from, changed_at)
    SELECT c.id, d.id, 'open', c.deadline_at,
           CASE WHEN c.late THEN d.created_at ELSE c.deadline_at END, :now, :now
    FROM calls c JOIN decisions d ON d.id = (SELECT max(latest.id) FROM decisions latest WHERE latest.call_ref = c.id)
    WHERE c.deadline_at >= :since AND c.purged_at IS NULL AND NOT c.dry_run
      AND EXISTS (SELECT 1 FROM deliveries r WHERE r.decision_ref = d.id AND r.kind = 'reminder'
                  AND r.withdraws IS NULL AND r.corrects IS NULL AND r.state <> 'cancelled')
"""


def upgrade() -> None:
    """Add the tables, and what was promised lately: the watch finds out how far that is."""
    time = sa.DateTime()
    op.create_table(
        "promises",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=False),
        sa.Column("decision_ref", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        *(sa.Column(name, time, nullable=False) for name in ("deadline_at", "due_by", "watched_from")),
        *(sa.Column(name, time, nullable=True) for name in ("written_at", "ended_at")),
        sa.Column("changed_at", time, nullable=False),
        sa.Column("escalated_to", time, nullable=True),
        sa.ForeignKeyConstraint(["call_ref"], ["calls.id"], name=op.f("fk_promises_call_ref_calls")),
        sa.ForeignKeyConstraint(["decision_ref"], ["decisions.id"], name=op.f("fk_promises_decision_ref_decisions")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
        sa.UniqueConstraint("call_ref", name=op.f("uq_promises_call_ref")),
    )
    unsettled = sa.text(_UNSETTLED)
    op.create_index(
        "ix_promises_unsettled", "promises", ["due_by", "id"], sqlite_where=unsettled, postgresql_where=unsettled
    )
    op.create_index("ix_promises_ended_at", "promises", ["ended_at", "state"])
    op.create_index("ix_promises_deadline_at", "promises", ["deadline_at"])
    _watched_reminders()
    now = datetime.now(UTC).replace(tzinfo=None)
    moments = [sa.bindparam("now", now, sa.DateTime()), sa.bindparam("since", now - _REACHES_BACK, sa.DateTime())]
    op.get_bind().execute(sa.text(_TAKE_IN).bindparams(*moments))


def _watched_reminders() -> None:
    time, reference = sa.DateTime(), sa.ForeignKeyConstraint
    op.create_table(
        "watched_reminders",
        sa.Column("delivery_ref", sa.Integer(), nullable=False),
        sa.Column("call_ref", sa.Integer(), nullable=False),
        sa.Column("remote_id", sa.Text(), nullable=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("due_by", time, nullable=False),
        *(sa.Column(name, time, nullable=True) for name in ("looked_at", "next_look_at")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("owner", "done_by")),
        sa.Column("done_at", time, nullable=True),
        sa.Column("done_through", sa.String(8), nullable=True),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("first_person", "person")),
        *(sa.Column(name, time, nullable=True) for name in ("first_due", "due")),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_missing", "is_reassigned", "is_postponed")),
        sa.Column("noticed_at", time, nullable=True),
        reference(["delivery_ref"], ["deliveries.id"], name=op.f("fk_watched_reminders_delivery_ref_deliveries")),
        reference(["call_ref"], ["calls.id"], name=op.f("fk_watched_reminders_call_ref_calls")),
        sa.PrimaryKeyConstraint("delivery_ref", name=op.f("pk_watched_reminders")),
    )
    op.create_index("ix_watched_reminders_call_ref", "watched_reminders", ["call_ref"])
    for name, where, columns in (
        ("ix_watched_reminders_next", "state = 'open' AND next_look_at IS NOT NULL", ["next_look_at", "due_by"]),
        ("ix_watched_reminders_noticed_at", "noticed_at IS NOT NULL", ["noticed_at"]),
    ):
        condition = sa.text(where)
        op.create_index(name, "watched_reminders", columns, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    """Drop them: nobody watches what was promised."""
    op.drop_table("watched_reminders")
    op.drop_table("promises")
