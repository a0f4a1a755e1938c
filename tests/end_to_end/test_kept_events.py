"""Events of the CRM itself: whatever is killed or away after they were answered, what they named is carried out."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from connectors.embedded.signature import signed_headers
from tests.end_to_end.client import ALL, Client
from tests.support.crm import WEBHOOK_SECRET, Reply, RunningCrm, embedded_crm
from tests.support.mail import MailSink
from tests.support.plugin import RunningPlugin, running_plugin
from tests.support.postgres import Databases
from tests.support.processes import wait_until


@pytest.fixture
def own_crm(tmp_path: Path) -> Iterator[RunningCrm]:
    """A CRM that is ended and started in these tests."""
    with embedded_crm(tmp_path) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def web(request: pytest.FixtureRequest, tmp_path: Path, own_crm: RunningCrm, mail: MailSink) -> Iterator[RunningPlugin]:
    """A plugin that is not started yet, on each database."""
    if request.param == "sqlite":
        with running_plugin(tmp_path, own_crm, mail.port, start=False) as running:
            yield running
        return
    databases: Databases = request.getfixturevalue("postgres")
    with (
        databases.database() as url,
        running_plugin(tmp_path, own_crm, mail.port, start=False, ledger_url=url) as running,
    ):
        yield running


def tell(plugin: RunningPlugin, call: str) -> Reply:
    """Report a call as the CRM does: signed, and by its id alone."""
    body = json.dumps({"event": "call.created", "call": call}).encode()
    connection = HTTPConnection(urlsplit(plugin.url).netloc, timeout=20)
    try:
        connection.request("POST", "/events/embedded", body, signed_headers(WEBHOOK_SECRET, body, datetime.now(UTC)))
        answer = connection.getresponse()
        return Reply(answer.status, dict(answer.headers), answer.read().decode())
    finally:
        connection.close()


def test_an_event_that_was_answered_before_a_kill_and_without_the_crm_is_carried_out_all_the_same(
    own_crm: RunningCrm, web: RunningPlugin, mail: MailSink
) -> None:
    client = Client(own_crm, mail, web)
    ended = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    record = {"id": client.call, "phone": client.phone, "card": client.card, "facts": ALL, "occurred_at": ended}
    own_crm.api.send("POST", "calls", record | {"final": True, "script": "survey_opt_out"})
    web.start(command="web")
    own_crm.stop(signal.SIGKILL)

    reply = tell(web, client.call)
    assert (reply.status, reply.data) == (202, {"kept": 1})
    web.stop(signal.SIGKILL)

    # Killed once more by whoever was to resolve it, while the CRM is still away.
    web.start(command="deliver")
    wait_until(lambda: "events.waits" in web.log, 20)
    web.stop(signal.SIGKILL)

    own_crm.start()
    web.start(command="deliver")
    wait_until(lambda: web.states(client.call), 60)
    client.settle()
    assert len(client.comments) == 1
    assert client.reminders == Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1, ("sms", "ИСКЛЮЧИТЬ", "open"): 1})
    assert web.stop() == 0


@pytest.mark.parametrize("web", ["sqlite"], indirect=True)
def test_an_event_whose_call_the_crm_shows_is_answered_with_its_decision(
    own_crm: RunningCrm, web: RunningPlugin, mail: MailSink
) -> None:
    client = Client(own_crm, mail, web)
    record = {"id": client.call, "phone": client.phone, "card": client.card, "facts": ALL, "final": True}
    own_crm.api.send("POST", "calls", record | {"script": "survey_opt_out"})
    web.start()
    reply = tell(web, client.call)
    assert (reply.status, reply.data["decision"]["outcome"]) == (202, "exclude_all")
    assert tell(web, client.call).data["duplicate"] is True
    client.settle()
    assert len(client.comments) == 1


@pytest.mark.parametrize("web", ["sqlite"], indirect=True)
def test_a_call_whose_event_reached_nobody_is_carried_out_once_after_the_next_start(
    own_crm: RunningCrm, web: RunningPlugin, mail: MailSink
) -> None:
    client = Client(own_crm, mail, web)
    web.start()
    assert web.stop() == 0
    record = {"id": client.call, "phone": client.phone, "card": client.card, "facts": ALL, "final": True}
    own_crm.api.send("POST", "calls", record | {"script": "survey_opt_out"})

    web.start()
    wait_until(lambda: web.states(client.call), 60)
    assert tell(web, client.call).data["duplicate"] is True
    client.settle()
    assert len(client.comments) == 1
    assert client.reminders == Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1, ("sms", "ИСКЛЮЧИТЬ", "open"): 1})
