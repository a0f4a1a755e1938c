"""A console with its ledger, and the people who work in it: a browser for each role."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from werkzeug.datastructures import Headers

from plugin.auth.users import Users
from plugin.auth.visitor import Role
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import Settings
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.ledger.promises import watched_reminders
from plugin.ledger.schema import attempts, calls, deliveries
from plugin.promise.bookkeeping import PromiseBook, judge
from plugin.web import create_app
from tests.plugin.auth.support import PASSWORD, HandClock, cheap_passwords
from tests.plugin.events.support import SETTINGS as SENDERS
from tests.plugin.events.support import Clock, call_result
from tests.plugin.events.support import Office as Sender


@dataclass
class Shown:
    """An answer of the console."""

    status: int
    headers: Headers
    html: str

    @property
    def text(self) -> str:
        """What a person reads of it, in one line."""
        body = re.sub(r"<(script|style).*?</\1>", " ", self.html, flags=re.DOTALL)
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def to(self) -> str:
        """Where it sends the browser."""
        return self.headers["Location"]


@dataclass
class Person:
    """A signed-in person's browser."""

    client: FlaskClient
    csrf: str

    def get(self, path: str) -> Shown:
        answer = self.client.get(path)
        return Shown(answer.status_code, answer.headers, answer.get_data(as_text=True))

    def post(self, path: str, csrf: str | None = None, **form: Any) -> Shown:
        answer = self.client.post(path, data=form | {"csrf": self.csrf if csrf is None else csrf})
        return Shown(answer.status_code, answer.headers, answer.get_data(as_text=True))

    def done(self, path: str, **form: Any) -> Shown:
        """What the page shows after the act."""
        answer = self.post(path, **form)
        assert answer.status == 303, answer.text
        return self.get(answer.to)


@dataclass
class ConsoleSite:
    """The application and what is behind it."""

    ledger: Ledger
    rules: ActiveRules
    settings: Settings
    clock: HandClock
    app: Flask = field(init=False)
    intake: Intake = field(init=False)
    users: Users = field(init=False)

    def __post_init__(self) -> None:
        self.intake = Intake(self.ledger, self.rules, self.settings, self.clock)
        self.app = create_app(self.intake, self.ledger, self.settings, self.rules, None, now=self.clock)
        self.users = Users(self.ledger, cheap_passwords(), self.clock)

    def person(self, role: Role, login: str | None = None) -> Person:
        """Somebody of this role, signed in."""
        login = login or f"{role}-1"
        user = self.users.find(login) or self.users.add(login, role, PASSWORD)
        own = self.app.extensions["optout_access"]
        token = own.sessions.sign_in(user.id, user.login, user.password_at)
        session = own.sessions.find(token)
        client = self.app.test_client()
        client.set_cookie(own.cookies.name("session"), token)
        return Person(client, session.csrf)

    def stranger(self) -> Person:
        """A browser that nobody has signed in with."""
        return Person(self.app.test_client(), "none")

    def report(self, call: str, facts: Mapping[str, Any] | None = None, /, *, ago: float = 0.0, **more: Any) -> int:
        """The ledger's number of a call that ended ``ago`` hours ago and is reported at that time."""
        self.clock.forward(hours=-ago)
        about = {"id": call, **more.pop("call", {})}
        event = call_result(facts, occurred_at=self.clock().isoformat(), call=about, **more)
        try:
            Sender(self.ledger, self.rules, self._sending, Clock(self.clock())).taken_body(event)
        finally:
            self.clock.forward(hours=ago)
        return int(self.rows(calls, call_id=call)[-1]["id"])

    @property
    def _sending(self) -> Settings:
        return replace(self.settings, sources=SENDERS.sources)

    def change(self, delivery: int, **columns: Any) -> None:
        """Put a delivery into a state."""
        with self.ledger.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery).values(**columns))

    def done(self, call: int, after: float = 0.01) -> None:
        """All of a call is written, so many hours after it ended."""
        ended = self.rows(calls, id=call)[0]["last_occurred_at"]
        for row in self.rows(deliveries, call_ref=call):
            moment = ended + timedelta(hours=after)
            self.change(row["id"], state="done", sent_at=moment, finished_at=moment, remote_id=f"r-{row['id']}")
            self.attempt(row["id"], at=moment, outcome="done")
        self.book()

    def fulfilled(self, call: int, after: float = 0.02) -> None:
        """Its people have done what they were reminded of, so many hours after it ended."""
        ended = self.rows(calls, id=call)[0]["last_occurred_at"]
        done = {"state": "done", "done_by": "u1", "done_at": ended + timedelta(hours=after), "done_through": "crm"}
        with self.ledger.write() as connection:
            connection.execute(update(watched_reminders).where(watched_reminders.c.call_ref == call).values(**done))
            judge(connection, [call], self.clock())

    def book(self) -> None:
        """Promises are brought up to date, as the service does."""
        while PromiseBook(self.ledger, self.clock).step():
            pass

    def park(self, delivery: int, why: str = "the CRM answered 403: ACCESS_DENIED") -> None:
        """A delivery was stopped."""
        moment = self.clock()
        self.change(delivery, state="parked", why=why, finished_at=moment, sent_at=moment, attempts=1)
        self.attempt(delivery, at=moment, outcome="not_done", why=why, status=403)

    def attempt(self, delivery: int, **columns: Any) -> None:
        """One attempt at a delivery."""
        row = {"delivery_ref": delivery, "at": self.clock(), "step": "send", "outcome": "unknown", "seconds": 0.5}
        with self.ledger.write() as connection:
            connection.execute(insert(attempts), row | columns)

    def deliveries_of(self, call: int) -> list[int]:
        """Their numbers."""
        return [row["id"] for row in self.rows(deliveries, call_ref=call)]

    def rows(self, table: Any, **where: Any) -> list[dict[str, Any]]:
        """The rows of a table of the ledger."""
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.ledger.read() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]
