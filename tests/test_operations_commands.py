"""The commands of docs/operations.md are run, one after the other as they stand there: on SQLite and on PostgreSQL."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from plugin.cli.main import main
from tests.plugin.events.support import ALL, call_result, office_on
from tests.support.crm import TOKEN, WEBHOOK_SECRET, embedded_crm
from tests.support.mailbox import Mailbox
from tests.support.plugin import RunningPlugin
from tests.support.postgres import Databases, _programs
from tests.support.processes import ROOT, free_port

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
#: What a test must not do, or does elsewhere.
NOT_RUN = {
    "useradd": "makes a user of the machine",
    "install -d -m 750 -o optout": "gives folders to that user",
    "pip install": "is run by the tests of packaging",
}
#: The folders that the page names.
PLACES = re.compile("/srv/optout|/var/backups/optout|/tmp/drill")
USERS = [
    {"id": "coordinator", "name": "Координатор опросов", "email": "coordinator@example.org"},
    {"id": "sms.manager", "name": "СМС-менеджер", "email": "sms.manager@example.org"},
    {"id": "supervisor", "name": "Руководитель", "email": "supervisor@example.org"},
]


def blocks() -> list[list[str]]:
    """The indented commands by blocks, without their remarks."""
    found = re.findall(r"(?:^(?: {4}| {7})\S.*\n)+", PAGE, re.MULTILINE)
    return [[re.split(r"\s+#", line.strip())[0] for line in block.splitlines()] for block in found]


def on_postgres(block: list[str]) -> bool:
    return any(line.startswith("createdb") for line in block)


def runs(command: str) -> bool:
    return not any(command.startswith(one) for one in NOT_RUN)


class Shell:
    """A terminal whose folders are a test's own; what is exported stays."""

    def __init__(self, folder: Path, **environ: str) -> None:
        self.folder = folder
        self.environ = os.environ | environ | {"PYTHONPATH": str(ROOT)}
        self.environ["PATH"] = f"{Path(sys.executable).parent}:{environ.get('PATH', '')}:{os.environ['PATH']}"

    def here(self, command: str) -> str:
        return PLACES.sub(lambda found: f"{self.folder}{found[0]}", command)

    def run(self, command: str, statuses: tuple[int, ...] = (0,)) -> str:
        done = subprocess.run(
            ["bash", "-c", self.here(command)],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in statuses, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout


def test_what_is_not_run_stands_there() -> None:
    lines = [line for block in blocks() for line in block]
    assert [one for one in NOT_RUN if not any(line.startswith(one) for line in lines)] == []
    assert len([line for line in lines if runs(line)]) >= 22


# --- on SQLite ---------------------------------------------------------------------------------------


def test_the_commands_lead_from_an_empty_server_to_a_copy_that_was_tried(tmp_path: Path) -> None:
    said: dict[str, str] = {}
    for place in ("/srv", "/var/backups/optout", "/tmp"):
        (tmp_path / place[1:]).mkdir(parents=True)
    with Mailbox() as mailbox, embedded_crm(tmp_path, seed={"users": USERS, "cards": []}) as crm:
        shell = Shell(tmp_path, OPTOUT_CRM_TOKEN=TOKEN, EVENTS=WEBHOOK_SECRET, OPTOUT_HOME=str(tmp_path / "srv/optout"))
        for command in [line for block in blocks() if not on_postgres(block) for line in block if runs(line)]:
            if command.endswith(" serve"):
                with serving(shell) as plugin:
                    secret = (tmp_path / "srv/optout/secrets/telephony").read_text().strip()
                    assert plugin.send(call_now(), secret=secret).status == 202
                continue
            said[command] = shell.run(command)
            if " init " in command:
                set_up(tmp_path / "srv/optout", crm.base_url, mailbox.port)
    assert "не в порядке: 0" in said["optout --config /srv/optout doctor"]
    assert "c-77" in said["optout --config /tmp/drill calls list --limit 5"]
    assert "up to date" in said["optout --config /tmp/drill db status"]
    assert not (tmp_path / "tmp/drill").exists()
    assert len(list((tmp_path / "var/backups/optout").glob("ledger-2*.db"))) == 1


def call_now() -> dict[str, object]:
    return call_result(ALL, occurred_at=datetime.now(UTC).isoformat())


def set_up(home: Path, crm: str, mail_port: int) -> None:
    """What only the owner knows."""
    file = home / "plugin.toml"
    text = file.read_text(encoding="utf-8").replace("http://127.0.0.1:8090", crm)
    text = text.replace(
        '# webhook_secret = { env = "OPTOUT_CRM_EVENTS_SECRET" }', 'webhook_secret = { env = "EVENTS" }'
    )
    text = text.replace("port = 8080", f"port = {free_port()}")
    text += f'\n[smtp]\nhost = "127.0.0.1"\nport = {mail_port}\nsender = "opt-out@example.org"\n'
    file.write_text(text, encoding="utf-8")


@contextmanager
def serving(shell: Shell) -> Iterator[RunningPlugin]:
    home = shell.folder / "srv/optout"
    plugin = RunningPlugin(home, environ=shell.environ, log_file=shell.folder / "serve.log")
    plugin.start()
    try:
        yield plugin
    finally:
        assert plugin.stop(signal.SIGTERM) == 0


# --- on PostgreSQL -------------------------------------------------------------------------------------


def test_the_commands_of_postgresql_and_its_drill(tmp_path: Path, postgres: Databases) -> None:
    server, programs = make_url(postgres.url), _programs()
    if programs is None:
        pytest.skip("pg_dump is not there: the tests use another server")
    query = dict(server.query)
    where = {"PGHOST": str(server.host or query.get("host")), "PGPORT": str(server.port or query.get("port", 5432))}
    shell = Shell(tmp_path, PATH=str(programs), PGUSER=str(server.username), PGPASSWORD=server.password or "", **where)
    (tmp_path / "tmp").mkdir()
    assert main(["init", str(tmp_path / "tmp/drill")]) == 0
    file = tmp_path / "tmp/drill/plugin.toml"
    named = file.read_text(encoding="utf-8").replace('"sqlite:///optout.db"', '{ env = "OPTOUT_LEDGER_URL" }')
    file.write_text(named, encoding="utf-8")
    shell.environ["OPTOUT_HOME"] = str(file.parent)
    said: dict[str, str] = {}
    databases: list[str] = []
    try:
        for command in [line for block in blocks() if on_postgres(block) for line in block if runs(line)]:
            if command.startswith("export"):
                shell.environ["OPTOUT_LEDGER_URL"] = postgres.url_of(command.rpartition("/")[2]).replace("+psycopg", "")
                continue
            if command.startswith("pg_dump"):
                with office_on(shell.environ["OPTOUT_LEDGER_URL"]) as office:
                    office.taken(ALL)
            said[command] = shell.run(command)
            if command.startswith("createdb"):
                databases.append(command.split()[-1])
            if command.startswith("dropdb"):
                databases.remove(command.split()[-1])
    finally:
        for name in databases:
            postgres.run("DROP DATABASE {} WITH (FORCE)", name)
    assert "c-77" in said["optout --config /tmp/drill calls list --limit 5"]
    assert "up to date" in said["optout --config /tmp/drill db status"]
    assert databases == ["optout"]
