"""The connector to Bitrix24: what the plugin asks of a CRM, by the portal's own methods."""

from __future__ import annotations

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
    CommentWrite,
    Connector,
    CrmRefused,
    Done,
    EmailWrite,
    FrameCall,
    Kind,
    Limits,
    NotDone,
    Outcome,
    Quota,
    Reference,
    ReminderState,
    ReminderStatus,
    ReminderWrite,
    Store,
    Write,
)
from connectors.bitrix24 import checks, contacts, events, finding, mails, reminders
from connectors.bitrix24.calls import CallReader
from connectors.bitrix24.catch_up import Bitrix24CatchUp
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import MOST_COMMANDS, Command
from connectors.bitrix24.errors import is_gone
from connectors.bitrix24.frame import FrameOpener
from connectors.bitrix24.settings import Bitrix24Settings
from connectors.bitrix24.types import is_id
from connectors.bitrix24.write_commands import CommandBuilder, delete_comment
from connectors.bitrix24.writes import MOST_WRITES, settled_alone, written
from connectors.http.rate_limit import RateLimiter
from connectors.http.settings import limits_of
from connectors.kit.forms import form_of, nested
from connectors.kit.reference_mark import LOOK_BACK

#: A batch, and a second one that takes back what the CRM wrote otherwise than asked.
_REQUESTS = 2
#: An item, and what it is linked to: a contact, a deal, a lead and a company.
_REQUESTS_PER_EVENT = 4
#: Where a token has expired: the server of tokens, and the batch again.
_RENEWAL = 2


class Bitrix24Connector(Connector):
    """One portal. ``settings`` are loaded by ``Bitrix24Settings``; ``now`` is aware, ``limiter`` keeps the quota."""

    name = "bitrix24"
    Settings = Bitrix24Settings
    most_writes = MOST_WRITES
    most_cards = MOST_COMMANDS
    most_reminders = MOST_COMMANDS
    #: The portal does not send an event again, whatever it is answered.
    repeats_events = False
    removes = frozenset[Kind]({"comment", "reminder"})

    def __init__(
        self,
        settings: Mapping[str, Any],
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limiter: RateLimiter | None = None,
    ) -> None:
        super().__init__(settings)
        self._now = now
        self._portal = Bitrix24Client(settings, limits_of(settings), now, limiter)
        self._frames = FrameOpener(self._portal, settings, limits_of(settings))
        self._own_user: str | None = settings["own_user"] or self._portal.webhook_user
        self._calls = CallReader(self._portal, settings, self._own_user)
        self._catch_up = Bitrix24CatchUp(self._portal, settings, self._own_user)
        self.catches_up = bool(settings["application_token"] and settings["facts"].fields)
        client = settings["notify_client"] if self._portal.webhook_user else None
        self._writer = CommandBuilder(settings["reminders"], tuple(settings["ping_minutes"]), client)

    def limits(self) -> Limits:
        """With the mails of ``mail = "message"`` each in a request of its own, which is what their key is for."""
        mails_alone = mails.MOST_MAILS if self.settings["mail"] == "message" else 0
        renewal = 0 if self._portal.webhook_user else _RENEWAL
        return replace(
            limits_of(self.settings),
            requests_per_write=_REQUESTS + renewal + mails_alone,
            requests_per_event=_REQUESTS_PER_EVENT + renewal,
        )

    def share_quota(self, quota: Quota) -> None:
        self._portal.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        self._portal.keep_in(store)

    def close(self) -> None:
        """Close the idle connections."""
        self._portal.close()

    # --- looking -----------------------------------------------------------------------------------

    def probe(self) -> None:
        self._portal.call("scope")

    def check(self) -> Sequence[Check]:
        return checks.account(self._portal, self.settings, self._now())

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        return checks.person(self._portal, self.settings, assignee, mailed=mailed)

    def facts(self) -> Mapping[str, frozenset[str | bool] | None]:
        facts: Mapping[str, frozenset[str | bool] | None] = self.settings["facts"].facts()
        return facts

    def read_card(self, card: CardRef) -> Card | None:
        return contacts.read_card(self._portal, card, self.settings["card_fields"])

    def card_field_states(self) -> Sequence[CardFieldState]:
        return checks.card_field_states(self._portal, self.settings)

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]:
        return contacts.read_cards(self._portal, cards, self.settings["card_fields"])

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return contacts.find_contacts(self._portal, phone, name)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        """By the mark in the text, a task by its XML_ID. Mails and notifications cannot be looked for: always None.

        A notification sent again takes the place of the one before; a mail sent again within a day is not sent twice.
        """
        if kind == "email":
            return None
        since = self._now() - LOOK_BACK
        if kind == "reminder":
            find = finding.find_task if self.settings["reminders"] == "task" else finding.find_todo
            return find(self._portal, card, key, since)
        if card is None:
            raise CrmRefused("a comment can only be looked for in the card that it was written into")
        try:
            return finding.find_comment(self._portal, card, key, since)
        except CrmRefused as error:
            # A card that was merged into another one is refused like one that may not be seen: «Access denied.»
            if is_gone(error) or (error.status == 400 and contacts.read_card(self._portal, card) is None):
                raise CrmRefused(f"{error}; the card is gone", status=404, code=error.code) from None
            raise

    def reminder_state(self, remote_id: str) -> ReminderState:
        return reminders.reminder_state(self._portal, remote_id)

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        return reminders.reminder_states(self._portal, remote_ids)

    # --- writing -----------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        return self.write([CommentWrite(card, text, key)])[0]

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        return self.write([ReminderWrite(card, assignee, subject, text, due, key)])[0]

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        return self.write([EmailWrite(assignee, subject, text, key)])[0]

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        if len(writes) > self.most_writes:
            raise ValueError(f"{len(writes)} writes at once, allowed: {self.most_writes}")
        by_message = self.settings["mail"] == "message"
        alone = {i: item for i, item in enumerate(writes) if by_message and isinstance(item, EmailWrite)}
        together = {i: self._writer.recipe(item) for i, item in enumerate(writes) if i not in alone}
        outcomes = dict(zip(together, written(self._portal, list(together.values())), strict=True))
        for turn, (i, item) in enumerate(alone.items()):
            later = turn >= mails.MOST_MAILS
            outcomes[i] = mails.LATER if later else mails.send(self._portal, item, self.settings["mail_from"])
        return [outcomes[i] for i in range(len(writes))]

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        return reminders.withdraw(self._portal, remote_id, why, key)

    def remove(self, kind: Kind, remote_id: str, card: CardRef | None) -> Outcome:
        if kind == "reminder":
            return reminders.remove(self._portal, remote_id)
        if kind == "email" and not is_id(remote_id):
            return NotDone("a mail that was sent cannot be taken back", permanent=True)
        if not is_id(remote_id):
            return Done(remote_id)
        client = self.settings["notify_client"] if self._portal.webhook_user else None
        notification = Command("im.notify.delete", {"ID": remote_id, "CLIENT_ID": client})
        failed = settled_alone(self._portal, delete_comment(remote_id) if kind == "comment" else notification)
        if failed is None or (isinstance(failed, NotDone) and is_gone(failed)):
            return Done(remote_id)
        return failed

    # --- events ------------------------------------------------------------------------------------

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        event = nested(form_of(body, events.MOST_FIELDS))
        events.check_authentic(self.settings, event.get("auth"))
        return events.references(event, self.settings["record_type"])

    def resolve(self, reference: Reference) -> CallResult | None:
        return self._calls.resolve(reference)

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        return self._catch_up.page(since, cursor)

    def open_frame(self, query: Mapping[str, str], form: Mapping[str, str]) -> FrameCall:
        return self._frames.opened(query, form)
