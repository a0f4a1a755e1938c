"""Rows that wait to be sent, and the thread that sends what is due, at once or when woken, and tries the rest later."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from connectors.embedded.crm.store import CrmStore

log = logging.getLogger("connectors.embedded")

_LONGEST_WAIT = 60.0
_AFTER_A_FAULT = 5.0
#: How often something is tried before it is given up.
_MOST_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came of one attempt. ``why`` None: it was sent; ``permanent``: it never will be.

    ``after``: the shortest wait in seconds before the next attempt; ``columns``: what else to store in the row.
    """

    why: str | None = None
    permanent: bool = False
    after: float = 0.0
    columns: Mapping[str, object] = field(default_factory=dict)


class SendQueue:
    """The rows of ``table`` in the state *queued*, sent by ``send`` from a thread of its own; None: nothing is sent.

    A row that was sent gets the state ``sent``.
    """

    def __init__(
        self,
        store: CrmStore,
        table: str,
        sent: str,
        send: Callable[[sqlite3.Row], SendResult] | None,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._table = table
        self._sent = sent
        self._send = send
        self._now = now
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"crm-{table}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something new may be due."""
        self._wake.set()

    def stop(self, timeout: float = 5.0) -> None:
        """Finish what is in hand, if it takes no longer than ``timeout`` seconds."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                wait = self._send_due()
            except Exception:
                # Nothing above the thread would notice its end, and all later rows would silently wait.
                log.exception("%s failed, going on", self._thread.name)
                wait = _AFTER_A_FAULT
            self._wake.wait(wait)

    def _send_due(self) -> float | None:
        """Send what is due; returns the seconds until more is, None where nothing waits."""
        next_row = f"SELECT * FROM {self._table} WHERE state = 'queued' ORDER BY next_at, id LIMIT 1"
        while self._send is not None and not self._stop.is_set():
            with self._store.reading() as db:
                row = db.execute(next_row).fetchone()
            if row is None:
                return None
            wait = float(row["next_at"]) - self._now().timestamp()
            if wait > 0:
                return wait
            self._store_result(row, self._send(row))
        return None

    def _store_result(self, row: sqlite3.Row, result: SendResult) -> None:
        attempts = row["attempts"] + 1
        given_up = result.permanent or attempts >= _MOST_ATTEMPTS
        values = {
            "state": self._sent if result.why is None else "failed" if given_up else "queued",
            "why": result.why,
            "attempts": attempts,
            "next_at": self._now().timestamp() + max(result.after, _wait_after(attempts)),
            **result.columns,
        }
        columns = ", ".join(f"{name} = :{name}" for name in values)
        with self._store.transaction() as db:
            db.execute(f"UPDATE {self._table} SET {columns} WHERE id = :id", values | {"id": row["id"]})


def _wait_after(attempts: int) -> float:
    """Seconds to wait after this many failed attempts: a quarter, then doubling up to a minute."""
    return min(_LONGEST_WAIT, 0.25 * 2.0 ** min(attempts - 1, 10))
