"""Reports calls as a CRM does: an event again and again until it is answered with a 2xx or a 4xx, in the call's order.

What was answered with a 2xx is remembered: the plugin has promised to keep it.
"""

from __future__ import annotations

import heapq
import itertools
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPException
from random import Random
from typing import Any

from chaos.story import Report, Story
from tests.support.plugin import signed_headers

_TIMEOUT = 10.0
_LONGEST_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an event, and how many tries it took."""

    status: int
    body: dict[str, Any]
    tries: int


@dataclass
class Tally:
    """What became of the events. ``wrong`` names every answer that should not have come."""

    answers: Counter[int] = field(default_factory=Counter)
    unanswered: int = 0
    accepted: int = 0
    wrong: list[str] = field(default_factory=list)


class Sender:
    """Tells ``stories`` to the plugin at ``port``.

    A story that begins at the fraction f of the run is held back until ``progress()`` has nearly come to f.
    """

    def __init__(self, port: int, secret: str, stories: Sequence[Story], progress: Callable[[], float]) -> None:
        self.tally = Tally()
        self._port = port
        self._secret = secret
        self._progress = progress
        self._last = max((story.begins for story in stories), default=0.0) or 1.0
        self._numbers = itertools.count()
        self._queue = [(story.begins, next(self._numbers), story, 0) for story in stories]
        heapq.heapify(self._queue)
        self._left = sum(len(story.reports) for story in stories)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._begun: dict[int, datetime] = {}
        self._pauses = Random(0)
        self._started = 0.0

    def run(self, threads: int, seconds: float) -> bool:
        """Send everything; False: not all of it was answered in time."""
        self._started = time.monotonic()
        deadline = self._started + seconds
        with ThreadPoolExecutor(threads, thread_name_prefix="sender") as pool:
            working = [pool.submit(self._work) for _ in range(threads)]
            while self._left and time.monotonic() < deadline and not any(future.done() for future in working):
                time.sleep(0.05)
            self._stop.set()
            for future in working:
                future.result()
        return self._left == 0

    def _work(self) -> None:
        while not self._stop.is_set():
            taken = self._next()
            if taken is None:
                self._stop.wait(0.02)
                continue
            story, index = taken
            self._tell(story, index)
            with self._lock:
                self._left -= 1
                if index + 1 < len(story.reports):
                    due = time.monotonic() - self._started + story.reports[index + 1].after
                    heapq.heappush(self._queue, (due, next(self._numbers), story, index + 1))

    def _next(self) -> tuple[Story, int] | None:
        with self._lock:
            if not self._queue:
                return None
            due, _, story, index = self._queue[0]
            held_back = index == 0 and story.begins / self._last > self._progress() + 0.1
            if held_back or due > time.monotonic() - self._started:
                return None
            heapq.heappop(self._queue)
            return story, index

    # --- one event -------------------------------------------------------------------------------

    def _tell(self, story: Story, index: int) -> None:
        report = story.reports[index]
        event = self._event(story, index)
        body = json.dumps(event, ensure_ascii=False).encode()
        if report.repeats > 1:
            # Two copies at the same moment; however they meet, one is taken in and the other is a repeat.
            with ThreadPoolExecutor(2) as pool:
                copies = list(pool.map(lambda _: self._until_answered(event["id"], body), range(2)))
        else:
            copies = [self._until_answered(event["id"], body)]
            copies += [self._until_answered(event["id"], body) for _ in range(report.repeats)]
        with self._lock:
            self._judge(story, report, event["id"], [copy for copy in copies if copy is not None])

    def _event(self, story: Story, index: int) -> dict[str, Any]:
        report = story.reports[index]
        begun = self._begun.setdefault(story.number, datetime.now(UTC))
        number = index - 1 if report.alters else index
        event: dict[str, Any] = {
            "id": f"{story.call}-{number}",
            "occurred_at": (begun + timedelta(seconds=index)).isoformat(),
            "final": report.final,
            "call": {"id": story.call, "phone": story.phone, "operator": "operator-1"},
            "facts": dict(report.facts),
        }
        if story.names_card:
            event["card"] = {"type": "contact", "id": story.card}
        return event

    def _until_answered(self, event_id: str, body: bytes) -> Answer | None:
        """The answer; None: there was none before the end of the run."""
        for tries in itertools.count(1):
            pause = 0.1
            try:
                status, given, after = self._post(event_id, body)
            except (OSError, HTTPException, ValueError):
                with self._lock:
                    self.tally.unanswered += 1
            else:
                with self._lock:
                    self.tally.answers[status] += 1
                if 200 <= status < 500:
                    return Answer(status, given, tries)
                pause = float(after or 0.1)
            with self._lock:
                pause = min(pause, _LONGEST_PAUSE) * self._pauses.uniform(0.5, 1.5)
            if self._stop.wait(pause):
                return None
        raise AssertionError

    def _post(self, event_id: str, body: bytes) -> tuple[int, dict[str, Any], str | None]:
        headers = signed_headers(event_id, body.decode(), self._secret)
        connection = HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            connection.request("POST", "/events/call-result", body, headers)
            response = connection.getresponse()
            given = json.loads(response.read())
            return response.status, given, response.headers["Retry-After"]
        finally:
            connection.close()

    def _judge(self, story: Story, report: Report, event_id: str, answers: Sequence[Answer]) -> None:
        for place, answer in enumerate(answers):
            again = place > 0 or answer.tries > 1 or len(answers) > 1
            as_expected = answer.status == report.status or (
                again and report.status < 400 and answer.status == 200 and answer.body.get("duplicate") is True
            )
            if not as_expected:
                said = json.dumps(answer.body, ensure_ascii=False)[:300]
                self.tally.wrong.append(f"{event_id}: {answer.status} instead of {report.status}: {said}")
            elif answer.status < 300:
                self.tally.accepted += event_id not in story.accepted
                story.accepted.setdefault(event_id, answer.body)
        if report.status == 202 and sum(answer.status == 202 for answer in answers) > 1:
            self.tally.wrong.append(f"{event_id}: taken in twice")
