"""Comments, reminders and the CRM's own mails: written once, and found again by the key they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import Assignee, CardRef, Done, Kind, NotDone, Outcome, ReminderState, ReminderStatus
from connectors.embedded.client import GONE, EmbeddedClient, path_of
from connectors.embedded.settings import CONTACT
from connectors.http.client import HttpAnswer, done

#: How many reminders are read by one request.
MOST_REMINDERS = 100
_COLLECTIONS: dict[Kind, str] = {"comment": "comments", "reminder": "reminders", "email": "mails"}


class EmbeddedWrites:
    """What is written into one account."""

    def __init__(self, api: EmbeddedClient) -> None:
        self._api = api

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        path = path_of("cards", card.id, "comments") if card.type == CONTACT else None
        if path is None:
            return _no_such_card(card)
        return done(self._api.write("POST", path, {"text": text, "external_key": key}), "id")

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        if card.type != CONTACT:
            return _no_such_card(card)
        if not assignee.user:
            return NotDone("the role has no CRM user to remind", permanent=True)
        payload = {
            "card": card.id,
            "assignee": assignee.user,
            "subject": subject,
            "text": text,
            "due": due.isoformat(),
            "external_key": key,
        }
        return done(self._api.write("POST", "reminders", payload), "id")

    def notify_email(self, assignee: Assignee, subject: str, text: str, key: str) -> Outcome:
        payload = {"subject": subject, "text": text, "external_key": key}
        if assignee.user:
            payload["user"] = assignee.user
        elif assignee.address:
            payload["address"] = assignee.address
        else:
            return NotDone("the role has neither a CRM user nor an address to mail to", permanent=True)
        return done(self._api.write("POST", "mails", payload), "id")

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:
        path = path_of("reminders", remote_id, "withdrawal")
        if path is None:
            return Done(remote_id)
        result = self._api.write("PUT", path, {"reason": why, "external_key": key})
        if isinstance(result, NotDone) and result.code in (GONE, "already_done"):
            return Done(remote_id)
        return result if not isinstance(result, HttpAnswer) else Done(remote_id)

    def find(self, kind: Kind, key: str) -> str | None:
        items, _ = self._api.page(_COLLECTIONS[kind], {"external_key": key, "limit": "1"})
        return str(items[0]["id"]) if items else None

    def reminder_state(self, remote_id: str) -> ReminderState:
        record = self._api.record("reminders", remote_id)
        return ReminderState.MISSING if record is None else _status(record).state

    def reminder_states(self, remote_ids: Sequence[str]) -> Mapping[str, ReminderStatus]:
        items, _ = self._api.page("reminders", {"ids": ",".join(remote_ids), "limit": str(MOST_REMINDERS)})
        found = {str(item["id"]): _status(item) for item in items}
        return {one: found.get(one, ReminderStatus(ReminderState.MISSING)) for one in remote_ids}

    def complete_reminder(self, remote_id: str) -> Outcome:
        path = path_of("reminders", remote_id, "done")
        if path is None:
            return Done(remote_id)
        result = self._api.write("PUT", path, {})
        if isinstance(result, NotDone) and result.code in (GONE, "withdrawn"):
            return Done(remote_id)
        return result if not isinstance(result, HttpAnswer) else Done(remote_id)


def _no_such_card(card: CardRef) -> NotDone:
    return NotDone(f"the CRM has no cards of type {card.type!r} with such an id", permanent=True)


def _status(record: Mapping[str, Any]) -> ReminderStatus:
    is_open = record.get("state") == "open"
    closed = record.get("closed_at")
    return ReminderStatus(
        ReminderState.OPEN if is_open else ReminderState.DONE,
        person=record.get("assignee"),
        due=datetime.fromisoformat(record["due"]),
        done_at=datetime.fromisoformat(closed) if closed and not is_open else None,
    )
