"""What the tests of the way in share: a site with two pages behind it, and a browser that keeps its cookies."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, jsonify, request
from marshmallow import Schema

from connectors.base import CardRef, CrmRefused, CrmUnavailable, EventMalformed, EventNotAuthentic, FrameCall
from plugin.auth.links import Links
from plugin.auth.users import Users
from plugin.auth.visitor import LinkedCall
from plugin.config.settings import PageSettings
from plugin.ledger import Ledger
from plugin.web.auth import answer_people, json_view, page_view, visitor
from tests.plugin.auth.support import KEY, PASSWORD, HandClock, cheap_passwords
from tests.plugin.web.harness import Crm as EventsCrm

PAGE = PageSettings(public_url="https://optout.example.org", secret=KEY)
FRAMED = PageSettings(public_url="https://optout.example.org", secret=KEY, frame_ancestors=("https://crm.example.org",))


class Crm(EventsCrm):
    """A CRM with a place for the page: whoever bears the portal's token is told the call."""

    name = "testcrm"
    Settings = Schema

    def open_frame(self, query: Mapping[str, str], form: Mapping[str, str]) -> FrameCall:
        given = {**query, **form}
        match given:
            case {"token": "portal", "call": call, "card": card}:
                return FrameCall("ivanova", call, None, CardRef("contact", card), card_seen="seen" in given)
            case {"token": "portal", "card": card}:
                return FrameCall("ivanova", None, "+79161234567", CardRef("contact", card), "Иванов")
            case {"token": "portal", "call": call}:
                return FrameCall("ivanova", call, "+79161234567")
            case {"token": "portal"}:
                raise EventMalformed("no placement")
            case {"token": "slow"}:
                raise CrmUnavailable("too many requests", after=6.5)
            case {"token": "rightless"}:
                raise CrmRefused("no access", status=403, code="insufficient_scope")
        raise EventNotAuthentic("the portal does not know this token")


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def to(self) -> str:
        return self.headers["Location"]

    def field(self, name: str) -> str:
        """The value of a form's field."""
        found = re.search(rf'name="{name}"[^>]* value="([^"]*)"', self.body)
        assert found, f"no field {name}"
        return unescape(found.group(1))

    @property
    def title(self) -> str:
        found = re.search(r"<h1>(.*?)</h1>", self.body)
        assert found, self.body
        return unescape(found.group(1))


@dataclass
class Browser:
    """One person's browser at a site; keeps cookies as they are set, whatever their attributes."""

    port: int
    cookies: dict[str, str] = field(default_factory=dict)
    #: Every Set-Cookie header so far.
    set: list[str] = field(default_factory=list)

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:  # fmt: skip
        sent = dict(headers or {})
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            body, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        elif body is not None:
            body, sent["Content-Type"] = json.dumps(body), "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            heard = Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()
        self._keep(heard.headers.get_all("Set-Cookie") or [])
        return heard

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def sign_in(
        self, login: str = "ivanova", password: str = PASSWORD, back: str | None = None, **headers: str
    ) -> Answer:
        form = self.get("/operator/sign-in?" + urlencode({"next": back} if back else {}))
        values = {"login": login, "password": password, "csrf": form.field("csrf"), "next": form.field("next")}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("POST", "/operator/sign-in", values, named)

    def who(self, call: str | None = None) -> Any:
        """What the page behind knows of its visitor."""
        return self.get("/operator/?" + urlencode({"call": call} if call else {})).json

    def save(self, csrf: str | None, call: str | None = None) -> Answer:
        """Send something unsafe to the JSON route."""
        headers = {} if csrf is None else {"X-CSRF-Token": csrf}
        return self.ask("POST", "/operator/answers?" + urlencode({"call": call} if call else {}), None, headers, {})

    def _keep(self, headers: Sequence[str]) -> None:
        self.set += headers
        for header in headers:
            # http.cookies knows Partitioned from Python 3.14 on.
            for name, morsel in SimpleCookie(header.replace("; Partitioned", "")).items():
                if morsel["max-age"] == "0" or not morsel.value:
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value


@dataclass
class Site:
    """A site that runs, with a user ivanova."""

    port: int
    ledger: Ledger
    page: PageSettings
    users: Users
    clock: HandClock

    def browser(self) -> Browser:
        return Browser(self.port)

    def link(self, call: LinkedCall, operator: str = "ivanova") -> str:
        """The path and query of a link."""
        return Links.of(self.page, self.clock).make(operator, call).removeprefix(self.page.public_url)

    def opened(self, *calls: LinkedCall, operator: str = "ivanova") -> Browser:
        """A browser that has opened links to these calls."""
        browser = self.browser()
        for call in calls:
            assert browser.get(self.link(call, operator)).status == 303
        return browser


def behind() -> Blueprint:
    """What is guarded: pages and JSON routes such as the operators' side has them."""
    blueprint = Blueprint("behind", __name__)

    def told(call_id: str | None = None) -> Response:
        who = visitor(call_id)
        call = who.call.id if who.call else None
        known = who.known and [who.known.id, who.known.phone, who.known.name]
        return jsonify(operator=who.operator, role=who.role, call=call, known=known, csrf=who.csrf)

    @blueprint.get("/operator/")
    @page_view
    def home() -> Response:
        return told()

    @blueprint.get("/operator/admin")
    @page_view(role="admin")
    def admin() -> Response:
        return told()

    @blueprint.post("/operator/answers")
    @json_view
    def answers() -> Response:
        return told()

    @blueprint.post("/operator/calls/<path:call_id>/answers")
    @json_view
    def answers_of(call_id: str) -> Response:
        return told()

    @blueprint.post("/operator/by-body")
    @json_view
    def by_body() -> Response:
        return told(request.get_json()["call"])

    @blueprint.post("/operator/form")
    @page_view
    def form() -> Response:
        return told()

    @blueprint.get("/operator/report")
    @json_view(role="admin")
    def report() -> Response:
        return told()

    @blueprint.get("/operator/broken")
    @page_view
    def broken() -> Response:
        raise RuntimeError("hunter2")

    answer_people(blueprint)
    return blueprint


def guarded_app(ledger: Ledger, settings: Any, clock: HandClock) -> Flask:
    from plugin.web import errors
    from plugin.web.auth import guard_operators_side

    app = Flask("optout", static_folder=None)
    errors.register(app)
    if guard_operators_side(app, ledger, settings, Crm({}), now=clock, passwords=cheap_passwords()):
        app.register_blueprint(behind())
    return app
