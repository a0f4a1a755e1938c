"""Web and delivery in processes of their own, several of each on one PostgreSQL: everything once, whoever dies."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.end_to_end.client import ALL, CALLS, Client
from tests.support.crm import RunningCrm, wait_until
from tests.support.mail import MailSink
from tests.support.plugin import RunningPlugin, running_plugin
from tests.support.postgres import Databases, own_server

COMMENT = "Клиент просит исключить из звонков с опросом"
ONE = Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1})
ONE_MAIL = Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1})
SHORT_PROMISE = 60.0


@contextmanager
def processes(plugin: RunningPlugin, *commands: str) -> Iterator[list[RunningPlugin]]:
    """More processes on the same home, ended with the block."""
    running: list[RunningPlugin] = []
    try:
        for command in commands:
            one = RunningPlugin(plugin.home, plugin.environ)
            one.start(command=command)
            running.append(one)
        yield running
    finally:
        for one in running:
            one.stop()


def assert_all_is_well(clients: list[Client]) -> None:
    for client in clients:
        client.settle(SHORT_PROMISE)
    for client in clients:
        assert client.comments == [COMMENT]
        assert client.reminders == ONE
        assert client.mails == ONE_MAIL


# --- old tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "web", "deliver"])
def test_old_tables_are_refused_with_the_very_command_that_upgrades_them(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, postgres: Databases, command: str
) -> None:
    with (
        postgres.database(migrated=False) as url,
        running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as plugin,
    ):
        assert plugin.run("db", "status").returncode == 1
        refused = plugin.run(command)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.rstrip().endswith(f"Run: optout --config {plugin.home} db upgrade")
        assert plugin.run("db", "upgrade").returncode == 0
        plugin.start(command=command)
        assert plugin.run("db", "status").returncode == 0
        assert plugin.stop() == 0


# --- web and delivery apart --------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_web_only_takes_in_and_deliver_carries_out(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, database: str, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else "sqlite:///ledger.db"
    with running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as plugin:
        plugin.start(command="web")
        client = Client(crm, mail, plugin)
        client.report(CALLS)
        assert set(plugin.states(client.call)) == {"comment", "reminder", "smtp_email"}
        assert {state for found in plugin.states(client.call).values() for state in found} == {"pending"}
        with processes(plugin, "deliver", "deliver") as delivering:
            assert_all_is_well([client])
            assert [one.stop(how) for one, how in zip(delivering, (signal.SIGTERM, signal.SIGINT), strict=True)] == [
                0,
                0,
            ]
        assert plugin.stop() == 0
        assert "deliver.stopped" in plugin.log


def test_two_webs_and_three_deliveries_share_one_database_and_each_may_be_killed(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, postgres_url: str
) -> None:
    with running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=postgres_url) as plugin:
        plugin.start(command="web")
        with processes(plugin, "web", "deliver", "deliver", "deliver") as (other, *delivering):
            clients = [Client(crm, mail, (plugin, other)[number % 2]) for number in range(40)]
            crm.api.faults({"kind": "latency", "seconds": 0.2, "next": 60})
            with ThreadPoolExecutor(8) as pool:
                replies = list(pool.map(lambda client: client.plugin.send(client.event(CALLS)), clients))
                assert {reply.status for reply in replies} == {202}
                delivering[0].stop(signal.SIGKILL)
                other.stop(signal.SIGKILL)
            assert_all_is_well(clients)
            crm.api.faults()


# --- the database goes away --------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
def test_a_database_that_is_killed_in_the_middle_loses_nothing_that_was_acknowledged(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, how: signal.Signals
) -> None:
    with (
        own_server() as server,
        Databases(server.url).database() as url,
        running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as plugin,
    ):
        plugin.start(command="web")
        with processes(plugin, "deliver", "deliver"):
            clients = [Client(crm, mail, plugin) for _ in range(60)]
            with ThreadPoolExecutor(6) as pool:
                sent = pool.map(until_taken, clients)
                wait_until(lambda: sum(client.reports > 0 for client in clients) > 15)
                server.stop(how)
                down = clients[-1].plugin.send(clients[-1].event(ALL))
                assert down.status == 503
                assert int(down.headers["Retry-After"]) > 0
                server.start()
                statuses = list(sent)
            assert all(status[-1] in (200, 202) for status in statuses)
            assert any(503 in status for status in statuses)
            # The one that was refused is not in the ledger; all that were acknowledged are, and are carried out.
            assert_all_is_well(clients)
            assert plugin.stop() == 0


def until_taken(client: Client) -> list[int]:
    """Send as a CRM does: the same event again for as long as it is told to; every status."""
    event, statuses = client.event(CALLS), list[int]()
    while not statuses or statuses[-1] == 503:
        statuses.append(client.plugin.send(event).status)
    return statuses


def test_a_fail_over_to_another_server_is_followed(tmp_path: Path, crm: RunningCrm, mail: MailSink) -> None:
    with own_server() as primary, Databases(primary.url).database() as url, primary.standby() as standby:
        both = f"{url}&host={standby.folder}"
        standby.wait_for(primary)
        with running_plugin(tmp_path, crm, mail.port, ledger_url=both) as plugin:
            before = Client(crm, mail, plugin)
            before.report(CALLS)
            before.settle()
            standby.wait_for(primary)
            primary.stop(signal.SIGKILL)
            standby.promote()
            after = Client(crm, mail, plugin)
            wait_until(lambda: plugin.send(after.event(CALLS)).status == 202, 30)
            assert_all_is_well([before, after])
        # What the block ends with: the database is dropped where it is.
        primary.start()
