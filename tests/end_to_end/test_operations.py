"""Operating a plugin that runs: retry, cancel, copy and restore beside it, and what it says of itself."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
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
    wait_until(lambda: client.plugin.states(client.call)["smtp_email"] == ["waiting"])
    (done,) = told(client.plugin, "deliveries", "cancel", "--call", client.call, *DO)
    assert [promise["call"] for promise in done["promises"]] == [client.call]
    client.crm.start()
    client.settle()
    assert client.plugin.states(client.call) == {
        "comment": ["cancelled"],
        "reminder": ["cancelled"],
        "smtp_email": ["cancelled"],
    }
    assert client.comments == []
    assert client.reminders == client.mails == Counter()


@pytest.mark.parametrize("order", [("serve", "events"), ("deliver", "web", "events"), ("web", "events", "deliver")])
def test_a_restored_copy_writes_nothing_twice_whatever_is_started_first(client: Client, order: tuple[str, ...]) -> None:
    """One call is in the copy and not yet sent, the other came in and was carried out after the copy was made."""
    plugin, lost = client.plugin, Client(client.crm, client.mail, client.plugin)
    client.crm.stop()
    events = [client.event(CALLS), lost.event(CALLS)]
    plugin.send(events[0])
    copy = plugin.home / f"{client.call}.db"
    made = plugin.run("backup", str(copy))
    assert made.returncode == 0, made.stderr
    client.crm.start()
    plugin.send(events[1])
    for one in (client, lost):
        one.settle()
        assert (one.comments, one.reminders, one.mails) == ([COMMENT], REMINDERS, MAILS)

    refused = plugin.run("restore", str(copy), "--yes")
    assert (refused.returncode, "журнал сейчас открыт" in refused.stderr) == (2, True), refused
    assert plugin.stop() == 0
    restored = plugin.run("restore", str(copy), "--yes")
    assert restored.returncode == 0, restored.stderr
    with run_in_order(plugin, order, events):
        for one in (client, lost):
            one.settle()
            assert set(plugin.states(one.call)["comment"]) == {"done"}
            assert (one.comments, one.reminders, one.mails) == ([COMMENT], REMINDERS, MAILS)


@contextmanager
def run_in_order(plugin: RunningPlugin, order: tuple[str, ...], events: list[dict[str, Any]]) -> Iterator[None]:
    """Start what the order names, one process each; ``events``: the source sends all again."""
    deliverer = RunningPlugin(plugin.home, environ=plugin.environ, log_file=plugin.home / "deliver.log")
    try:
        for step in order:
            if step == "events":
                assert {plugin.send(event).status for event in events} <= {200, 202}
            elif step == "deliver":
                deliverer.start(command="deliver")
            else:
                plugin.start(command=step)
        yield
    finally:
        if "deliver" in order:
            deliverer.stop()
        plugin.stop()
        plugin.start()
