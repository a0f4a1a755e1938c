"""Web and delivery in processes of their own, several of each on one PostgreSQL: everything once, whoever dies."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from plugin.errors import LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries
from tests.end_to_end.client import CALLS, Client
from tests.support.crm import RunningCrm
from tests.support.databases import server_of_its_own
from tests.support.mail import MailSink
from tests.support.plugin import RunningPlugin, running_plugin
from tests.support.postgres import Databases
from tests.support.processes import wait_until

COMMENT = "Клиент просит исключить из звонков с опросом"
ONE = Counter({("coordinator", "ИСКЛЮЧИТЬ", "open"): 1})
ONE_MAIL = Counter({("coordinator@dealer.example", "ИСКЛЮЧИТЬ"): 1})
PATIENCE = 60.0


@contextmanager
def processes(plugin: RunningPlugin, *commands: str) -> Iterator[list[RunningPlugin]]:
    """More processes on the same home, ended with the block."""
    running: list[RunningPlugin] = []
    try:
        for command in commands:
            one = RunningPlugin(plugin.home, environ=plugin.environ, log_file=plugin.log_file)
            one.start(command=command)
            running.append(one)
        yield running
    finally:
        for one in running:
            one.stop()


def assert_all_is_well(url: str, clients: list[Client]) -> None:
    """Once nothing is on its way any more, every client has one comment, one reminder and one mail."""
    ledger = Ledger(url)
    wait_until(lambda: open_ones(ledger) == 0, PATIENCE)
    ledger.close()
    for client in clients:
        assert client.comments == [COMMENT]
        assert client.reminders == ONE
        assert client.mails == ONE_MAIL


def open_ones(ledger: Ledger) -> int:
    """How many deliveries are on their way; what cannot be asked just now counts as one."""
    ended = deliveries.c.state.in_(("done", "parked", "cancelled"))
    try:
        with ledger.read() as connection:
            return connection.execute(select(func.count()).select_from(deliveries).where(~ended)).scalar_one()
    except LedgerUnavailable:
        return 1


def until_taken(client: Client) -> list[int]:
    """Send as a CRM does: the same event again for as long as it is told to; every status."""
    event, statuses = client.event(CALLS), list[int]()
    while not statuses or statuses[-1] == 503:
        statuses.append(client.plugin.send(event).status)
        time.sleep(0.05)  # a CRM would wait for as long as Retry-After says
    return statuses


# --- old tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "web", "deliver"])
def test_old_tables_are_refused_with_the_very_command_that_upgrades_them(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, postgres: Databases, command: str
) -> None:
    with (
        postgres.database(migrated=False) as url,
        running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as plugin,
    ):
        refused = plugin.run(command)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.rstrip().endswith(f"Run: optout --config {plugin.home} db upgrade")
        assert plugin.run("db", "upgrade").returncode == 0
        plugin.start(command=command)
        assert plugin.stop() == 0


# --- web and delivery apart --------------------------------------------------------------------------


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_web_only_takes_in_and_deliver_carries_out(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, database: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db" if database == "sqlite" else request.getfixturevalue("postgres_url")
    with running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as plugin:
        plugin.start(command="web")
        client = Client(crm, mail, plugin)
        client.report(CALLS)
        assert plugin.states(client.call) == {kind: ["pending"] for kind in ("comment", "reminder", "smtp_email")}
        with processes(plugin, "deliver", "deliver") as (one, two):
            assert_all_is_well(url, [client])
            assert (one.stop(signal.SIGTERM), two.stop(signal.SIGINT)) == (0, 0)
        assert plugin.stop() == 0
        assert "deliver.stopped" in plugin.log


def test_two_webs_and_three_deliveries_share_one_database_and_each_may_be_killed(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, postgres_url: str
) -> None:
    with running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=postgres_url) as plugin:
        plugin.start(command="web")
        with processes(plugin, "web", "deliver", "deliver", "deliver") as (other, *delivering):
            clients = [Client(crm, mail, (plugin, other)[number % 2]) for number in range(20)]
            crm.api.faults({"kind": "latency", "seconds": 0.2, "next": 40})
            with ThreadPoolExecutor(4) as pool:
                assert {status for found in pool.map(until_taken, clients) for status in found} == {202}
            delivering[0].stop(signal.SIGKILL)
            other.stop(signal.SIGKILL)
            assert_all_is_well(postgres_url, clients)
            crm.api.faults()


# --- the database goes away --------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT, signal.SIGINT])
def test_a_database_that_is_ended_in_the_middle_loses_nothing_that_was_acknowledged(
    tmp_path: Path, crm: RunningCrm, mail: MailSink, how: signal.Signals
) -> None:
    """SIGKILL ends every process of the server, SIGQUIT is its immediate stop, SIGINT disconnects everybody."""
    with (
        server_of_its_own() as server,
        Databases(server.url).database() as url,
        running_plugin(tmp_path, crm, mail.port, start=False, ledger_url=url) as plugin,
    ):
        plugin.start(command="web")
        with processes(plugin, "deliver", "deliver"), ThreadPoolExecutor(4) as pool:
            clients = [Client(crm, mail, plugin) for _ in range(40)]
            refused = Client(crm, mail, plugin)
            sent = [pool.submit(until_taken, client) for client in clients]
            wait_until(lambda: sum(one.done() for one in sent) >= 8)
            server.stop(how)
            answer = plugin.send(refused.event(CALLS))
            assert answer.status == 503
            assert int(answer.headers["Retry-After"]) > 0
            server.start()
            statuses = [one.result() for one in sent]
            # What was refused at first and sent again is there, and so is all that was acknowledged: each once.
            assert any(503 in found for found in statuses)
            assert {found[-1] for found in statuses} <= {200, 202}
            assert_all_is_well(url, clients)
        assert refused.comments == []
        assert plugin.stop() == 0


def test_a_fail_over_to_another_server_is_followed(tmp_path: Path, crm: RunningCrm, mail: MailSink) -> None:
    with server_of_its_own() as primary, Databases(primary.url).database() as url, primary.standby() as standby:
        both = f"{url}&host={standby.folder}"
        with running_plugin(tmp_path, crm, mail.port, ledger_url=both) as plugin:
            before, after = Client(crm, mail, plugin), Client(crm, mail, plugin)
            before.report(CALLS)
            standby.wait_for(primary)
            primary.stop(signal.SIGKILL)
            standby.promote()
            assert until_taken(after)[-1] == 202
            assert_all_is_well(both, [before, after])
        # The block ends with dropping the database, where it was.
        primary.start()
