"""The connector to the embedded CRM, over its HTTP API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.base import (
    Assignee,
    CallResult,
    Card,
    CardFieldState,
    CardRef,
    CatchUpPage,
    Check,
    Connector,
    Kind,
    Limits,
    Outcome,
    Quota,
    Reference,
    ReminderState,
    ReminderStatus,
)
from connectors.embedded.calls import read_call
from connectors.embedded.catch_up import changed_calls
from connectors.embedded.checks import EmbeddedChecks
from connectors.embedded.client import EmbeddedClient
from connectors.embedded.contacts import card_field_states, find_contacts, read_card
from connectors.embedded.events import references
from connectors.embedded.settings import EmbeddedSettings
from connectors.embedded.writes import MOST_REMINDERS, EmbeddedWrites
from connectors.http.settings import limits_of


class EmbeddedConnector(Connector):
    """One embedded CRM. ``settings`` are loaded by ``EmbeddedSettings``; an event's age is measured by ``now``."""

    name = "embedded"
    Settings = EmbeddedSettings
    repeats_events = True
    most_reminders = MOST_REMINDERS

    def __init__(self, settings: Mapping[str, Any], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(settings)
        self._limits = limits_of(settings)
        self._now = now
        self._api = EmbeddedClient(settings, self._limits)
        self._writes = EmbeddedWrites(self._api)
        self._checks = EmbeddedChecks(self._api, settings)
        self.catches_up = bool(settings.get("webhook_secret"))

    def limits(self) -> Limits:
        return self._limits

    def share_quota(self, quota: Quota) -> None:
        self._api.http.share_quota(quota)

    def close(self) -> None:
        """Close the idle connections."""
        self._api.http.close()

    # --- reading -----------------------------------------------------------------------------------

    def probe(self) -> None:
        self._api.get("me")

    def check(self) -> Sequence[Check]:
        return self._checks.account()

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        return self._checks.assignee(assignee, mailed=mailed)

    def read_card(self, card: CardRef) -> Card | None:
        return read_card(self._api, card, self.settings["card_fields"])

    def card_field_states(self) -> Sequence[CardFieldState]:
        return card_field_states(self._api, self.settings["card_fields"])

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return find_contacts(self._api, phone, name)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        return self._writes.find(kind, key)

    def reminder_state(self, remote_id: str) -> ReminderState:
        return self._writes.reminder_state(remote_id)

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        return self._writes.reminder_states(remote_ids)

    # --- writing -----------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        return self._writes.add_comment(card, text, key)

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        return self._writes.create_reminder(card, assignee, subject, text, due, key)

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        return self._writes.notify_email(assignee, subject, text, key)

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        return self._writes.withdraw_reminder(remote_id, why, key)

    def complete_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        return self._writes.complete_reminder(remote_id)

    # --- events ------------------------------------------------------------------------------------

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        return references(self.settings.get("webhook_secret"), headers, body, self._now())

    def resolve(self, reference: Reference) -> CallResult | None:
        return read_call(self._api, reference)

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        return changed_calls(self._api, since, cursor)
