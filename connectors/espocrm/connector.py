"""The connector to EspoCRM 8.4 and later, over its REST API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
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
    Store,
)
from connectors.espocrm.calls import EspoCalls
from connectors.espocrm.catch_up import EspoCatchUp
from connectors.espocrm.checks import EspoChecks
from connectors.espocrm.client import EspoClient
from connectors.espocrm.contacts import find_people, read_card, read_cards
from connectors.espocrm.events import references
from connectors.espocrm.mail import Mails
from connectors.espocrm.settings import EspoSettings
from connectors.espocrm.unsent_mail import UnsentMails
from connectors.espocrm.users import EspoUsers
from connectors.espocrm.writes import MOST_TASKS, EspoWrites
from connectors.http.settings import limits_of

_ENTITIES: dict[Kind, str] = {"comment": "Note", "reminder": "Task", "email": "Email"}
#: The longest way of a mail: its draft is gone, a login is looked up, the address read, the mail sent and, where that
#: failed, looked for; a refusal without a word on the way costs one more.
_REQUESTS_PER_WRITE = 6
#: The call, whom it was changed by, the answers in its card; one more where a refusal is without a word.
_REQUESTS_PER_EVENT = 4


class EspoConnector(Connector):
    """One account. ``settings`` are loaded by ``EspoSettings``; ``now`` is what its clock is held against.

    ``monotonic`` are seconds that no setting of the clock changes.
    """

    name = "espocrm"
    Settings = EspoSettings
    repeats_events = True
    most_cards = 50
    most_reminders = MOST_TASKS
    removes = frozenset[Kind]({"comment", "reminder"})

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(settings)
        self._limits = replace(
            limits_of(settings), requests_per_write=_REQUESTS_PER_WRITE, requests_per_event=_REQUESTS_PER_EVENT
        )
        self._api = EspoClient(settings, self._limits, monotonic)
        self._unsent = UnsentMails()
        users = EspoUsers(self._api, settings)
        self._writing = EspoWrites(self._api, settings, users, now)
        self._mails = Mails(self._api, settings, users, self._unsent, now)
        self._calls = EspoCalls(self._api, settings, users)
        self._catch_up = EspoCatchUp(self._api, settings)
        self._checks = EspoChecks(self._api, settings, users, now)
        self.catches_up = bool(settings["webhooks"] and settings["facts"].fields)

    def limits(self) -> Limits:
        return self._limits

    def share_quota(self, quota: Quota) -> None:
        self._api.http.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        self._unsent.keep_in(store)

    def close(self) -> None:
        """Close the idle connections."""
        self._api.http.close()

    # --- looking -----------------------------------------------------------------------------------

    def check(self) -> Sequence[Check]:
        return self._checks.account()

    def check_by_writing(self) -> Sequence[Check]:
        return self._mails.try_sender()

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        return self._checks.assignee(assignee, mailed=mailed)

    def facts(self) -> Mapping[str, frozenset[str | bool] | None]:
        found: dict[str, frozenset[str | bool] | None] = self.settings["facts"].facts()
        return found

    def read_card(self, card: CardRef) -> Card | None:
        return read_card(self._api, card, self.settings["card_fields"])

    def card_field_states(self) -> Sequence[CardFieldState]:
        return self._checks.card_field_states()

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]:
        return read_cards(self._api, cards)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return find_people(self._api, self.settings["search_in"], phone, name)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        match kind:
            case "comment":
                return self._writing.find_comment(card, key)
            case "reminder":
                return self._writing.find_reminder(card, key)
            case "email":
                return self._mails.find(key)

    def reminder_state(self, remote_id: str) -> ReminderState:
        return self._writing.reminder_state(remote_id)

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        return self._writing.reminder_states(remote_ids)

    # --- writing -----------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        return self._writing.add_comment(card, text, key)

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        return self._writing.create_reminder(card, assignee, subject, text, due, key)

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        return self._mails.send(assignee, subject, text, key)

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        return self._writing.withdraw_reminder(remote_id, why)

    def complete_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        return self._writing.complete_reminder(remote_id, why)

    def remove(self, kind: Kind, remote_id: str, card: CardRef | None) -> Outcome:
        return self._writing.remove(_ENTITIES[kind], remote_id)

    # --- events ------------------------------------------------------------------------------------

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        return references(self.settings["webhooks"], self.settings["facts"], headers, body)

    def resolve(self, reference: Reference) -> CallResult | None:
        return self._calls.read(reference)

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        return self._catch_up.page(since, cursor)
