"""What the web side's tests speak to: a CRM that reports calls, signed call results, and waitress on a free port."""

from __future__ import annotations

import base64
import http.client
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from marshmallow import Schema
from standardwebhooks.webhooks import Webhook

from connectors.base import (
    CallResult,
    Card,
    Connector,
    CrmRefused,
    CrmUnavailable,
    EventMalformed,
    EventNotAuthentic,
    Limits,
    NotDone,
    NotMapped,
    Reference,
    ReminderState,
)
from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import Settings
from plugin.ledger import Ledger
from plugin.web import WebServer, bind
from plugin.web.limits import BodyLimits

SECRET = base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
LIMIT = 20_000
CRM_LIMIT = 60_000
PATH_SECRET = "s3cret-in-the-path"

PLUGIN_TOML = f"""
[plugin]
id = "optout"
version = "1.2.3"
events = ["call-result"]
default_script = "survey_opt_out"
rules = "{Path(__file__).parents[3] / "rules"}"
timezone = "Europe/Moscow"

[ledger]
url = "sqlite:///ledger.db"

[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:9"
token = {{ env = "CRM_TOKEN" }}

[sources.telephony]
secrets = [{{ env = "WEBHOOK_SECRET" }}]

[delivery]
poll_seconds = 0.2

[web]
port = 0
threads = 4
max_body_bytes = {LIMIT}
max_crm_event_bytes = {CRM_LIMIT}
"""
ENVIRON = {"CRM_TOKEN": "token", "WEBHOOK_SECRET": SECRET}


class Crm(Connector):
    """A CRM that reports calls: ``{"secret", "calls": […], "references": […]}``; only events are of interest here."""

    name = "testcrm"
    Settings = Schema
    repeats_events = True

    def parse_event(
        self, headers: Mapping[str, str], path_secret: str | None, query: Mapping[str, str], body: bytes
    ) -> Sequence[CallResult | Reference]:
        if PATH_SECRET not in (path_secret, headers.get("x-crm-token"), query.get("token")):
            raise EventNotAuthentic("no token")
        try:
            event = json.loads(body)
        except ValueError as error:
            raise EventMalformed("not JSON") from error
        return [*event.get("calls", []), *(Reference("call", id_) for id_ in event.get("references", []))]

    def resolve(self, reference: Reference) -> CallResult | None:
        if reference.id == "busy":
            raise CrmUnavailable("too many requests", after=7.2, status=429)
        if reference.id == "down":
            raise CrmUnavailable("cannot connect")
        if reference.id == "forbidden":
            raise CrmRefused("no access", status=403, code="ACCESS_DENIED")
        if reference.id == "unmapped":
            raise NotMapped("field 'UF_1' holds '45': map it", field="UF_1", value="45", fact="refuses")
        if reference.id == "broken":
            raise RuntimeError("password=hunter2")
        return None if reference.id == "foreign" else call_result(reference.id)

    def limits(self) -> Limits:
        return Limits()

    def check(self) -> Sequence[Any]:
        return ()

    def read_card(self, card: object) -> Card | None:
        return None

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        return ()

    def add_comment(self, *_: Any, **__: Any) -> NotDone:
        return NotDone("not here")

    create_reminder = notify_email = withdraw_reminder = add_comment

    def find(self, *_: object) -> str | None:
        return None

    def reminder_state(self, remote_id: str) -> ReminderState:
        return ReminderState.MISSING


class OneShotCrm(Crm):
    """The same, but it sends an event only once."""

    repeats_events = False


def call_result(event: str, **more: Any) -> dict[str, Any]:
    """A complete call result; its call is named after the event."""
    facts = {"related_to_car": True, "survey_type": "calls", "agreed_to_warning": "yes"}
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    call = {"id": f"call-{event}", "phone": "+79161234567", "operator": "operator-1"}
    return {"id": event, "occurred_at": moment, "final": True, "call": call, "facts": facts} | more


def signed(event: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """The event's body and its headers."""
    body = json.dumps(event, ensure_ascii=False).encode()
    moment = datetime.now(UTC)
    headers = {
        "webhook-id": str(event["id"]),
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(str(event["id"]), moment, body.decode()),
        "content-type": "application/json",
    }
    return body, headers


@dataclass
class Heard:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Site:
    """A running web side."""

    port: int
    ledger: Ledger
    rules: ActiveRules
    settings: Settings

    def ask(self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Heard:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return Heard(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def report(self, event: Mapping[str, Any]) -> Heard:
        body, headers = signed(event)
        return self.ask("POST", "/events/call-result", body, headers)


@contextmanager
def serving(
    app: Any,
    *,
    threads: int = 4,
    too_large: Callable[[str], None] = lambda _path: None,
    path: str = "",
    port: int = 0,
) -> Iterator[tuple[WebServer, threading.Thread]]:
    """waitress in a thread, stopped in the end."""
    limits = BodyLimits(LIMIT, CRM_LIMIT)
    server = WebServer(app, bind("127.0.0.1", port), threads=threads, limits=limits, too_large=too_large, path=path)
    thread = threading.Thread(target=server.run, kwargs={"finish_within": 5.0})
    thread.start()
    try:
        yield server, thread
    finally:
        server.stop()
        thread.join(20)
        assert not thread.is_alive()
