"""A console with its ledger, and the people who work in it: a browser for each role."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import Headers

from plugin.auth.users import Users
from plugin.auth.visitor import Role
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import Settings
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.web import create_app
from tests.plugin.auth.support import PASSWORD, HandClock, cheap_passwords


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
class Office:
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

    def rows(self, table: Any, **where: Any) -> list[dict[str, Any]]:
        """The rows of a table of the ledger."""
        query = select(table).where(*(table.c[name] == value for name, value in where.items()))
        with self.ledger.read() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]
