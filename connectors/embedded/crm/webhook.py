"""Call records, and telling the plugin about them: a signed request that names only the call, repeated until taken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.base import Limits, NotDone
from connectors.embedded.crm.courier import MOST_ATTEMPTS, QueueThread, wait_before
from connectors.embedded.crm.records import NotPossible, Record, card_named, one, stamp
from connectors.embedded.crm.store import CrmStore
from connectors.embedded.signature import signed_headers
from connectors.http.client import HttpAnswer, HttpClient

_NEXT = "SELECT * FROM webhooks WHERE state = 'queued' ORDER BY next_at, id LIMIT 1"
_LIMITS = Limits(connect_seconds=2.0, read_seconds=10.0, requests_per_second=500.0, burst=500)


class Switchboard:
    """Takes call records in and tells ``url`` about each new one and each change, signed with ``secret``."""

    def __init__(self, store: CrmStore, url: str | None, secret: str, now: Callable[[], datetime]) -> None:
        """Raises ValueError for an unusable address."""
        self._store = store
        self._http = HttpClient(url, _LIMITS) if url else None
        self._secret = secret
        self._now = now
        self.courier = QueueThread("crm-webhook", self.send_due)

    @property
    def tells(self) -> bool:
        """Whether anybody is told."""
        return self._http is not None

    def add(self, db: sqlite3.Connection, call: Mapping[str, Any]) -> Record:
        """Record a call. Raises NotPossible for a taken id or an unknown card."""
        card = card_named(db, call["card"])["id"] if call["card"] else None
        when = call["occurred_at"] or self._now()
        call_id = call["id"] or f"call-{db.execute('SELECT coalesce(max(number), 0) + 1 FROM calls').fetchone()[0]}"
        values = (
            call_id,
            call["phone"],
            card,
            call["operator"],
            json.dumps(call["facts"]),
            when.isoformat(),
            call["final"],
            call["note"],
            call["script"],
            call["ruleset"],
            stamp(self._now()),
        )
        try:
            db.execute(
                "INSERT INTO calls (id, phone, card, operator, facts, occurred_at, final, note, script, ruleset,"
                " created_at, revision) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
                values,
            )
        except sqlite3.IntegrityError:
            raise NotPossible("taken", "the id is taken", status=409, fields={"id": "Is taken."}) from None
        return self._told(db, call_id, "call.created")

    def change(self, db: sqlite3.Connection, call_id: str, changes: Mapping[str, Any]) -> Record:
        """Change a call's record; without ``occurred_at`` the change counts from now. Raises NoSuchRecord."""
        one(db, "SELECT id FROM calls WHERE id = ?", call_id)
        values = dict(changes)
        values["occurred_at"] = (values.get("occurred_at") or self._now()).isoformat()
        if "facts" in values:
            values["facts"] = json.dumps(values["facts"])
        columns = ", ".join(f"{name} = :{name}" for name in values)
        values["call_id"] = call_id
        db.execute(f"UPDATE calls SET {columns}, revision = revision + 1 WHERE id = :call_id", values)
        return self._told(db, call_id, "call.changed")

    def _told(self, db: sqlite3.Connection, call_id: str, event: str) -> Record:
        if self.tells:
            db.execute("INSERT INTO webhooks (call, event) VALUES (?, ?)", (call_id, event))
        return show_call(db, one(db, "SELECT * FROM calls WHERE id = ?", call_id))

    def send_due(self) -> float | None:
        """Tell what is due; returns the seconds until more is, None where nothing waits."""
        while self._http is not None and not self.courier.stopping:
            now = self._now()
            with self._store.reading() as db:
                row = db.execute(_NEXT).fetchone()
            if row is None:
                return None
            if row["next_at"] > now.timestamp():
                return float(row["next_at"]) - now.timestamp()
            body = json.dumps({"event": row["event"], "call": row["call"]}).encode()
            headers = signed_headers(self._secret, body, now)
            answer = self._http.write("POST", "", content=body, headers=headers, json_expected=False)
            self._note(row["id"], row["attempts"] + 1, answer)
        return None

    def _note(self, webhook_id: int, attempts: int, answer: Any) -> None:
        wait = wait_before(attempts)
        if isinstance(answer, HttpAnswer):
            state, why = "delivered", None
        else:
            permanent = isinstance(answer, NotDone) and answer.permanent
            state, why = ("failed" if permanent or attempts >= MOST_ATTEMPTS else "queued"), answer.why
            wait = max(wait, getattr(answer, "after", None) or 0.0)
        values = (state, answer.status, why, attempts, self._now().timestamp() + wait, webhook_id)
        with self._store.transaction() as db:
            db.execute(
                "UPDATE webhooks SET state = ?, status = ?, why = ?, attempts = ?, next_at = ? WHERE id = ?", values
            )


def show_call(db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    """The call and how far the last telling of it got (``webhook``: None where nobody is told)."""
    told = db.execute(
        "SELECT event, state, status, why, attempts FROM webhooks WHERE call = ? ORDER BY id DESC LIMIT 1", (row["id"],)
    ).fetchone()
    names = ("id", "phone", "operator", "occurred_at", "note", "script", "ruleset", "revision", "created_at")
    shown: Record = {name: row[name] for name in names}
    shown |= {"card": None if row["card"] is None else str(row["card"]), "facts": json.loads(row["facts"])}
    return shown | {"final": bool(row["final"]), "webhook": dict(told) if told else None}
