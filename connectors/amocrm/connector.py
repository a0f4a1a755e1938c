"""The connector to amoCRM (Kommo): what of it the plugin uses, put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from connectors.amocrm.calls import AmoCalls
from connectors.amocrm.catch_up import AmoCatchUp
from connectors.amocrm.checks import AmoChecks
from connectors.amocrm.client import AmoClient
from connectors.amocrm.contacts import AmoContacts
from connectors.amocrm.events import references
from connectors.amocrm.records import AmoRecords
from connectors.amocrm.settings import AmoSettings
from connectors.amocrm.writes import NO_MAIL, REQUESTS, AmoWrites
from connectors.base import (
    Assignee,
    CallResult,
    Card,
    CardFieldState,
    CardRef,
    CatchUpPage,
    Check,
    CommentWrite,
    Connector,
    CrmRefused,
    CrmUnavailable,
    Done,
    Kind,
    Limits,
    Outcome,
    Quota,
    Reference,
    ReminderState,
    ReminderStatus,
    ReminderWrite,
    Store,
    Write,
)
from connectors.http.rate_limit import RateLimiter
from connectors.http.settings import limits_of
from connectors.protocol.outcomes import not_done_because

#: What was changed on the card that an event names, the card, the calls and changes of the cards around it, those that
#: were changed, the main contact; and a token that has to be renewed on the way.
_REQUESTS_PER_EVENT = 12


class AmoConnector(Connector):
    """One account. ``settings`` are loaded by ``AmoSettings``; cards are of type lead, contact, company, customer.

    ``limiter`` stands in for the one that the settings ask for.
    """

    name = "amocrm"
    Settings = AmoSettings
    #: The API takes 250 at once and its makers advise no more than 50.
    most_writes = 50
    most_cards = 50
    most_reminders = 50
    sends_mail = False
    repeats_events = False

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limiter: RateLimiter | None = None,
    ) -> None:
        super().__init__(settings)
        self._limits = replace(limits_of(settings), requests_per_write=REQUESTS, requests_per_event=_REQUESTS_PER_EVENT)
        self._api = AmoClient(settings, self._limits, now, limiter)
        self._cards = AmoContacts(self._api, settings["card_fields"])
        self._records = AmoRecords(self._api, now)
        self._writer = AmoWrites(self._api, self._records, settings["task_type"])
        self._calls = AmoCalls(self._api, self._cards, settings, now)
        self._catch_up = AmoCatchUp(self._api, settings["facts"], settings.get("own_user"), now)
        self._checks = AmoChecks(self._api, settings, now)
        self.catches_up = bool(settings.get("webhook_secret") and settings["facts"].fields)

    def limits(self) -> Limits:
        return self._limits

    def share_quota(self, quota: Quota) -> None:
        self._api.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        self._api.keep_in(store)

    def close(self) -> None:
        """Close the idle connections."""
        self._api.close()

    # --- looking -----------------------------------------------------------------------------------

    def probe(self) -> None:
        self._api.answer("account")

    def check(self) -> Sequence[Check]:
        return self._checks.account()

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        return self._checks.assignee(assignee, mailed=mailed)

    def facts(self) -> Mapping[str, frozenset[str | bool] | None]:
        facts: Mapping[str, frozenset[str | bool] | None] = self.settings["facts"].facts()
        return facts

    def read_card(self, card: CardRef) -> Card | None:
        return self._cards.read(card)

    def card_field_states(self) -> Sequence[CardFieldState]:
        return self._checks.card_field_states()

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]:
        return self._cards.read_many(cards)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return self._cards.find(phone, name)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        return self._records.find(kind, card, key)

    def reminder_state(self, remote_id: str) -> ReminderState:
        return self._records.state(remote_id)

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        return self._records.statuses(remote_ids)

    # --- writing -----------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        return self.write([CommentWrite(card, text, key)])[0]

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        return self.write([ReminderWrite(card, assignee, subject, text, due, key)])[0]

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        return NO_MAIL

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        return self._writer.write(writes)

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        try:
            # Not without looking: closing it once more would replace what its owner has written as the result.
            if self._records.state(remote_id) is not ReminderState.OPEN:
                return Done(remote_id)
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        return self._records.close(remote_id, why)

    def remove(self, kind: Kind, remote_id: str, card: CardRef | None) -> Outcome:
        return self._records.remove(kind, remote_id)

    # --- events ------------------------------------------------------------------------------------

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        return references(self.settings, path_secret, body)

    def resolve(self, reference: Reference) -> CallResult | None:
        return self._calls.resolve(reference)

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        return self._catch_up.page(since, cursor)
