"""The connector to a CRM that is described in TOML: what each call of the plugin asks of it, and in which tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    CrmRefused,
    CrmUnavailable,
    Done,
    Kind,
    Limits,
    NotDone,
    Outcome,
    Quota,
    Reference,
    ReminderState,
    ReminderStatus,
    Store,
    TryStep,
    TryValues,
)
from connectors.http.client import HttpAnswer
from connectors.http.settings import limits_of
from connectors.kit.card_fields import card_field_state
from connectors.kit.mapping import FactFields
from connectors.rest import profiles
from connectors.rest.catching_up import RestCatchUp
from connectors.rest.checks import RestChecks
from connectors.rest.client import PagePlace, RestClient
from connectors.rest.conditions import all_hold
from connectors.rest.contacts import RestContacts
from connectors.rest.context import TemplateValues, keyed, person
from connectors.rest.error_map import ErrorMap
from connectors.rest.events import RestEvents
from connectors.rest.misfit import not_read, not_written
from connectors.rest.model import Create, ReminderList, ReminderTable
from connectors.rest.presence import CardPresence
from connectors.rest.reminder_status import status_of
from connectors.rest.request import Request
from connectors.rest.settings import RestSettings
from connectors.rest.template import NoAddress, NotRendered
from connectors.rest.trying import RestTrial
from connectors.rest.write_checks import refuses_missing_card
from connectors.rest.writes import RestWrites


class RestConnector(Connector):
    """One account. ``settings`` are loaded by ``RestSettings``; ``now`` tells how old an event is."""

    name = "rest"
    Settings = RestSettings

    def __init__(self, settings: Mapping[str, Any], *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(settings)
        self._email: Create | None = settings["email"]
        self._facts: FactFields = settings["facts"]
        self._values = TemplateValues(settings)
        error = settings.get("error") or {}
        meanings = ErrorMap(settings["answers"], error.get("code", ()), error.get("message", ()))
        limits = limits_of(settings)
        self._client = RestClient(settings, limits, meanings)
        self._limits = replace(limits, requests_per_write=_requests_per_write(settings, self._client.renews))
        self._presence = CardPresence(now)
        self._test_card: CardRef | None = None
        self._contacts = RestContacts(self._client, self._values, settings, self._presence.note)
        self._writer = RestWrites(self._client, self._values, settings)
        self._events = RestEvents(self._client, self._values, self._contacts, settings, now)
        self._catch_up = RestCatchUp(self._client, self._values, settings, now)
        self._trial = RestTrial(
            self._client, self._values, self._contacts, settings, lambda remote_id: self._reminder(remote_id)[1]
        )
        self._checks = RestChecks(self._client, self._values, settings)
        self.sends_mail = self._email is not None
        self.repeats_events = settings["repeats_events"]
        self.catches_up = settings["catch_up"] is not None
        self.always_answers = settings["event"].always_answers if settings["event"] else None
        self.most_reminders = settings["reminder_states"].most if settings["reminder_states"] else 1
        self.removes = frozenset[Kind](settings["remove"])

    @classmethod
    def beginnings(cls) -> Mapping[str, str]:
        return {name: profiles.beginning(name) for name in profiles.names()}

    def limits(self) -> Limits:
        return self._limits

    def share_quota(self, quota: Quota) -> None:
        self._client.share_quota(quota)

    def keep_in(self, store: Store) -> None:
        self._client.keep_in(store)

    def close(self) -> None:
        """Close the idle connections."""
        self._client.close()

    # --- looking -----------------------------------------------------------------------------------

    def probe(self) -> None:
        if not self._checks.probe():
            super().probe()

    def check(self) -> Sequence[Check]:
        return self._checks.account()

    def check_assignee(self, assignee: Assignee, *, mailed: bool) -> Sequence[Check]:
        return self._checks.assignee(assignee, mailed=mailed)

    def try_table(self, table: str, given: TryValues, *, send: bool) -> Iterator[TryStep]:
        try:
            yield from self._trial.table(table, given, send=send)
        except NotRendered as error:
            raise CrmRefused(str(error)) from None

    def try_event(self, headers: Mapping[str, str], body: bytes, *, send: bool) -> Iterator[TryStep]:
        return self._events.tried(headers, body, send=send)

    def check_card(self, card: CardRef) -> Sequence[Check]:
        points = self._checks.card(card, self._contacts)
        self._test_card = card if points[0].ok else None
        return points

    def check_by_writing(self) -> Sequence[Check]:
        card = self._test_card
        if card is None or self.settings["card_must_exist"]:
            return ()

        def remove(remote_id: str, of: CardRef) -> Outcome:
            return self.remove("comment", remote_id, of)

        return [refuses_missing_card(card, self._contacts.exists, self.add_comment, remove)]

    def card_field_states(self) -> Sequence[CardFieldState]:
        """What fields there are is not described, so that it cannot be told."""
        return [card_field_state(item, None, None) for item in self.settings["card_fields"].fields]

    def facts(self) -> Mapping[str, frozenset[str | bool] | None]:
        return self._facts.facts()

    def read_card(self, card: CardRef) -> Card | None:
        return self._contacts.card(card)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return self._contacts.contacts(phone, name)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        find = self.settings["find"].get(kind)
        if card is None and find is not None and find.request.uses_name("card"):
            raise CrmRefused(f"this CRM shows a {kind} with its card only, and the card is not known")
        context = keyed(key) if card is None else {**keyed(key), "card": self._values.card(card)}
        return self._writer.find(kind, self._values.of(**context))

    def reminder_state(self, remote_id: str) -> ReminderState:
        return self._reminder(remote_id)[0]

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        described, zone = self.settings["reminder_state"], self.settings["time_zone"]
        known = self._reminders(remote_ids)
        # What is not in the list is gone, or the list is shorter than what was asked for: it is read by itself.
        read = {one: known[one] if one in known else self._reminder(one) for one in remote_ids}
        return {one: status_of(described, *state, zone) for one, state in read.items()}

    # --- writing -----------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        lacking = self._lacking(card)
        if lacking is not None:
            return lacking
        context = self._values.of(card=self._values.card(card), text=text, **keyed(key))
        return self._writer.create("comment", self.settings["comment"], context)

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        if not assignee.user:
            return NotDone("the role has no CRM user to remind", permanent=True)
        lacking = self._lacking(card)
        if lacking is not None:
            return lacking
        context = self._values.of(
            card=self._values.card(card),
            assignee=person(assignee),
            subject=subject,
            text=text,
            due=due,
            **keyed(key),
        )
        return self._writer.create("reminder", self.settings["reminder"], context)

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        if self._email is None:
            return NotDone("this CRM sends no mail: let the role's mail go over SMTP", permanent=True)
        if not (assignee.user or assignee.address):
            return NotDone("the role has neither a CRM user nor an address to mail to", permanent=True)
        context = self._values.of(assignee=person(assignee), subject=subject, text=text, **keyed(key))
        return self._writer.create("email", self._email, context)

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        request: Request = self.settings["withdraw"]
        try:
            state, record = self._reminder(remote_id)
        except CrmUnavailable as error:
            return NotDone(str(error), after=error.after, status=error.status, code=error.code, blocked=error.blocked)
        except CrmRefused as error:
            return NotDone(str(error), permanent=True, status=error.status, code=error.code)
        if state is not ReminderState.OPEN:
            return Done(remote_id)
        try:
            context = self._values.of(id=remote_id, why=why, record=record, **keyed(key))
            result, meaning = self._client.write(request, context)
        except NotRendered as error:
            return not_written("it cannot be withdrawn", error)
        if isinstance(result, HttpAnswer) or meaning in ("missing", "done"):
            return Done(remote_id)
        return result

    def remove(self, kind: Kind, remote_id: str, card: CardRef | None) -> Outcome:
        request = self.settings["remove"].get(kind)
        if request is None or (card is None and request.uses_name("card")):
            return super().remove(kind, remote_id, card)
        context = {"id": remote_id} if card is None else {"id": remote_id, "card": self._values.card(card)}
        return self._writer.remove(kind, self._values.of(**context)) or super().remove(kind, remote_id, card)

    # --- events ------------------------------------------------------------------------------------

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        return self._events.parse(headers, path_secret, query, body)

    def catch_up(self, since: datetime, cursor: str | None) -> CatchUpPage:
        return self._catch_up.page(since, cursor)

    def resolve(self, reference: Reference) -> CallResult | Sequence[Reference] | None:
        return self._events.resolve(reference)

    # --- details -----------------------------------------------------------------------------------

    def _lacking(self, card: CardRef) -> NotDone | None:
        if card.type not in self.settings["card"]:
            return NotDone(f"the description has no cards of type {card.type!r}", permanent=True)
        if not self.settings["card_must_exist"]:
            return None
        return self._presence.lacking(card, self._contacts.exists)

    def _reminder(self, remote_id: str) -> tuple[ReminderState, dict[str, Any]]:
        described: ReminderTable = self.settings["reminder_state"]
        try:
            data = self._client.read(described.request, self._values.of(id=remote_id))
        except NoAddress:
            # Such an id is no reminder's.
            return ReminderState.MISSING, {}
        except NotRendered as error:
            raise not_read("the reminder cannot be read", error) from None
        record = described.record.get(data)
        if record is None:
            return ReminderState.MISSING, {}
        if not isinstance(record, dict):
            raise not_read(
                "the reminder cannot be read", "the CRM's answer holds none where [reminder_state] record says"
            )
        return self._state_in(remote_id, record)

    def _reminders(self, remote_ids: Sequence[str]) -> dict[str, tuple[ReminderState, dict[str, Any]]]:
        """Those of these reminders that one request shows; none where that is not described, or it is one alone."""
        listed: ReminderList | None = self.settings["reminder_states"]
        if listed is None or len(remote_ids) < 2:
            return {}
        context = self._values.of(ids=list(remote_ids))
        try:
            found, _ = self._client.page(listed.request, context, listed.records, None, PagePlace())
        except NotRendered as error:
            raise not_read("the reminders cannot be read", error) from None
        shown = {listed.records.id_of(record): record for record in found}
        return {one: self._state_in(one, shown[one]) for one in remote_ids if one in shown}

    def _state_in(self, remote_id: str, record: dict[str, Any]) -> tuple[ReminderState, dict[str, Any]]:
        described: ReminderTable = self.settings["reminder_state"]
        context = self._values.of(id=remote_id, record=record)
        try:
            if described.missing and all_hold(described.missing, record, context):
                return ReminderState.MISSING, record
            done = all_hold(described.done, record, context)
        except NotRendered as error:
            raise not_read("the reminder's state is not as described", error) from None
        return (ReminderState.DONE if done else ReminderState.OPEN), record


def _requests_per_write(settings: Mapping[str, Any], renews: bool) -> int:
    """The most requests, one after the other, of the longest write: the card, the record, its look-ups, its removal."""
    longest = 2  # a withdrawal reads the reminder first
    for kind in ("comment", "reminder", "email"):
        create: Create | None = settings[kind]
        if create is None:
            continue
        pages = settings["find"][kind].pages
        looks = 0 if create.answer is not None else (pages.most if pages else 1)
        reads = 0 if create.verify is None or create.verify.request is None else 1
        reads += create.require is not None
        reads += settings["card_must_exist"] and kind != "email"
        removes = 0 if create.verify is None or kind not in settings["remove"] else 1
        longest = max(longest, 1 + looks + reads + removes)
    # A refused token costs the request, its renewal and the request again.
    return longest + (2 if renews else 0)
