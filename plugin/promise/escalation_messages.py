"""What a step of escalation tells, and to whom: deliveries by mail and as tasks, requests to the admins' webhook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from connectors.base import Card, CardRef
from connectors.kit.reference_mark import MARK_START, reference_mark
from plugin.common.clock import local_time
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset.model import EscalationStep, Role
from plugin.deciding.ruleset.people import addressee, recipient_of
from plugin.delivery.texts import fill_card
from plugin.errors import InputError
from plugin.events.calls import Call
from plugin.events.planned import mail_kinds
from plugin.events.texts import call_context, delivery_key, with_lines
from plugin.ledger.chain import Change, note
from plugin.ledger.insert import insert_if_absent
from plugin.ledger.prepared import PreparedInsert
from plugin.ledger.promises import ESCALATION
from plugin.ledger.restores import planned_state
from plugin.ledger.schema import alert_mails, deliveries

#: The kind of a request to the admins' webhook, and what stands there in the place of an address.
WEBHOOK_KIND, WEBHOOK = "promise_escalation", "webhook"
#: A message is to be out by then, and a task done, at the latest.
_TERM = timedelta(hours=1)
_PATIENCE = timedelta(hours=24)

_ADD = PreparedInsert(deliveries, deliveries.c.id, values=planned_state("called_at"))
_KNOWN = select(deliveries.c.id)


@dataclass(frozen=True, slots=True)
class UndoneReminder:
    """A reminder that is not done: to whom it went, with which words, and how it stands in the CRM."""

    role: str
    subject: str
    text: str
    is_written: bool
    is_missing: bool


@dataclass(frozen=True, slots=True)
class EscalatedCall:
    """The call whose promise is not kept yet: its standing decision, by when it is expected, and what is undone."""

    call: Call
    decision: int
    number: int
    due_by: datetime
    facts: Mapping[str, Any]
    undone: Sequence[UndoneReminder]

    @classmethod
    def of(cls, row: Mapping[str, Any], undone: Sequence[UndoneReminder]) -> EscalatedCall:
        """By the columns of the call, its promise and its decision; ``id`` is the promise's."""
        call = Call(**{field.name: row[field.name] for field in fields(Call)} | {"id": row["call_ref"]})
        return cls(call, row["decision_ref"], row["decided"], row["promised_by"], row["facts"], undone)


def save_messages(
    connection: Connection, book: Rulebook, settings: Settings, step: EscalationStep, one: EscalatedCall, now: datetime
) -> int:
    """Plan what this step tells; how many messages. What was planned before under the same key stays as it is."""
    planned = sum(
        _save_to(connection, book, settings, step, one, recipient, undone, now)
        for recipient, undone in _recipients(book, step, one)
    )
    if "webhook" in step.by and settings.alerts.webhook:
        planned += _save_request(connection, book, settings, step, one, now)
    return planned


def undone_text(roles: Mapping[str, Role], undone: Sequence[UndoneReminder], card: Card | None) -> str:
    """What is left to do by hand, by whom, in the words of the reminders."""
    parts = []
    for reminder in undone:
        role = addressee(roles, reminder.role)
        how = "удалено в CRM" if reminder.is_missing else None if reminder.is_written else "в CRM не записано"
        head = f"{role.label if role else reminder.role}: {reminder.subject}" + (f" ({how})" if how else "")
        lines = [line for line in reminder.text.split("\n") if not line.startswith(MARK_START)]
        parts.append("\n".join([head, *(f"  {line}" for line in fill_card("\n".join(lines), card).split("\n"))]))
    return "\n".join(parts)


def _recipients(
    book: Rulebook, step: EscalationStep, one: EscalatedCall
) -> Iterator[tuple[str, Sequence[UndoneReminder]]]:
    """Who is told, and of what: people of their own reminders, roles of all."""
    if not step.roles:
        for role in dict.fromkeys(reminder.role for reminder in one.undone):
            yield role, [reminder for reminder in one.undone if reminder.role == role]
        return
    try:
        decider = book.script(one.call.script)
    except InputError:
        return
    for role in step.roles:
        for person in decider.people(role, one.facts):
            yield recipient_of(role, person), one.undone


def _save_to(
    connection: Connection,
    book: Rulebook,
    settings: Settings,
    step: EscalationStep,
    one: EscalatedCall,
    recipient: str,
    undone: Sequence[UndoneReminder],
    now: datetime,
) -> int:
    role = addressee(book.roles, recipient)
    mode = role.email if role and settings.crm.sends_mail else "smtp"
    ways = [(kind, ending) for kind, ending in mail_kinds(mode)] if "mail" in step.by else []
    ways += [("reminder", "task")] if "task" in step.by else []
    saved = 0
    for kind, ending in ways:
        action = f"{ESCALATION}{step.id}:{ending}"
        key = delivery_key((one.call.namespace, one.call.call_id, one.call.generation), one.number, action, recipient)
        if connection.execute(_KNOWN.where(deliveries.c.key == key)).first() is not None:
            continue
        subject, text = _worded(book, settings, step, one, undone)
        row = {
            "call_ref": one.call.id,
            "decision_ref": one.decision,
            "key": key,
            "action": action,
            "kind": kind,
            "role": recipient,
            "subject": subject,
            "text": with_lines(text, reference_mark(key)),
            "due_at": max(one.due_by, now + _TERM) if kind == "reminder" else None,
            "deadline_at": now + _PATIENCE,
            "not_before": now,
            "cancel": False,
            "attempts": 0,
            "created_at": now,
            "called_at": one.call.first_occurred_at,
        }
        added = _ADD.one(connection, row)
        note(connection, [Change("delivery", added.id, one.call.id)])
        saved += 1
    return saved


def _worded(
    book: Rulebook, settings: Settings, step: EscalationStep, one: EscalatedCall, undone: Sequence[UndoneReminder]
) -> tuple[str, str]:
    """Subject and text. They do not wait for the CRM: of the card they say what is known."""
    call = one.call
    known = bool(call.card_type and call.card_id and call.card_name)
    card = Card(CardRef(call.card_type or "", call.card_id or ""), call.card_name, call.card_url) if known else None
    context = call_context(call, one.due_by, settings.timezone)
    context |= {"undone": undone_text(book.roles, undone, card), "reminder.subject": undone[0].subject}
    return (
        fill_card(step.subject.fill(context), card).replace("\n", " "),
        fill_card(step.text.fill(context), card),
    )


def _save_request(
    connection: Connection, book: Rulebook, settings: Settings, step: EscalationStep, one: EscalatedCall, now: datetime
) -> int:
    """A request to the webhook: no personal data of the client in it, as in all that the admins are told there."""
    call, deadline = one.call, local_time(one.due_by, settings.timezone)
    roles = [addressee(book.roles, reminder.role) for reminder in one.undone]
    who = ", ".join(dict.fromkeys(role.label for role in roles if role)) or "—"
    subject = f"[{settings.manifest.id}] Обещание не исполнено: звонок № {call.id}"
    text = f"Звонок № {call.id} ({call.call_id}), исполнить до {deadline}. Не исполнено: {who}."
    batch = delivery_key((call.namespace, call.call_id, call.generation), one.number, f"{ESCALATION}{step.id}", WEBHOOK)
    row = {"batch": batch, "kind": WEBHOOK_KIND, "over": False, "address": WEBHOOK, "subject": subject, "text": text}
    row |= {"state": "pending", "not_before": now, "attempts": 0, "created_at": now}
    return int(insert_if_absent(connection, alert_mails, row))
