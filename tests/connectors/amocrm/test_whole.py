"""The plugin as a process, connected to the account by OAuth: from amoCRM's webhook to what stands in the card."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.amocrm.rig import SECRET
from tests.connectors.amocrm.server import (
    ACCOUNT,
    CLIENT_ID,
    CLIENT_SECRET,
    CODE,
    COORDINATOR,
    OWN,
    REDIRECT,
    SMS_MANAGER,
    AmoServer,
    webhook,
)
from tests.support.fake_api import Fault
from tests.support.home import lay_out
from tests.support.mail import MailSink, mail_sink
from tests.support.plugin import RunningPlugin, plugin_at
from tests.support.processes import wait_until

pytestmark = pytest.mark.slow

RELATED, REFUSES, WARNED = 601, 602, 603

_SETTINGS = """
[crm]
connector = "amocrm"

[crm.amocrm]
base_url = "{url}"
account_id = {account}
own_user = {own}
client_id = "{client_id}"
client_secret = {{ env = "AMOCRM_CLIENT_SECRET" }}
redirect_uri = "{redirect}"
code = {{ env = "AMOCRM_CODE" }}
webhook_secret = {{ env = "AMOCRM_WEBHOOK_SECRET" }}
connect_seconds = 1.0
read_seconds = 1.0
settling_seconds = 0.5
burst = 100

[crm.amocrm.facts.related_to_car]
field = "601"
values = {{ "Да" = true, "Нет" = false }}

[crm.amocrm.facts.survey_type]
field = "602"
values = {{ "Звонки" = "calls", "Онлайн" = "online", "Все" = "all" }}

[crm.amocrm.facts.agreed_to_warning]
field = "603"
values = {{ "Согласен" = "yes", "Передумал" = "changed_mind" }}

"""


class Office:
    """The account, the plugin and the mail server."""

    def __init__(self, server: AmoServer, plugin: RunningPlugin, mail: MailSink) -> None:
        self.server, self.plugin, self.mail = server, plugin, mail
        self.contact = server.card("contacts", "Иванов Иван Иванович", ["8 (916) 123-45-67"])
        self.calls = 0

    def call(self, **answers: str) -> None:
        """A call in which the operator fills these answers in; amoCRM tells of it as it does."""
        self.calls += 1
        params = {"uniq": f"call-{self.calls}", "duration": 60, "phone": "+79161234567"}
        for name, text in answers.items():
            number = {"related": RELATED, "refuses": REFUSES, "warned": WARNED}[name]
            self.server.fill("contacts", self.contact, number, [{"value": text, "enum_id": number * 10}])
        note = self.server.note("contacts", self.contact, note_type="call_out", params=params)
        name = "contacts[note][0][note]"
        self.tell({f"{name}[id]": note, f"{name}[element_id]": self.contact, f"{name}[note_type]": 11})

    def tell(self, fields: dict[str, object]) -> None:
        body = webhook(fields)
        request = urllib.request.Request(f"{self.plugin.url}/events/amocrm/{SECRET}", body)
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status in (200, 202)

    @property
    def comments(self) -> list[str]:
        return [note["params"]["text"] for note in self.server.account.notes.values() if note["note_type"] == "common"]

    @property
    def reminded(self) -> list[int]:
        return sorted(task["responsible_user_id"] for task in self.server.account.tasks.values())


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    server = AmoServer()
    with server.running(), mail_sink() as mail:
        home = tmp_path / "plugin"
        given = {"account": ACCOUNT, "own": OWN, "client_id": CLIENT_ID, "redirect": REDIRECT}
        settings = _SETTINGS.format(url=server.url, **given)
        lay_out(home, settings, (str(COORDINATOR), str(SMS_MANAGER)), mail_port=mail.port)
        secrets = {"AMOCRM_CLIENT_SECRET": CLIENT_SECRET, "AMOCRM_CODE": CODE, "AMOCRM_WEBHOOK_SECRET": SECRET}
        with plugin_at(home, secrets) as plugin:
            yield Office(server, plugin, mail)


def test_a_refusal_filled_in_during_a_call_is_written_once_whatever_breaks(office: Office) -> None:
    office.server.fault(Fault.DROP_AFTER, Fault.THROTTLED, Fault.TIME_OUT_AFTER)
    office.call(related="Да", refuses="Все", warned="Согласен")
    # The CRM tells of the card as well, and of the same call again.
    office.tell({"contacts[update][0][id]": office.contact, "contacts[update][0][type]": "contact"})

    wait_until(lambda: office.reminded == [COORDINATOR, SMS_MANAGER] and len(office.mail.messages) == 2, 30)
    wait_until(lambda: office.plugin.is_settled("call-1"), 30)

    assert len(office.comments) == 1
    assert re.search(r"\[ref:[0-9a-f]{16}\]$", office.comments[0])
    assert office.reminded == [COORDINATOR, SMS_MANAGER]
    assert {task["text"].split("\n")[0] for task in office.server.account.tasks.values()} == {"ИСКЛЮЧИТЬ"}
    assert {mail.message["Subject"] for mail in office.mail.messages} == {"ИСКЛЮЧИТЬ"}
    call = office.plugin.call("call-1")
    assert call["phone"] == "+79161234567"


def test_the_pair_outlives_the_process_and_a_correction_withdraws(office: Office) -> None:
    office.call(related="Да", refuses="Звонки")
    wait_until(lambda: office.plugin.is_settled("call-1"), 30)
    office.plugin.stop()
    office.server.tokens.clear()
    office.plugin.start()

    office.server.fill("contacts", office.contact, REFUSES, [{"value": "Онлайн"}])
    office.server.fill("contacts", office.contact, WARNED, [{"value": "Передумал"}])
    office.tell({"contacts[update][0][id]": office.contact, "contacts[update][0][type]": "contact"})

    wait_until(lambda: len(office.comments) == 2, 30)
    wait_until(lambda: office.plugin.is_settled("call-1"), 30)
    (task,) = office.server.account.tasks.values()
    assert task["is_completed"]
    assert task["result"]["text"].strip()
    assert office.server.exchanges == 2, "the code once, the refresh token once"
    for secret in (CODE, CLIENT_SECRET, SECRET, "access-t0ken", "refresh-t0ken", "9161234567"):
        assert secret not in office.plugin.log


def test_an_answer_without_a_meaning_waits_until_an_admin_gives_it_one(office: Office) -> None:
    office.call(related="Возможно", refuses="Звонки")
    wait_until(lambda: "не сопоставлено" in office.plugin.run("events", "list").stdout, 30)
    assert "«Возможно»" in office.plugin.run("events", "list").stdout
    assert office.comments == []

    office.plugin.stop()
    manifest = office.plugin.home / "plugin.toml"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace('"Да" = true', '"Да" = true, "Возможно" = true'), encoding="utf-8")
    office.plugin.start()

    wait_until(lambda: office.reminded == [COORDINATOR], 30)
    wait_until(lambda: office.plugin.is_settled("call-1"), 30)
    assert len(office.comments) == 1
    assert "Возможно" not in office.plugin.run("events", "list").stdout
