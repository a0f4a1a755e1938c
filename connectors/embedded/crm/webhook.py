"""Call records, and the webhook that reports them: a signed request that names only the call, repeated until taken."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from connectors.base import Limits, NotDone, Unknown
from connectors.embedded.crm.records import Record, card_named, insert, one, stamp
from connectors.embedded.crm.send_queue import SendQueue, SendResult
from connectors.embedded.crm.store import CrmStore
from connectors.embedded.signature import signed_headers
from connectors.http.client import HttpAnswer, HttpClient

_LIMITS = Limits(connect_seconds=2.0, read_seconds=10.0, requests_per_second=500.0, burst=500)


class CallReporter:
    """Takes call records in and reports each new one and each change to ``url``, signed with ``secret``."""

    def __init__(self, store: CrmStore, url: str | None, secret: str, now: Callable[[], datetime]) -> None:
        """Raises ValueError for an unusable address."""
        self._http = HttpClient(url, _LIMITS) if url else None
        self._secret = secret
        self._now = now
        self.queue = SendQueue(store, "webhooks", "delivered", self._attempt if url else None, now)

    @property
    def reports(self) -> bool:
        """Whether calls are reported at all."""
        return self._http is not None

    def add(self, db: sqlite3.Connection, call: Mapping[str, Any]) -> Record:
        """Record a call. Raises NotPossible for a taken id or an unknown card."""
        card = card_named(db, call["card"])["id"] if call["card"] else None
        when = call["occurred_at"] or self._now()
        call_id = call["id"] or f"call-{db.execute('SELECT coalesce(max(number), 0) + 1 FROM calls').fetchone()[0]}"
        at = stamp(self._now())
        written = {"id": call_id, "card": card, "facts": json.dumps(call["facts"]), "occurred_at": when.isoformat()}
        insert(db, "calls", {**call, **written, "revision": 1, "created_at": at, "changed_at": at})
        return self._report(db, call_id, "call.created")

    def change(self, db: sqlite3.Connection, call_id: str, changes: Mapping[str, Any]) -> Record:
        """Change a call's record; without ``occurred_at`` the change counts from now. Raises NoSuchRecord."""
        one(db, "SELECT id FROM calls WHERE id = ?", call_id)
        values = dict(changes)
        values["occurred_at"] = (values.get("occurred_at") or self._now()).isoformat()
        if "facts" in values:
            values["facts"] = json.dumps(values["facts"])
        values["changed_at"] = stamp(self._now())
        columns = ", ".join(f"{name} = :{name}" for name in values)
        values["call_id"] = call_id
        db.execute(f"UPDATE calls SET {columns}, revision = revision + 1 WHERE id = :call_id", values)
        return self._report(db, call_id, "call.changed")

    def _report(self, db: sqlite3.Connection, call_id: str, event: str) -> Record:
        if self.reports:
            db.execute("INSERT INTO webhooks (call, event) VALUES (?, ?)", (call_id, event))
        return show_call(db, one(db, "SELECT * FROM calls WHERE id = ?", call_id))

    def _attempt(self, row: sqlite3.Row) -> SendResult:
        assert self._http is not None
        body = json.dumps({"event": row["event"], "call": row["call"]}).encode()
        headers = signed_headers(self._secret, body, self._now())
        answer = self._http.write("POST", "", content=body, headers=headers, json_expected=False)
        columns = {"status": answer.status}
        match answer:
            case HttpAnswer():
                return SendResult(columns=columns)
            case NotDone():
                return SendResult(answer.why, answer.permanent, answer.after or 0.0, columns)
            case Unknown():
                return SendResult(answer.why, columns=columns)


def show_call(db: sqlite3.Connection, row: sqlite3.Row) -> Record:
    """The call and what came of its last report (``webhook``: None where it was never reported)."""
    reported = db.execute(
        "SELECT event, state, status, why, attempts FROM webhooks WHERE call = ? ORDER BY id DESC LIMIT 1", (row["id"],)
    ).fetchone()
    names = (
        "id",
        "phone",
        "operator",
        "occurred_at",
        "note",
        "script",
        "ruleset",
        "revision",
        "created_at",
        "changed_at",
    )
    shown: Record = {name: row[name] for name in names}
    shown |= {"card": None if row["card"] is None else str(row["card"]), "facts": json.loads(row["facts"])}
    return shown | {"final": bool(row["final"]), "webhook": dict(reported) if reported else None}
