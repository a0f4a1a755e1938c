"""EspoCRM of a run: its API and its webhooks as its source has them, the latter on a clock 600 times as fast."""

from __future__ import annotations

import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from typing import Any, Literal, Self

from tests.connectors.espocrm.rig import HOOK, signed
from tests.connectors.espocrm.server import EspoServer
from tests.connectors.espocrm.webhooks import WebhookQueue

#: What lies between the CRM and the plugin: nothing, a proxy that answers for it, or nobody who does.
Way = Literal["open", "proxy", "closed"]

#: So many of the CRM's seconds pass in one: its four tries are over in three.
_FASTER = 600.0
_LOOKS = 0.05
_ANSWER_SECONDS = 5.0
_SHUT_OUT_SECONDS = 2.0
_MOST_FAILED = 10


class StormyEspo(EspoServer):
    """The API by the real time, but that a shut-out is over sooner."""

    @property
    def now(self) -> datetime:
        return datetime.now(UTC)

    @now.setter
    def now(self, _: datetime) -> None:
        """The clock is nobody's to set."""

    def is_shut_out(self) -> bool:
        lately = self.now - timedelta(seconds=_SHUT_OUT_SECONDS)
        return sum(moment > lately for moment in self._failed) > _MOST_FAILED


class Reporter:
    """Reports changed calls to the plugin at ``port``, from ``with`` to its end, and gives up as EspoCRM does.

    ``answers`` counts what came back; 0: nothing did.
    """

    def __init__(self, crm: StormyEspo, port: int) -> None:
        self.way: Way = "open"
        self.answers: Counter[int] = Counter()
        self._crm = crm
        self._port = port
        self._queue = WebhookQueue(self._post)
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def __enter__(self) -> Self:
        self._crm.add("Webhook", **HOOK)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def report(self, call: str) -> None:
        """A call was made or changed."""
        with self._lock:
            self._queue.add({"id": call}, self._now())

    @property
    def given_up(self) -> int:
        """How many reports reached nobody."""
        with self._lock:
            return sum(item.status == "Failed" for item in self._queue.items)

    @property
    def is_idle(self) -> bool:
        """Whether no report is left to be made."""
        with self._lock:
            return all(item.status != "Pending" for item in self._queue.items)

    def _now(self) -> datetime:
        passed = (time.monotonic() - self._began) * _FASTER
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=passed)

    def _run(self) -> None:
        while not self._stop.wait(_LOOKS):
            with self._lock:
                self._queue.run(self._now())

    def _post(self, body: bytes) -> int | None:
        status = {"proxy": 502, "closed": None}[self.way] if self.way != "open" else self._posted(body)
        self.answers[status or 0] += 1
        return status

    def _posted(self, body: bytes) -> int | None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_ANSWER_SECONDS)
        try:
            headers: dict[str, Any] = {**signed(body), "Content-Type": "application/json"}
            connection.request("POST", "/events/espocrm", body, headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, HTTPException):
            return None
        finally:
            connection.close()
