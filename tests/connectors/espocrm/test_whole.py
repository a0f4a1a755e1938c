"""The plugin as a process, connected to EspoCRM: from its webhook to what stands in the card."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.espocrm.markup import shown
from tests.connectors.espocrm.rig import WEBHOOK, WEBHOOK_SECRET, EspoRig, signed
from tests.connectors.espocrm.server import API_KEY, EspoServer
from tests.support.fake_api import Fault
from tests.support.home import lay_out
from tests.support.plugin import RunningPlugin, plugin_at
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow

_MARK = re.compile(r"\[ref:[0-9a-f]{16}\]$")
_SETTINGS = """
[crm]
connector = "espocrm"

[crm.espocrm]
base_url = "{url}"
api_key = {{ env = "ESPOCRM_KEY" }}
webhooks = {{ file = "webhooks.txt" }}
mail_sender = "crm@example.org"
connect_seconds = 1.0
read_seconds = 1.0
settling_seconds = 0.5
requests_per_second = 200.0
burst = 200

[crm.espocrm.facts.related_to_car]
field = "cRelated"
values = {{ "Yes" = true, "No" = false }}

[crm.espocrm.facts.survey_type]
field = "cKind"
values = {{ "Calls" = "calls", "Online" = "online", "All" = "all" }}

[crm.espocrm.facts.agreed_to_warning]
field = "cWho"
values = {{ "Agreed" = "yes", "Changed" = "changed_mind" }}

"""


class Office:
    """The CRM and the plugin."""

    def __init__(self, espo: EspoRig, plugin: RunningPlugin) -> None:
        self.espo, self.server, self.plugin = espo, espo.server, plugin
        self.call = self.server.add("Call", **espo.call(cRelated=None, cKind=None))

    def answer(self, **answers: Any) -> None:
        """The operator fills these in; the CRM tells of it."""
        names = {"related": "cRelated", "surveys": "cKind", "warned": "cWho"}
        changes = {names[name]: value for name, value in answers.items()}
        with self.server.lock:
            self.server.now = datetime.now(UTC)
            self.server.records["Call"][self.call] |= changes | {"modifiedAt": self.server.stamp()}
        self.tell(changes)

    def tell(self, changes: dict[str, Any]) -> int:
        """An event, as the CRM's queue sends it; returns the answer's status."""
        body = json.dumps([changes | {"id": self.call}]).encode()
        request = urllib.request.Request(f"{self.plugin.url}/events/espocrm", body, signed(body))
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)

    def settled(self) -> bool:
        return self.plugin.is_settled(self.call)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    server = EspoServer()
    server.now = datetime.now(UTC)
    with server.running():
        espo = EspoRig(server)
        home = tmp_path / "plugin"
        coordinator, sms_manager = (str(person.user) for person in espo.people)
        lay_out(home, _SETTINGS.format(url=server.url), (coordinator, sms_manager))
        (home / "webhooks.txt").write_text(f"Call.update {WEBHOOK} {WEBHOOK_SECRET}\n", encoding="utf-8")
        with plugin_at(home, {"ESPOCRM_KEY": API_KEY}) as plugin:
            yield Office(espo, plugin)
        espo.connector.close()


def test_a_refusal_that_the_crm_reports_is_written_once_whatever_breaks(office: Office) -> None:
    faults = (Fault.DROP_AFTER, Fault.THROTTLED, Fault.TIME_OUT_AFTER, Fault.TOKEN_EXPIRED, Fault.ERROR_AFTER)
    office.espo.fault(*faults)
    office.answer(related="Yes", surveys="All", warned="Agreed")
    # The CRM tells of the same call again, and of nothing new.
    office.tell({"status": "Held"})

    wait_until(lambda: len(office.server.mails) == 2 and len(office.espo.written("reminder")) == 2, 90)
    wait_until(office.settled, 90)

    (comment,) = office.espo.written("comment")
    assert comment.card == office.espo.card
    assert _MARK.search(comment.text)
    reminders = office.espo.written("reminder")
    assert {one.assignee for one in reminders} == {person.user for person in office.espo.people}
    assert {(one.subject, one.card) for one in reminders} == {("ИСКЛЮЧИТЬ", office.espo.card)}
    assert {mail["subject"] for mail in office.server.mails} == {"ИСКЛЮЧИТЬ"}
    assert len(office.server.mails) == 2
    for secret in (API_KEY, WEBHOOK_SECRET, "9161234567", "Иванов"):
        assert secret not in office.plugin.log


def test_mails_wait_for_the_crms_mail_server_and_go_out_once(office: Office) -> None:
    office.server.smtp = "Connection refused"
    office.answer(related="Yes", surveys="Calls")
    wait_until(lambda: office.server.all("Email"), 30)
    wait_until(lambda: len(office.espo.written("reminder")) == 1, 30)
    office.server.smtp = None
    wait_until(lambda: len(office.server.mails) == 1, 30)
    wait_until(office.settled, 30)
    assert [mail["status"] for mail in office.server.all("Email")] == ["Sent"]


def test_a_correction_cancels_the_task_and_says_why(office: Office) -> None:
    office.answer(related="Yes", surveys="Calls")
    wait_until(lambda: office.settled() and len(office.espo.written("reminder")) == 1, 30)
    office.answer(surveys="Online", warned="Changed")
    wait_until(lambda: len(office.espo.written("comment")) == 2, 30)
    wait_until(office.settled, 30)

    (task,) = office.server.all("Task")
    assert task["status"] == "Canceled"
    assert _MARK.search(shown(task["description"]))
    # Its person is told.
    assert [mail["subject"] for mail in office.server.mails] == ["ИСКЛЮЧИТЬ", "ОТМЕНА: ИСКЛЮЧИТЬ"]


def test_an_event_that_nobody_signed_is_refused(office: Office) -> None:
    request = urllib.request.Request(f"{office.plugin.url}/events/espocrm", b'[{"id": "65f"}]')
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    assert caught.value.code == 401
    caught.value.close()
