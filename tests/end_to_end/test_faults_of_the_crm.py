"""Whatever goes wrong in the CRM or on the way to it: one comment, one reminder for each role, and every mail."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.end_to_end.client import ALL, CALLS, Client
from tests.support.crm import RunningCrm
from tests.support.mail import MailSink
from tests.support.plugin import RunningPlugin
from tests.support.processes import wait_until

COMMENT = "Клиент просит исключить из звонков с опросом и рассылок по e-mail и(или) смс"
BOTH = Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1, ("sms", "ИСКЛЮЧИТЬ", "open"): 1})
MAILS = Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1, ("sms.manager@dealer.example", "ИСКЛЮЧИТЬ"): 1})

FAULTS: dict[str, dict[str, Any]] = {
    "latency": {"kind": "latency", "seconds": 0.4, "next": 3},
    "slower than the read time-out": {"kind": "latency", "seconds": 1.4, "next": 3},
    "429 with Retry-After": {"kind": "throttle", "seconds": 1, "next": 3},
    "500 before the write": {"kind": "error_before", "next": 3},
    "500 after the write": {"kind": "error_after", "next": 3},
    "dropped before the write": {"kind": "drop_before", "next": 3},
    "dropped after the write": {"kind": "drop_after", "next": 3},
    "written seconds after the drop": {"kind": "commit_after_drop", "seconds": 1.2, "next": 3},
    "look-ups fail too": {"kind": "error_after", "next": 6, "reads": True},
}


@pytest.fixture(scope="module")
def plugin(either_plugin: RunningPlugin) -> RunningPlugin:
    """What waits, is looked for and is corrected holds on both databases."""
    return either_plugin


@pytest.fixture
def client(crm: RunningCrm, mail: MailSink, plugin: RunningPlugin) -> Client:
    return Client(crm, mail, plugin)


# What the ledger keeps of a fault is tried on both by the chaos run.
@pytest.mark.parametrize("either_plugin", ["sqlite"], indirect=True)
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_nothing_is_lost_and_nothing_doubled(client: Client, fault: dict[str, Any]) -> None:
    client.crm.api.faults(fault)

    client.report(ALL)
    client.settle()
    happened = client.crm.api.fault_counts()
    client.crm.api.faults()

    assert happened == [fault["next"]]
    assert client.comments == [COMMENT]
    assert client.reminders == BOTH
    assert client.mails == MAILS


def test_an_outage_of_the_crm_delays_and_loses_nothing(client: Client) -> None:
    client.crm.stop()
    client.report(ALL)
    # The plugin's own mails wait, too: the client's name and link come from the CRM.
    wait_until(lambda: client.plugin.states(client.call)["smtp_email"] == ["waiting", "waiting"])
    assert "done" not in client.plugin.states(client.call)["reminder"]
    assert client.mails == Counter()

    client.crm.start()
    client.settle()

    assert client.comments == [COMMENT]
    assert client.reminders == BOTH
    assert client.mails == MAILS


def test_an_outage_of_the_mail_server_does_not_hold_the_reminders(client: Client) -> None:
    client.mail.rcpt_replies[:] = ["451 try again later"] * 4

    client.report(CALLS)
    client.settle()

    assert client.reminders == Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1})
    assert client.mails == Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1})


def test_a_mail_whose_receipt_was_lost_is_repeated_under_the_same_message_id(client: Client) -> None:
    client.mail.data_replies[:] = ["drop"]

    client.report(CALLS)
    client.settle()

    copies = [mail for mail in client.mail.messages if client.phone in mail.text]
    assert len(copies) == 2
    assert client.mails == Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1})


def test_a_correction_while_the_crm_is_failing_leaves_only_the_last_word_open(client: Client) -> None:
    client.crm.api.faults({"kind": "drop_after", "next": 6})

    client.report(ALL)
    client.report({"survey_type": "calls"}, minutes=1)
    client.settle()
    client.crm.api.faults()

    assert client.comments[-1] == "Клиент просит исключить из звонков с опросом"
    assert [key for key in client.reminders if key[2] == "open" and key[0] == "sms"] == []
    assert client.reminders["coordinator", "ИСКЛЮЧИТЬ", "open"] == 1
