"""``optout serve`` as a real process: how it starts, what it does with what is in hand, and what a kill leaves."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from plugin.config.load import load_settings
from plugin.ledger import Ledger
from plugin.ledger.schema import activations, deliveries, events
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML, Heard, Site, call_result, signed

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


class Running:
    """A serve process, ready to take call results."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.home = home
        self.log = home / f"log-{time.monotonic_ns()}"
        command = [sys.executable, "-W", "error", "-m", "plugin", "--config", str(home), "serve", *arguments]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=ROOT,
                env={**os.environ, **ENVIRON},
                start_new_session=True,
            )
        assert self.process.stdout
        self.said = self.process.stdout.readline()
        assert self.said.startswith("listening on http://127.0.0.1:"), self.logged()
        self.port = int(self.said.rsplit(":", 1)[1])

    def logged(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def report(self, event: dict[str, object]) -> Heard:
        body, headers = signed(event)
        return Site.ask(self, "POST", "/events/call-result", body, headers)  # type: ignore[arg-type]

    def stop(self, signum: int = signal.SIGTERM) -> int:
        self.process.send_signal(signum)
        return self.process.wait(60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        assert self.process.stdout
        self.process.stdout.close()


Serve = Callable[..., Running]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    return tmp_path


@pytest.fixture
def serve(home: Path) -> Iterator[Serve]:
    running: list[Running] = []

    def serve(*arguments: str) -> Running:
        running.append(Running(home, *arguments))
        return running[-1]

    yield serve
    for one in running:
        one.close()


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger(load_settings(home, ENVIRON).ledger_url)
    yield ledger
    ledger.close()


def refused(home: Path, *arguments: str) -> str:
    """What it says on stderr when it does not start."""
    command = [sys.executable, "-W", "error", "-m", "plugin", "--config", str(home), "serve", *arguments]
    ended = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **ENVIRON}, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


def own_rules(home: Path) -> Path:
    """Copies of the rules to edit, which the settings name from now on."""
    rules = home / "rules"
    shutil.copytree(ROOT / "rules", rules)
    config = (home / "plugin.toml").read_text(encoding="utf-8").replace(str(ROOT / "rules"), str(rules))
    (home / "plugin.toml").write_text(config, encoding="utf-8")
    return rules


def taken(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(select(events.c.event_id).order_by(events.c.id)).scalars())


# --- not starting ----------------------------------------------------------------------------------


def test_a_port_in_use_is_one_line_and_the_ledger_is_not_touched(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        said = refused(home, "--port", str(other.getsockname()[1]))
    assert said.count("\n") == 1
    assert "Address already in use" in said
    assert "--port" in said
    assert not (home / "ledger.db").exists()


def test_an_empty_ledger_and_rules_with_a_fault_do_not_start(home: Path) -> None:
    (own_rules(home) / "roles.toml").write_text("[role.nobody\n", encoding="utf-8")
    assert "roles.toml:1" in refused(home)


def test_an_empty_ledger_does_not_start_with_rules_that_leave_a_conversation_open(home: Path, ledger: Ledger) -> None:
    rules = own_rules(home) / "survey_opt_out/rules.toml"
    rules.write_text(rules.read_text(encoding="utf-8").rpartition("[[rule]]")[0], encoding="utf-8")
    assert "survey_opt_out/" in refused(home)
    with ledger.read() as connection:
        assert connection.execute(select(activations)).all() == []


def test_a_port_file_that_cannot_be_written_does_not_start(home: Path) -> None:
    assert "--port-file" in refused(home, "--port-file", str(home / "missing" / "port"))


# --- starting --------------------------------------------------------------------------------------


def test_it_starts_with_the_folders_rules_and_tells_where_it_listens(serve: Serve, home: Path, ledger: Ledger) -> None:
    began = time.monotonic()
    running = serve("--port-file", str(home / "port"))
    assert time.monotonic() - began < 20
    assert (home / "port").read_text() == f"{running.port}\n"
    with ledger.read() as connection:
        (row,) = connection.execute(select(activations)).all()
    assert (row.by, row.reason) == ("serve", "первый запуск")
    assert running.stop() == 0


def test_rules_that_changed_in_the_folder_wait_to_be_activated(serve: Serve, home: Path, ledger: Ledger) -> None:
    roles = own_rules(home) / "roles.toml"
    assert serve().stop() == 0
    lines = roles.read_text(encoding="utf-8").splitlines()
    changed = ['label = "Другой"' if line.startswith("label") else line for line in lines]
    roles.write_text("\n".join(changed), encoding="utf-8")
    differs = serve()
    told = [json.loads(line) for line in differs.logged().splitlines() if "rules.folder_differs" in line]
    assert [(each["activated_by"], each["files"]) for each in told] == [("serve", ["roles.toml"])]
    assert told[0]["active_since"] <= told[0]["folder_changed_at"] <= datetime.now(UTC).isoformat()
    assert told[0]["active"] != told[0]["folder"]
    assert differs.stop() == 0
    roles.write_text("[role.nobody\n", encoding="utf-8")
    unusable = serve()
    assert "rules.folder_unusable" in unusable.logged()
    assert unusable.report(call_result("evt-1")).status == 202
    with ledger.read() as connection:
        assert len(connection.execute(select(activations)).all()) == 1


def test_two_on_one_ledger_both_take_call_results(serve: Serve, ledger: Ledger) -> None:
    one, two = serve(), serve()
    event = call_result("evt-1")
    assert (one.report(event).status, two.report(event).status) == (202, 200)
    assert two.report(call_result("evt-2")).status == 202
    assert taken(ledger) == ["evt-1", "evt-2"]


# --- stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_soon_and_with_status_0(serve: Serve, signum: signal.Signals, home: Path) -> None:
    running = serve()
    assert running.report(call_result("evt-1")).status == 202
    began = time.monotonic()
    assert running.stop(signum) == 0
    assert time.monotonic() - began < 15
    assert "serve.stopped" in running.logged()
    # The last one to close a ledger tidies up; what is left is one file.
    assert not (home / "ledger.db-wal").exists()


def test_the_same_signal_twice_at_once_is_one_wish(serve: Serve) -> None:
    running = serve()
    running.process.send_signal(signal.SIGTERM)
    assert running.stop() == 0
    assert "serve.stopped" in running.logged()


def test_a_call_result_in_hand_is_committed_and_answered_before_it_ends(
    serve: Serve, home: Path, ledger: Ledger
) -> None:
    running = serve()
    other = sqlite3.connect(home / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers: list[Heard] = []
    client = threading.Thread(target=lambda: answers.append(running.report(call_result("evt-1"))))
    client.start()
    # It waits for the lock that is held here: not to be seen from outside, so give it the time to get there.
    time.sleep(0.5)
    running.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert running.process.poll() is None
    other.execute("ROLLBACK")
    other.close()
    client.join(30)
    assert [answer.status for answer in answers] == [202]
    assert running.process.wait(30) == 0
    assert taken(ledger) == ["evt-1"]


def test_a_crm_that_never_answers_does_not_keep_it_from_ending(serve: Serve, home: Path, ledger: Ledger) -> None:
    with socket.create_server(("127.0.0.1", 0)) as crm:
        config = (home / "plugin.toml").read_text(encoding="utf-8")
        config = config.replace("127.0.0.1:9", f"127.0.0.1:{crm.getsockname()[1]}")
        config = config.replace('token = { env = "CRM_TOKEN" }', 'token = { env = "CRM_TOKEN" }\nread_seconds = 2')
        (home / "plugin.toml").write_text(config, encoding="utf-8")
        running = serve()
        running.report(call_result("evt-1", card={"type": "contact", "id": "1"}))
        crm.settimeout(30)
        connection, _ = crm.accept()
        began = time.monotonic()
        assert running.stop() == 0
        assert time.monotonic() - began < 30
        connection.close()
    with ledger.read() as reading:
        states = set(reading.execute(select(deliveries.c.state)).scalars())
    assert "done" not in states


# --- being killed ----------------------------------------------------------------------------------


def session_members(session: int) -> list[int]:
    """The living processes of a session; what a server started, directly or not, is among them."""
    members = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[3]) == session and fields[0] != "Z":
                members.append(int(entry.name))
    return members


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes through /proc")
def test_a_kill_leaves_no_process_behind_and_the_next_one_goes_on(serve: Serve, ledger: Ledger) -> None:
    killed = serve()
    event = call_result("evt-1")
    assert killed.report(event).status == 202
    assert killed.process.pid in session_members(killed.process.pid)
    killed.process.kill()
    killed.process.wait(20)
    assert session_members(killed.process.pid) == []
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", killed.port), timeout=5)
    again = serve("--port", str(killed.port))
    assert again.report(event).json["duplicate"] is True
    assert taken(ledger) == ["evt-1"]
    assert again.stop() == 0
