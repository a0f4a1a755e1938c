"""Circuit breakers, alerts with their mails, and indexes for backlogs and silent sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "ledger_0004"
down_revision = "ledger_0003"
branch_labels = None
depends_on = None

_OPEN = "state IN ('pending', 'leased', 'unknown', 'waiting')"
_TO_CRM = sa.text(f"{_OPEN} AND kind != 'smtp_email'")
_TO_MAIL = sa.text(f"{_OPEN} AND kind = 'smtp_email'")
_PARKED = sa.text("state = 'parked'")
_STANDING = sa.text("closed_at IS NULL")
_END_UNTOLD = sa.text("closed_at IS NOT NULL AND batch IS NOT NULL AND end_batch IS NULL")
_UNSENT = sa.text("state = 'pending'")


def upgrade() -> None:
    """Create the tables and indexes."""
    for name, where in (("ix_deliveries_crm", _TO_CRM), ("ix_deliveries_mail", _TO_MAIL)):
        op.create_index(name, "deliveries", ["deadline_at", "not_before"], sqlite_where=where, postgresql_where=where)
    op.create_index(
        "ix_deliveries_parked", "deliveries", ["deadline_at"], sqlite_where=_PARKED, postgresql_where=_PARKED
    )
    op.create_index("ix_events_source_received_at", "events", ["source", "received_at"])
    _create_breakers()
    _create_alerts()
    _create_alert_mails()


def downgrade() -> None:
    """Drop them; nothing that was promised is lost."""
    for table in ("alert_mails", "alerts", "breakers"):
        op.drop_table(table)
    op.drop_index("ix_events_source_received_at", "events")
    for name in ("ix_deliveries_parked", "ix_deliveries_mail", "ix_deliveries_crm"):
        op.drop_index(name, "deliveries")


def _create_breakers() -> None:
    op.create_table(
        "breakers",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("suspects", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime()),
        sa.Column("probed_at", sa.DateTime()),
        sa.Column("probe_wait", sa.Float()),
        sa.Column("why", sa.Text()),
        sa.PrimaryKeyConstraint("account", name=op.f("pk_breakers")),
    )


def _create_alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("subject", sa.Integer()),
        sa.Column("about", sa.JSON(), nullable=False),
        sa.Column("opened_at", sa.DateTime(), nullable=False),
        sa.Column("notified_at", sa.DateTime()),
        sa.Column("closed_at", sa.DateTime()),
        sa.Column("batch", sa.String(length=64)),
        sa.Column("end_batch", sa.String(length=64)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alerts")),
    )
    op.create_index(
        "uq_alerts_cause", "alerts", ["cause"], unique=True, sqlite_where=_STANDING, postgresql_where=_STANDING
    )
    op.create_index("ix_alerts_end_untold", "alerts", ["id"], sqlite_where=_END_UNTOLD, postgresql_where=_END_UNTOLD)
    op.create_index("ix_alerts_batch", "alerts", ["batch"])


def _create_alert_mails() -> None:
    op.create_table(
        "alert_mails",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("batch", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("over", sa.Boolean(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("not_before", sa.DateTime(), nullable=False),
        sa.Column("owner", sa.Text()),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("finished_at", sa.DateTime()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_mails")),
        sa.UniqueConstraint("batch", "address", name=op.f("uq_alert_mails_batch_address")),
    )
    op.create_index("ix_alert_mails_due", "alert_mails", ["not_before"], sqlite_where=_UNSENT, postgresql_where=_UNSENT)
    op.create_index("ix_alert_mails_kind", "alert_mails", ["kind", "over", "created_at"])
