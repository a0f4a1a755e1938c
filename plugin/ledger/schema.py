"""The ledger's tables of rules, calls, events, decisions, deliveries, alerts and acts.

Times are UTC. JSON columns hold what the contracts of the design spell out, never Python objects.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ColumnElement,
    DateTime,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    false,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from plugin.ledger.states import OPEN, DeliveryKind, DeliveryState

#: A JSON column that may be empty: None is SQL's NULL, not JSON's, so that ``IS NULL`` finds it.
_JSON_OR_NULL = JSON(none_as_null=True)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime, kept as UTC without an offset (SQLite knows none).

    SQLite keeps text, which is written here as SQLAlchemy does it, in half of its time.
    """

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        return _as_text if dialect.name == "sqlite" else super().bind_processor(dialect)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        return _of_text if dialect.name == "sqlite" else super().result_processor(dialect, coltype)


def _as_text(value: datetime | None) -> str | None:
    """As ``2026-11-22 07:15:00.000000``."""
    return None if value is None else value.astimezone(UTC).isoformat(" ", "microseconds")[:26]


def _of_text(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)


def where_index(name: str, where: ColumnElement[bool], *columns: Column[Any], unique: bool = False) -> Index:
    """An index on the rows that ``where`` holds for, on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


revisions = Table(
    "revisions",
    metadata,
    Column("revision", String(64), primary_key=True),
    Column("content", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    # File name → its text as it was published, comments and all; NULL where only the content is known.
    Column("files", _JSON_OR_NULL),
)

activations = Table(
    "activations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", ForeignKey("revisions.revision"), nullable=False),
    Column("activated_at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    # publish | rollback | revert | emergency; NULL where it was not noted.
    Column("kind", String(12)),
    # Who agreed to it, one name a line.
    Column("approved_by", Text),
)

# Rules that wait for another person's word, and that word.
rule_reviews = Table(
    "rule_reviews",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("revision", ForeignKey("revisions.revision"), nullable=False, index=True),
    Column("act", String(8), nullable=False),  # submit | approve | withdraw
    # The activation over which they were looked at; NULL where there was none.
    Column("over", ForeignKey("activations.id")),
    Column("at", UtcTime, nullable=False),
    Column("by", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

calls = Table(
    "calls",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("namespace", Text, nullable=False),
    Column("call_id", Text, nullable=False),
    # A CRM may use a call id again; the same id with another client, or a day later, is the next generation.
    Column("generation", Integer, nullable=False),
    Column("script", Text, nullable=False),
    Column("phone", Text),
    Column("operator", Text),
    Column("card_type", Text),
    Column("card_id", Text),
    Column("card_name", Text),
    # The same as it is searched (call_search.folded); NULL too where a former version wrote the row.
    Column("card_search", Text),
    Column("card_url", Text),
    Column("note", Text),
    Column("first_occurred_at", UtcTime, nullable=False),
    Column("last_occurred_at", UtcTime, nullable=False),
    Column("deadline_at", UtcTime, nullable=False),
    Column("late", Boolean, nullable=False),
    # What was last decided and written: number 0 means nothing yet.
    Column("decision_number", Integer, nullable=False),
    Column("outcome", Text),
    # When the coordinator is to be told that the call was never finished; NULL: nothing to tell.
    Column("unfinished_at", UtcTime),
    # Reported by a source that is only tried out: decided and recorded, never sent.
    Column("dry_run", Boolean, nullable=False, server_default=false()),
    # When its personal data was removed; NULL: it is all there.
    Column("purged_at", UtcTime),
    UniqueConstraint("namespace", "call_id", "generation"),
)
where_index("ix_calls_unfinished_at", calls.c.unfinished_at.is_not(None), calls.c.unfinished_at)
_UNPURGED = calls.c.purged_at.is_(None)
where_index("ix_calls_unpurged", _UNPURGED, calls.c.last_occurred_at)
Index("ix_calls_phone", calls.c.phone, calls.c.last_occurred_at)
# All that a list of calls is narrowed by, but for what has an index of its own: nothing else is read to find them.
_SEARCHED = (calls.c.phone, calls.c.card_search, calls.c.outcome, calls.c.script, calls.c.namespace)
Index("ix_calls_found", calls.c.last_occurred_at, calls.c.id, *_SEARCHED)
for _column in (calls.c.card_id, calls.c.operator):
    where_index(f"ix_calls_{_column.name}", _column.is_not(None), _column, calls.c.last_occurred_at, calls.c.id)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("source", Text, nullable=False),
    Column("event_id", Text, nullable=False),
    # sha256 of the canonical JSON body: tells a repeat from another event under the same id.
    Column("digest", String(64), nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("occurred_at", UtcTime),
    # NULL: counted and answered, but no call of ours (no opt-out request in it).
    Column("call_ref", ForeignKey("calls.id"), index=True),
    Column("facts", _JSON_OR_NULL),
    # What the rules read of the card only after the event was taken in: facts that it did not tell.
    Column("card_facts", _JSON_OR_NULL),
    Column("final", Boolean, nullable=False),
    Column("revision", String(64)),
    # The body of the first answer without its deliveries, given again to a repeat.
    Column("answer", JSON, nullable=False),
    UniqueConstraint("source", "event_id"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_ref", ForeignKey("calls.id"), nullable=False),
    Column("number", Integer, nullable=False),
    # NULL outcome: the call was left unfinished.
    Column("outcome", Text),
    Column("event_ref", ForeignKey("events.id")),
    Column("revision", String(64), ForeignKey("revisions.revision"), nullable=False),
    Column("facts", JSON, nullable=False),
    Column("decision", JSON, nullable=False),
    # {"find": {"name", "phone"}}: whose card, where not the call's (contract 3.2).
    Column("target", _JSON_OR_NULL),
    # The card that this decision's actions go to, once found: {"type", "id", "fallback": bool}. Settled once, so that
    # a look-up before a repeat searches the card that was written to.
    Column("card", _JSON_OR_NULL),
    Column("created_at", UtcTime, nullable=False),
    UniqueConstraint("call_ref", "number", "outcome"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("call_ref", ForeignKey("calls.id"), nullable=False, index=True),
    Column("decision_ref", ForeignKey("decisions.id"), nullable=False, index=True),
    # sha256 of (namespace, call id and generation, decision number, action, role): 64 hex digits (contract 3.5).
    Column("key", String(64), nullable=False, unique=True),
    Column("action", Text, nullable=False),
    # states.DeliveryKind
    Column("kind", String(16), nullable=False),
    Column("role", Text),
    Column("subject", Text),
    # The whole text as it is sent, reference mark included.
    Column("text", Text, nullable=False),
    # Appended when the card of another client who answered could not be found.
    Column("fallback_text", Text),
    Column("due_at", UtcTime),
    Column("deadline_at", UtcTime, nullable=False),
    # The delivery that a withdrawal takes back, or whose recipient a cancellation mail tells.
    Column("withdraws", ForeignKey("deliveries.id")),
    # states.DeliveryState
    Column("state", String(12), nullable=False),
    Column("not_before", UtcTime, nullable=False),
    Column("owner", Text),
    Column("lease_until", UtcTime),
    # When it was last on its way to the CRM; set before sending, so that a crash leaves an *unknown*, never a gap.
    Column("sent_at", UtcTime),
    # Asked to stop by a correction while on its way: settled by a look-up, never sent again.
    Column("cancel", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("remote_id", Text),
    # Whom it went to: {"user", "address"}.
    Column("assignee", _JSON_OR_NULL),
    # The decision whose card it goes to or tells of, where not its own: of what takes something back.
    Column("corrects", Integer),
    # What it says of the decisions that it replaces, each only if something of it was written:
    # [{"decision", "text"}], a comment in an older decision's card with "elsewhere" besides, a mail with "subject".
    Column("corrections", _JSON_OR_NULL),
    # The card that it was written into, {"type", "id"}, and the text as it was sent; set before sending.
    Column("card", _JSON_OR_NULL),
    Column("sent_text", Text),
    # Of a comment: the decisions that it took back in its card, and whether it says that the new one is not about
    # this card: {"decisions": [], "elsewhere": bool}.
    Column("corrected", _JSON_OR_NULL),
    Column("why", Text),
    # What an admin has to mend before it can go out: why it waits, where that is the settings' fault.
    Column("mend", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
)
_OPEN = deliveries.c.state.in_(OPEN)
where_index("ix_deliveries_due", _OPEN, deliveries.c.not_before, deliveries.c.id)
_TAKES_BACK = deliveries.c.withdraws.is_not(None)
where_index("ix_deliveries_withdraws", _TAKES_BACK, deliveries.c.withdraws)
where_index("ix_deliveries_mend", deliveries.c.mend.is_not(None), deliveries.c.mend, deliveries.c.id)
_FINISHED = deliveries.c.finished_at.is_not(None)
where_index("ix_deliveries_finished", _FINISHED, deliveries.c.finished_at)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("delivery_ref", ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("at", UtcTime, nullable=False),
    # send | look_up
    Column("step", String(8), nullable=False),
    # done | not_done | unknown | found | absent
    Column("outcome", String(10), nullable=False),
    Column("why", Text),
    Column("status", Integer),
    Column("code", Text),
    Column("seconds", Float, nullable=False),
)

quotas = Table(
    "quotas",
    metadata,
    # The CRM account that all processes of this ledger share, by its connector's name.
    Column("account", String(100), primary_key=True),
    # When the bucket of requests will be full again; in the past it is full.
    Column("full_at", UtcTime, nullable=False),
)

# One index a lane: what goes to the CRM and what to the mail server (plugin.delivery.fair_order).
_TO_CRM = deliveries.c.kind != DeliveryKind.SMTP_EMAIL
_TO_MAIL = deliveries.c.kind == DeliveryKind.SMTP_EMAIL
for _name, _lane in (("ix_deliveries_crm", _TO_CRM), ("ix_deliveries_mail", _TO_MAIL)):
    where_index(_name, and_(_OPEN, _lane), deliveries.c.deadline_at, deliveries.c.not_before)
_PARKED = deliveries.c.state == DeliveryState.PARKED
where_index("ix_deliveries_parked", _PARKED, deliveries.c.deadline_at)
# When a source last reported.
Index("ix_events_source_received_at", events.c.source, events.c.received_at)

# The state of each account's circuit breaker, shared by all processes (plugin.resilience.breaker).
breakers = Table(
    "breakers",
    metadata,
    Column("account", Text, primary_key=True),
    # Failures in a row that are surely the account's, and the deliveries whose failure may be their own.
    Column("failures", Integer, nullable=False),
    Column("suspects", JSON, nullable=False),
    # NULL: the account is taken to be there.
    Column("opened_at", UtcTime),
    # The next probe comes so many seconds after the last one (or the opening).
    Column("probed_at", UtcTime),
    Column("probe_wait", Float),
    Column("why", Text),
    # The CRM has shut the account until a human has that lifted.
    Column("blocked", Boolean, nullable=False, server_default=false()),
)

# Alerts to the admins: each cause once, and once when it is over (plugin.monitoring).
alerts = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True),
    # plugin.monitoring.model.AlertKind
    Column("kind", String(24), nullable=False),
    Column("cause", Text, nullable=False),
    # The id of the delivery or call that it is about.
    Column("subject", Integer),
    # What is told of it: ids and reasons, no personal data.
    Column("about", JSON, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    # When the mail server had accepted the mail to everybody.
    Column("notified_at", UtcTime),
    Column("closed_at", UtcTime),
    # The batches of mails that tell of it and of its end; an end that needs no telling has an empty one.
    Column("batch", String(64)),
    Column("end_batch", String(64)),
)
_STANDING = alerts.c.closed_at.is_(None)
where_index("uq_alerts_cause", _STANDING, alerts.c.cause, unique=True)
_END_UNTOLD = and_(alerts.c.closed_at.is_not(None), alerts.c.batch.is_not(None), alerts.c.end_batch.is_(None))
where_index("ix_alerts_end_untold", _END_UNTOLD, alerts.c.id)
Index("ix_alerts_batch", alerts.c.batch)

# The mails that tell of alerts, one row a batch and address.
alert_mails = Table(
    "alert_mails",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("batch", String(64), nullable=False),
    Column("kind", String(24), nullable=False),
    # Whether it tells that something is over.
    Column("over", Boolean, nullable=False),
    Column("address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    # pending | done | parked
    Column("state", String(8), nullable=False),
    # Of one that is being sent: when another process may send it.
    Column("not_before", UtcTime, nullable=False),
    Column("owner", Text),
    Column("attempts", Integer, nullable=False),
    Column("why", Text),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    UniqueConstraint("batch", "address"),
)
_UNSENT = alert_mails.c.state == "pending"
where_index("ix_alert_mails_due", _UNSENT, alert_mails.c.not_before)
Index("ix_alert_mails_kind", alert_mails.c.kind, alert_mails.c.over, alert_mails.c.created_at)

# What people did by hand (plugin.operations): who, when and why.
acts = Table(
    "acts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", UtcTime, nullable=False),
    # plugin.ledger.audit.Act
    Column("act", String(12), nullable=False),
    Column("by", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("delivery_ref", ForeignKey("deliveries.id"), index=True),
    Column("call_ref", ForeignKey("calls.id"), index=True),
    # What was before and after, without personal data.
    Column("details", _JSON_OR_NULL),
    Index("ix_acts_act_at", "act", "at"),
)
