"""From a signed call result to the real CRM and the mailboxes of both people, through real processes."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.real_crm.crm import Contact, RealCrm
from tests.real_crm.plugin import COORDINATOR, SMS_MANAGER
from tests.real_crm.proxy import CuttingProxy
from tests.support.fake_api import Fault
from tests.support.mail import MailSink, Received
from tests.support.plugin import RunningPlugin
from tests.support.processes import wait_until

SUBJECT = "ИСКЛЮЧИТЬ"
CALLS = {"related_to_car": True, "survey_type": "calls"}
ALL = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}
COMMENT = "Клиент просит исключить из звонков с опросом"
BOTH_MAILS = Counter({(COORDINATOR, SUBJECT): 1, (SMS_MANAGER, SUBJECT): 1})


@dataclass
class Client:
    """A contact of the CRM, calls about it, and what the CRM and the mail server hold of them."""

    crm: RealCrm
    mail: MailSink
    plugin: RunningPlugin
    contact: Contact
    #: Another one in each run: the CRM still holds what the run before has written under its keys.
    call: str = field(default_factory=lambda: f"call-{uuid.uuid4()}")
    reports: int = 0

    def report(self, facts: Mapping[str, Any], *, minutes: float = 0, **changes: Any) -> datetime:
        """Report the call, expect 202, and wait until all is done. Returns when the call ended."""
        self.reports += 1
        ended = datetime.now(UTC) - timedelta(hours=1) + timedelta(minutes=minutes)
        event = {
            "id": f"{self.call}-{self.reports}",
            "occurred_at": ended.isoformat(),
            "call": {"id": self.call, "phone": self.contact.phone, "operator": "operator-1"},
            "card": {"type": "contact", "id": self.contact.id},
            "facts": dict(facts),
        }
        event = {name: value for name, value in (event | changes).items() if value is not None}
        reply = self.plugin.send(event)
        assert reply.status == 202, reply.text
        wait_until(lambda: self.plugin.is_settled(self.call), 60)
        return ended

    @property
    def whys(self) -> set[str]:
        """Why deliveries were not done, if any."""
        deliveries = self.plugin.call(self.call)["deliveries"]
        return {f"{one['kind']} {one['state']}: {one.get('why')}" for one in deliveries if one["state"] != "done"}

    @property
    def comments(self) -> list[str]:
        """First lines of the comments, oldest first."""
        return [text.split("\n")[0] for text in self.crm.comments(self.contact)]

    @property
    def reminders(self) -> Counter[tuple[str, str, str]]:
        """(profile, title, status) of the contact's tasks."""
        tasks = self.crm.tasks(self.contact)
        return Counter((task["assigned_to"][0]["id"], task["title"], task["status"]) for task in tasks)

    @property
    def received(self) -> list[Received]:
        """Mails about this client, one for each Message-ID."""
        about = [one for one in list(self.mail.messages) if self.contact.phone in one.text]
        return list({str(one.message["Message-ID"]): one for one in about}.values())

    @property
    def mails(self) -> Counter[tuple[str, str]]:
        return Counter((one.recipients[0], str(one.message["Subject"])) for one in self.received)

    def both(self, status: str = "New") -> Counter[tuple[str, str, str]]:
        """One reminder for each of the two people."""
        people = (self.crm.coordinator, self.crm.sms_manager)
        return Counter({(person, SUBJECT, status): 1 for person in people})


@pytest.fixture
def client(crm: RealCrm, mail: MailSink, plugin: RunningPlugin, contact: Contact) -> Client:
    return Client(crm, mail, plugin, contact)


@pytest.mark.parametrize(
    "faults",
    [
        pytest.param([Fault.DROP_AFTER] * 3, id="cut after the write, three times"),
        pytest.param([Fault.DROP_BEFORE] * 3, id="cut before the write, three times"),
        pytest.param([Fault.ERROR_AFTER, Fault.DROP_AFTER, Fault.HTML], id="written, and answered with rubbish"),
        pytest.param([Fault.THROTTLED, Fault.DROP_AFTER], id="busy, then cut"),
    ],
)
def test_nothing_is_written_twice_after_a_cut_connection(
    client: Client, proxy: CuttingProxy, faults: list[Fault]
) -> None:
    proxy.fault(*faults)

    client.report(ALL)

    assert not proxy.faults_left
    assert client.whys == set()
    assert len(client.comments) == 1
    assert client.reminders == client.both()
    assert client.mails == BOTH_MAILS


def test_both_people_are_reminded_and_mailed_and_the_contact_has_the_comment(client: Client) -> None:
    ended = client.report(ALL)

    (comment,) = client.crm.comments(client.contact)
    assert comment.startswith("Клиент просит исключить")
    assert client.reminders == client.both()
    assert client.mails == BOTH_MAILS
    deadline = (ended + timedelta(hours=24)).astimezone(ZoneInfo("Europe/Moscow"))
    for task in map(client.crm.task, (one["id"] for one in client.crm.tasks(client.contact))):
        assert [one["id"] for one in task["contacts"]] == [client.contact.id]
        assert len(task["assigned_to"]) == 1
        assert task["due_date"] == f"{deadline:%Y-%m-%d}"
        assert client.contact.phone in task["description"]
        assert f"{deadline:%H:%M}" in task["description"]
        assert len(task["custom_fields"]["ext_ref"]) == 64
    for received in client.received:
        assert str(received.message["Subject"]) == SUBJECT
        assert f"https://crm.example.org/contacts/{client.contact.id}" in received.text
        assert f"{client.contact.last_name} {client.contact.first_name}" in received.text


def test_a_call_without_a_card_finds_the_contact_by_its_phone(client: Client) -> None:
    typed = client.contact.phone.replace("+7", "8", 1)

    client.report(CALLS, card=None, call={"id": client.call, "phone": typed, "operator": "operator-1"})

    assert client.comments == [COMMENT]
    assert client.reminders == Counter({(client.crm.coordinator, SUBJECT, "New"): 1})


def test_another_client_who_answered_is_found_by_phone_and_name(client: Client, crm: RealCrm) -> None:
    last_name = f"Сидоров{client.contact.phone[-7:]}"
    other = crm.new_contact(first_name="Пётр", last_name=last_name)
    facts = {"related_to_car": False, "is_client": True, "client_name": f"{last_name} Петр", "survey_type": "calls"}

    client.report(facts, call={"id": client.call, "phone": other.phone, "operator": "operator-1"})

    assert [text.split("\n")[0] for text in crm.comments(other)] == [COMMENT]
    assert client.comments == []


def test_a_correction_completes_the_reminder_of_the_one_it_no_longer_concerns(client: Client) -> None:
    client.report(ALL)
    client.report({"survey_type": "calls"}, minutes=1)

    assert client.reminders[client.crm.sms_manager, SUBJECT, "Completed"] == 1
    assert (client.crm.sms_manager, SUBJECT, "New") not in client.reminders
    assert client.mails[SMS_MANAGER, f"ОТМЕНА: {SUBJECT}"] == 1
    withdrawn = [task for task in client.crm.tasks(client.contact) if task["status"] == "Completed"]
    described = str(client.crm.task(withdrawn[0]["id"])["description"])
    assert client.contact.phone in described
    assert described.count("[ref:") >= 1


def test_a_contact_that_is_gone_is_looked_for_by_the_phone_of_the_call(client: Client, crm: RealCrm) -> None:
    gone = "00000000-0000-4000-8000-000000000000"

    client.report(CALLS, card={"type": "contact", "id": gone})

    assert client.comments == [COMMENT]


def test_the_log_shows_neither_token_nor_phone_nor_name(client: Client, plugin: RunningPlugin) -> None:
    client.report(CALLS)

    for secret in (client.crm.token, client.contact.phone, client.contact.phone[2:], "Иванов"):
        assert secret not in plugin.log


def test_the_doctor_proves_the_whole_configuration_and_cleans_up_after_its_trial(
    client: Client, plugin: RunningPlugin
) -> None:
    done = plugin.run("doctor", "--write", "--card", f"contact:{client.contact.id}", "--json")

    assert done.returncode == 0, done.stdout
    assert client.crm.token not in done.stdout
    assert (client.comments, client.crm.tasks(client.contact)) == ([], [])
