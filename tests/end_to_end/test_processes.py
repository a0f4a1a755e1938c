"""Processes that are killed, stopped or doubled: every promise is kept, and kept once."""

from __future__ import annotations

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.end_to_end.client import ALL, CALLS, Client
from tests.support.crm import RunningCrm
from tests.support.mail import MailSink
from tests.support.plugin import WRONG_SECRET, RunningPlugin, running_plugin
from tests.support.processes import processes_with, wait_until

BOTH = Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1, ("sms", "ИСКЛЮЧИТЬ", "open"): 1})
ONE = Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1})
COMMENT = "Клиент просит исключить из звонков с опросом"
#: Of what does not depend on the database.
on_sqlite = pytest.mark.parametrize("either_plugin", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def plugin(either_plugin: RunningPlugin) -> RunningPlugin:
    """Whatever locks, leases and transactions have a part in holds on both databases."""
    return either_plugin


@pytest.fixture
def client(crm: RunningCrm, mail: MailSink, plugin: RunningPlugin) -> Client:
    return Client(crm, mail, plugin)


@pytest.mark.parametrize("moment", [0.0, 0.15, 0.35])
def test_a_kill_in_the_middle_of_a_delivery_is_made_good_by_the_next_process(client: Client, moment: float) -> None:
    client.crm.api.faults({"kind": "latency", "seconds": 0.3, "next": 6})
    client.report(ALL)
    time.sleep(moment)  # the moment of the kill is the point of the test

    client.plugin.stop(signal.SIGKILL)
    assert processes_with(str(client.plugin.home)) == []
    client.plugin.start()
    client.settle()
    client.crm.api.faults()

    assert len(client.comments) == 1
    assert client.reminders == BOTH


def test_a_second_process_on_the_same_ledger_never_delivers_twice(
    crm: RunningCrm, mail: MailSink, plugin: RunningPlugin
) -> None:
    second = RunningPlugin(plugin.home, environ=plugin.environ, log_file=plugin.home / "second.log")
    second.start()
    clients = [Client(crm, mail, plugin) for _ in range(20)]
    try:
        with ThreadPoolExecutor(8) as pool:
            replies = list(
                pool.map(lambda pair: (plugin, second)[pair[0] % 2].send(pair[1].event(CALLS)), enumerate(clients))
            )
        assert {reply.status for reply in replies} == {202}
        for client in clients:
            client.settle()
    finally:
        assert second.stop() == 0

    for client in clients:
        assert client.comments == [COMMENT]
        assert client.reminders == ONE
        assert client.mails == Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1})


def test_sigterm_finishes_what_is_in_hand(client: Client) -> None:
    client.crm.api.faults({"kind": "latency", "seconds": 0.5, "next": 2})
    client.report(CALLS)
    wait_until(lambda: client.crm.api.fault_counts() != [0])

    assert client.plugin.stop(signal.SIGTERM) == 0
    client.crm.api.faults()
    states = client.plugin.states(client.call)
    client.plugin.start()
    client.settle()

    assert "unknown" not in str(states)
    assert client.comments == [COMMENT]
    assert client.reminders == ONE


def test_eight_reports_of_one_call_at_once_make_one_decision(client: Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(client.plugin.send, [client.event(CALLS) for _ in range(8)]))
    client.settle()

    assert {reply.status for reply in replies} == {202}
    assert client.comments == [COMMENT]
    assert client.reminders == ONE


def test_the_same_report_twice_is_answered_with_the_first_decision(client: Client) -> None:
    event = client.event(CALLS)
    first = client.plugin.send(event)
    client.settle()

    again = client.plugin.send(event)
    other = client.plugin.send(event | {"facts": ALL})

    assert (first.status, again.status, other.status) == (202, 200, 409)
    assert again.data["duplicate"] is True
    assert again.data["decision"] == first.data["decision"]
    assert {delivery["state"] for delivery in again.data["deliveries"]} == {"done"}
    assert client.comments == [COMMENT]


def test_a_correction_and_its_correction_leave_the_first_word(client: Client) -> None:
    client.report(CALLS)
    client.settle()
    client.report(ALL | {"survey_type": "all"}, minutes=1)
    client.settle()
    client.report({"survey_type": "calls"}, minutes=2)
    client.settle()

    assert [text for text in client.comments if text == COMMENT] == [COMMENT] * 2
    assert client.reminders["sms", "ИСКЛЮЧИТЬ", "withdrawn"] == 1
    assert client.reminders["coordinator", "ИСКЛЮЧИТЬ", "withdrawn"] == 2
    assert client.reminders["coordinator", "ИСКЛЮЧИТЬ", "open"] == 1
    assert ("sms", "ИСКЛЮЧИТЬ", "open") not in client.reminders
    assert client.mails["sms.manager@dealer.example", "ОТМЕНА: ИСКЛЮЧИТЬ"] == 1


@on_sqlite
def test_another_client_without_a_card_is_left_to_the_coordinator(client: Client) -> None:
    facts = {"related_to_car": False, "is_client": True, "client_name": "Незнакомец Незнакомый", "survey_type": "calls"}
    client.report(facts)
    client.settle()

    comment = client.crm.api.comments(client.card)[0]["text"].split("\n")
    assert comment[0] == COMMENT
    assert comment[1] == (
        f"Ответил другой клиент: Незнакомец Незнакомый, номер {client.phone}; клиента этой карточки не исключать"
    )
    assert "решите вручную" in client.crm.api.reminders(card=client.card)[0]["text"]


@on_sqlite
def test_a_call_without_a_card_finds_it_by_phone(client: Client) -> None:
    client.report(CALLS, card=None)
    client.settle()

    assert client.comments == [COMMENT]


@on_sqlite
def test_the_reminder_and_the_mail_name_the_card_that_the_event_only_numbers(client: Client) -> None:
    event = client.event(CALLS)
    event["card"] = {"type": "contact", "id": client.card}
    assert client.plugin.send(event).status == 202
    client.settle()

    reminder = client.crm.api.reminders(card=client.card)[0]["text"]
    mail = next(mail.text for mail in client.mail.messages if client.phone in mail.text)
    for text in (reminder, mail):
        assert f"Клиент карточки: {client.name}\nКарточка: {client.crm.base_url}/cards/{client.card}\n" in text


@on_sqlite
def test_another_clients_reminder_names_that_clients_card(client: Client) -> None:
    other = Client(client.crm, client.mail, client.plugin)
    other_card = client.crm.api.send("POST", "cards", {"name": "Соседов Сосед", "phones": [client.phone]})["id"]
    facts = {"related_to_car": False, "is_client": True, "client_name": "Соседов Сосед", "survey_type": "calls"}
    client.report(facts)
    client.settle()

    (reminder,) = client.crm.api.reminders(card=str(other_card))
    assert f"Карточка: {client.crm.base_url}/cards/{other_card}\n" in reminder["text"]
    assert client.name not in reminder["text"]
    assert client.comments == other.comments == []


@on_sqlite
def test_a_call_whose_card_nobody_knows_is_parked_and_logged(client: Client) -> None:
    client.phone = "+79165550199"
    client.report(CALLS, card=None)
    client.settle()

    states = client.plugin.states(client.call)
    assert states["comment"] == states["reminder"] == ["parked"]
    assert "parked" in client.plugin.log
    assert client.phone not in client.plugin.log


@on_sqlite
def test_a_forged_report_leaves_no_trace(client: Client) -> None:
    reply = client.plugin.send(client.event(CALLS), secret=WRONG_SECRET)

    assert reply.status == 401
    assert client.plugin.run("calls", "show", client.call).returncode == 2


@on_sqlite
def test_no_secret_and_no_personal_data_stand_in_the_log(client: Client) -> None:
    client.report(ALL, note="Жаловался на Петрова")
    client.settle()

    for word in ("crm-test-token", "whsec_", client.phone, client.name, "Жаловался"):
        assert word not in client.plugin.log


def test_serve_is_ready_and_an_empty_ledger_starts_with_the_folders_rules(
    crm: RunningCrm, mail: MailSink, tmp_path: Path
) -> None:
    with running_plugin(tmp_path, crm, mail.port) as fresh:
        client = Client(crm, mail, fresh)
        revision = client.report(CALLS).data["decision"]["ruleset"]
        decided = fresh.run("decide", "--facts", '{"related_to_car": true}')

    assert revision in decided.stdout
