"""Operating a plugin that runs: retry, cancel, copy and restore beside it, and what it says of itself."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from typing import Any
from urllib.request import urlopen

import pytest

from tests.end_to_end.client import CALLS, Client
from tests.support.crm import RunningCrm
from tests.support.mail import MailSink
from tests.support.plugin import RunningPlugin
from tests.support.processes import wait_until

DO = ("--yes", "--by", "admin", "--reason", "test")
COMMENT = "Клиент просит исключить из звонков с опросом"
REMINDERS = Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1})
MAILS = Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1})


@pytest.fixture
def client(crm: RunningCrm, mail: MailSink, plugin: RunningPlugin) -> Client:
    return Client(crm, mail, plugin)


def told(plugin: RunningPlugin, *arguments: str) -> list[dict[str, Any]]:
    """The JSON lines of a command that must work."""
    done = plugin.run(*arguments, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done
    return [json.loads(line) for line in done.stdout.splitlines()]


def figure(plugin: RunningPlugin, name: str) -> float:
    with urlopen(f"{plugin.url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return next(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def test_what_was_parked_is_told_everywhere_and_retried_once_it_is_mended(client: Client) -> None:
    client.mail.rcpt_replies.append("550 no such user")
    client.report(CALLS)
    wait_until(lambda: client.plugin.states(client.call)["smtp_email"] == ["parked"])
    (parked,) = told(client.plugin, "deliveries", "list", "--state", "parked", "--call", client.call)
    assert "550" in parked["why"]
    wait_until(lambda: figure(client.plugin, "optout_deliveries_parked") == 1)
    lines = [json.loads(line) for line in client.plugin.log.splitlines() if '"delivery.parked"' in line]
    assert [(line["delivery"], line["call"], line["level"]) for line in lines] == [(parked["id"], client.call, "error")]

    (plan,) = told(client.plugin, "deliveries", "retry", "--state", "parked")
    assert (plan["count"], plan["done"]) == (1, False)
    (done,) = told(client.plugin, "deliveries", "retry", "--state", "parked", *DO)
    assert (done["count"], done["done"]) == (1, True)
    client.settle()
    assert client.mails == MAILS
    (shown,) = told(client.plugin, "deliveries", "show", str(parked["id"]))
    assert shown["state"] == "done"
    assert [(act["act"], act["by"]) for act in shown["acts"]] == [("retry", "admin")]
    assert client.phone not in client.plugin.log


def test_what_is_cancelled_while_the_crm_is_away_is_never_written(client: Client) -> None:
    client.crm.stop()
    client.report(CALLS)
    wait_until(lambda: client.plugin.states(client.call)["smtp_email"] == ["done"])
    (done,) = told(client.plugin, "deliveries", "cancel", "--call", client.call, *DO)
    assert [promise["call"] for promise in done["promises"]] == [client.call]
    client.crm.start()
    client.settle()
    assert client.plugin.states(client.call) == {
        "comment": ["cancelled"],
        "reminder": ["cancelled"],
        "smtp_email": ["done"],
    }
    assert client.comments == []
    assert client.reminders == Counter()


def test_a_restored_copy_writes_nothing_twice(client: Client) -> None:
    plugin = client.plugin
    client.crm.stop()
    client.report(CALLS)
    copy = plugin.home / "copy.db"
    made = plugin.run("backup", str(copy))
    assert made.returncode == 0, made.stderr
    client.crm.start()
    client.settle()
    assert (client.comments, client.reminders, client.mails) == ([COMMENT], REMINDERS, MAILS)

    assert plugin.stop() == 0
    for file in plugin.home.glob("ledger.db*"):
        file.unlink()
    shutil.copy(copy, plugin.home / "ledger.db")
    states = ("--state", "pending", "--state", "waiting", "--state", "unknown", "--state", "leased")
    told(plugin, "deliveries", "retry", *states, "--look-first", *DO)
    plugin.start()
    client.settle()
    assert set(client.plugin.states(client.call)["comment"]) == {"done"}
    assert (client.comments, client.reminders, client.mails) == ([COMMENT], REMINDERS, MAILS)
