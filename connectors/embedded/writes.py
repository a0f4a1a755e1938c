"""Comments, reminders and the CRM's own mails: written once, and found again by the key they carry."""

from __future__ import annotations

from datetime import datetime

from connectors.base import Assignee, CardRef, Done, Kind, NotDone, Outcome, ReminderState
from connectors.embedded.client import GONE, EmbeddedClient, path_of
from connectors.embedded.settings import CONTACT
from connectors.http.client import HttpAnswer, done

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
        if record is None:
            return ReminderState.MISSING
        return ReminderState.OPEN if record.get("state") == "open" else ReminderState.DONE


def _no_such_card(card: CardRef) -> NotDone:
    return NotDone(f"the CRM has no cards of type {card.type!r} with such an id", permanent=True)
