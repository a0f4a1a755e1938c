"""The CRM's own mail: kept with the record that caused it, sent afterwards by SMTP or laid down as .eml files."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from connectors.base import Done, NotDone, Outcome
from connectors.embedded.crm.records import NotPossible, Record, insert, one, stamp, user_named
from connectors.embedded.crm.send_queue import SendQueue, SendResult
from connectors.embedded.crm.store import CrmStore
from connectors.smtp import Mailer
from connectors.smtp.message import UnusableMail, build_message

#: Whom the CRM's mail comes from.
SENDER = "CRM <crm@crm.example>"


class MailTransport(Protocol):
    """A way for mail to go out."""

    #: ``smtp`` or ``outbox``, as the API shows it.
    kind: str

    def send(self, mail_id: int, to: str, subject: str, text: str, message_id: str) -> Outcome: ...


class SmtpTransport:
    """Mail by SMTP."""

    kind = "smtp"

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer

    def send(self, mail_id: int, to: str, subject: str, text: str, message_id: str) -> Outcome:
        return self._mailer.send(to, subject, text, message_id)


class OutboxTransport:
    """Mail as files ``<number>.eml`` in a folder; a repeat of the same mail replaces its file."""

    kind = "outbox"

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        self._folder = folder
        self._now = now
        folder.mkdir(parents=True, exist_ok=True)

    def send(self, mail_id: int, to: str, subject: str, text: str, message_id: str) -> Outcome:
        try:
            content = build_message(SENDER, to, subject, text, message_id, self._now()).as_bytes()
        except UnusableMail as error:
            return NotDone(str(error), permanent=True)
        # Under its own name only once it is whole: a program may be watching the folder.
        unfinished = self._folder / f".{mail_id:06}.part"
        try:
            unfinished.write_bytes(content)
            os.replace(unfinished, self._folder / f"{mail_id:06}.eml")
        except OSError as error:
            return NotDone(f"the file cannot be written: {error.strerror}")
        return Done(message_id)


class CrmMail:
    """Takes mails in within the caller's transaction and sends them from a thread of its own."""

    def __init__(self, store: CrmStore, transport: MailTransport | None, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._now = now
        self.queue = SendQueue(store, "mails", "sent", self._attempt if transport else None, now)

    @property
    def kind(self) -> str:
        """``smtp``, ``outbox`` or ``none``."""
        return self._transport.kind if self._transport else "none"

    def add(self, db: sqlite3.Connection, mail: Mapping[str, Any], reminder: str | None = None) -> Record:
        """Put a mail into the queue. Raises NotPossible where there is no address or no transport."""
        if self._transport is None:
            raise NotPossible("no_mail", "this CRM was started without --outbox or --smtp", status=409)
        if bool(mail["user"]) == bool(mail["address"]):
            raise NotPossible("invalid", "give either user or address", fields={"user": "Give either user or address."})
        address = mail["address"]
        if mail["user"]:
            address = user_named(db, "user", mail["user"])["email"]
            if not address:
                missing = {"user": "Has no e-mail address."}
                raise NotPossible("no_address", "user: has no e-mail address", fields=missing)
        given = {name: mail[name] for name in ("user", "subject", "text", "external_key")}
        values = {**given, "address": address, "reminder": reminder, "message_id": "", "created_at": stamp(self._now())}
        written = insert(db, "mails", values)["id"]
        db.execute("UPDATE mails SET message_id = ? WHERE id = ?", (f"<mail-{written}@crm.example>", written))
        return show_mail(db, one(db, "SELECT * FROM mails WHERE id = ?", written))

    def _attempt(self, row: sqlite3.Row) -> SendResult:
        assert self._transport is not None
        outcome = self._transport.send(*(row[name] for name in ("id", "address", "subject", "text", "message_id")))
        if isinstance(outcome, Done):
            return SendResult()
        return SendResult(outcome.why, permanent=isinstance(outcome, NotDone) and outcome.permanent)


def show_mail(_db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    names = ("user", "address", "subject", "text", "external_key", "message_id", "state", "why", "created_at")
    reminder = None if row["reminder"] is None else str(row["reminder"])
    return {"id": str(row["id"]), "reminder": reminder} | {name: row[name] for name in names}
