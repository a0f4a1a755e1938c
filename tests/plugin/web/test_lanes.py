"""The threads that answer requests."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from plugin.web.lanes import Lanes


@dataclass
class _Asking:
    """A connection with one request."""

    command: str
    path: str
    told: list[str]
    done: threading.Event = field(default_factory=threading.Event)

    @property
    def requests(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(command=self.command, path=self.path, error=None)]

    def service(self) -> None:
        self.told.append("answered")
        self.done.set()

    def cancel(self) -> None:
        self.told.append("cancelled")


@pytest.mark.parametrize(
    ("command", "path", "rests"),
    [
        ("POST", "/operator/sign-in", True),
        ("POST", "/console/users/password", True),
        ("GET", "/operator/sign-in", False),
        ("POST", "/events/call-result", False),
        ("GET", "/suppression", False),
    ],
)
def test_a_thread_rests_after_a_sign_in_so_that_a_crowd_sent_away_holds_up_no_event(
    command: str, path: str, rests: bool
) -> None:
    told: list[str] = []
    rested = threading.Event()

    def sleep(seconds: float) -> None:
        assert seconds >= 0.05  # at most forty a second, by two threads
        told.append("rested")
        rested.set()

    lanes = Lanes(4, sleep)
    connection = _Asking(command, path, told)
    lanes.add_task(connection)
    assert connection.done.wait(10)
    if rests:
        assert rested.wait(10)
    lanes.shutdown(10)
    assert told == (["answered", "rested"] if rests else ["answered"])


def test_a_sign_in_that_nobody_has_begun_is_cancelled_at_the_end() -> None:
    told: list[str] = []
    over = threading.Event()

    def sleep(_: float) -> None:
        assert over.wait(10)

    lanes = Lanes(4, sleep)
    for number in range(3):  # two threads have one each
        lanes.add_task(_Asking("POST", "/operator/sign-in", told))
        while len(told) < min(number + 1, 2):
            threading.Event().wait(0.001)
    threading.Timer(0.05, over.set).start()
    lanes.shutdown(10)
    assert sorted(told) == ["answered", "answered", "cancelled"]
