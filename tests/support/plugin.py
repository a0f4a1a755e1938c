"""The plugin as a process of its own on a free port: send it events as a CRM does, and end it in any way."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from standardwebhooks import Webhook

from plugin.config.load import load_settings
from plugin.ledger import Ledger
from plugin.ledger.history import find_calls
from plugin.ledger.schema import deliveries
from tests.support.commands import run_here
from tests.support.crm import COORDINATOR, SMS_MANAGER, TOKEN, WEBHOOK_SECRET, Reply, RunningCrm
from tests.support.home import lay_out
from tests.support.processes import ROOT, ReadyProcess

SECRET = "whsec_" + base64.b64encode(b"the signing key of a test source").decode()
WRONG_SECRET = "whsec_" + base64.b64encode(b"a key that nobody has configured").decode()
_SERVICES = ("serve", "web", "deliver")

_SETTINGS = """
[crm]
connector = "embedded"

[crm.embedded]
base_url = "{crm}"
token = {{ env = "OPTOUT_CRM_TOKEN" }}
webhook_secret = {{ env = "OPTOUT_CRM_EVENTS_SECRET" }}
connect_seconds = 1.0
read_seconds = 1.0
settling_seconds = {settling}
requests_per_second = 200.0

[sources.telephony]
secrets = [{{ env = "OPTOUT_WEBHOOK_SECRET" }}]

"""


def signed_headers(event_id: str, body: str, secret: str = SECRET) -> dict[str, str]:
    """The headers of a call result that is sent now, signed by the Standard Webhooks scheme."""
    now = datetime.now(UTC)
    return {
        "Content-Type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(event_id, now, body),
    }


@dataclass
class RunningPlugin(ReadyProcess):
    """A plugin that runs, its files in ``home``."""

    home: Path
    url: str = ""

    def start(self, *arguments: str, command: str = "serve") -> None:
        """Start ``optout serve``, or ``web`` or ``deliver``, and wait until it is ready."""
        if command == "deliver":
            self.launch([*self.command, command, *arguments], "delivering")
        else:
            self.url = self.launch([*self.command, command, "--port", "0", *arguments], "listening on ")

    def run(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run another ``optout`` command on the same home; ``given``: its standard input.

        Only those that serve are processes of their own, so that there is something to end.
        """
        if arguments[0] not in _SERVICES:
            return run_here(["--config", str(self.home), *arguments], self.environ, given)
        return subprocess.run(
            [*self.command, *arguments],
            cwd=ROOT,
            env=dict(self.environ),
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    def send(self, event: Mapping[str, Any], *, secret: str = SECRET) -> Reply:
        """Send a call result, signed by the Standard Webhooks scheme."""
        body = json.dumps(event, ensure_ascii=False)
        headers = signed_headers(str(event["id"]), body, secret)
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request("POST", "/events/call-result", body.encode(), headers)
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers), response.read().decode())
        finally:
            connection.close()

    def call(self, call_id: str) -> dict[str, Any]:
        """A call as ``optout calls show`` prints it."""
        shown = self.run("calls", "show", call_id, "--json", "--full")
        assert shown.returncode == 0, shown.stderr
        return dict(json.loads(shown.stdout))

    def states(self, call_id: str) -> dict[str, list[str]]:
        """The states of a call's deliveries by kind, as the ledger has them: who waits need not start a process."""
        states: dict[str, list[str]] = {}
        with closing(Ledger(self.ledger_url)) as ledger, ledger.read() as connection:
            newest, *_ = [*find_calls(connection, call_id), None]
            query = select(deliveries.c.kind, deliveries.c.state).where(deliveries.c.call_ref == newest)
            for kind, state in connection.execute(query):
                states.setdefault(kind, []).append(state)
        return {kind: sorted(found) for kind, found in states.items()}

    def is_settled(self, call_id: str) -> bool:
        """Whether nothing of the call is on its way any more."""
        found = [state for states in self.states(call_id).values() for state in states]
        return bool(found) and set(found) <= {"done", "cancelled", "parked"}

    @cached_property
    def ledger_url(self) -> str:
        """Where its ledger is."""
        return load_settings(self.home, self.environ, secrets=False).ledger_url

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-m", "plugin", "--config", str(self.home)]


@contextmanager
def plugin_at(home: Path, secrets: Mapping[str, str], *, start: bool = True) -> Iterator[RunningPlugin]:
    """Run a plugin on what lies in ``home`` for the length of the block; ``secrets`` are environment variables."""
    environ = os.environ | dict(secrets) | {"PYTHONPATH": str(ROOT)}
    plugin = RunningPlugin(home, environ=environ, log_file=home / "serve.log")
    if start:
        plugin.start()
    try:
        yield plugin
    finally:
        if hasattr(plugin, "proc"):
            plugin.stop()


@contextmanager
def running_plugin(
    tmp_path: Path,
    crm: RunningCrm,
    mail_port: int,
    *,
    settling: float = 2.0,
    start: bool = True,
    ledger_url: str = "sqlite:///ledger.db",
) -> Iterator[RunningPlugin]:
    """Run a plugin on this CRM and mail server for the length of the block, the shipped rules with the CRM's users.

    ``ledger_url`` on PostgreSQL: that of a ledger with its tables.
    """
    home = tmp_path / "plugin"
    settings = _SETTINGS.format(crm=crm.base_url, settling=settling)
    lay_out(home, settings, (COORDINATOR["id"], SMS_MANAGER["id"]), mail_port=mail_port, ledger=ledger_url)
    secrets = {
        "OPTOUT_CRM_TOKEN": TOKEN,
        "OPTOUT_CRM_EVENTS_SECRET": WEBHOOK_SECRET,
        "OPTOUT_WEBHOOK_SECRET": SECRET,
    }
    with plugin_at(home, secrets, start=start) as plugin:
        yield plugin
