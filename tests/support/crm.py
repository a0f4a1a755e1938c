"""The embedded CRM as a process of its own on a free port, and a small client to look into it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from connectors.embedded import EmbeddedConnector

ROOT = Path(__file__).resolve().parents[2]
_GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")
TOKEN = "crm-test-token"
WEBHOOK_SECRET = "crm-test-webhook-secret"
COORDINATOR = {"id": "coordinator", "name": "Координатор опросов", "email": "coordinator@dealer.example"}
SMS_MANAGER = {"id": "sms", "name": "СМС-менеджер", "email": "sms@dealer.example"}
SEED: dict[str, Any] = {
    "users": [COORDINATOR, SMS_MANAGER],
    "cards": [
        {"id": "42", "name": "Иванов Иван Иванович", "phones": ["+7 (916) 123-45-67", "8 495 000-11-22"]},
        {"id": "43", "name": "Петрова Алёна Игоревна", "phones": ["89161234568"]},
    ],
}

#: A machine that is this many times slower than ours, or as busy, still passes.
SLOWER = 4.0

T = TypeVar("T")


def free_port() -> int:
    """A port that nobody listens on, nor will: not one of those that the system gives to whoever asks for any."""
    first = int(_GIVEN_OUT.read_text().split()[0]) if _GIVEN_OUT.exists() else 32768
    while True:
        port = secrets.randbelow(first - 10_000) + 10_000
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(condition: Callable[[], T], seconds: float = 10.0) -> T:
    """What ``condition`` returns once it is true: within ``seconds`` on a quiet machine. Raises AssertionError."""
    deadline = time.monotonic() + seconds * SLOWER
    while not (value := condition()):
        assert time.monotonic() < deadline, f"nothing came of it within {seconds * SLOWER:g} s"
        time.sleep(0.01)
    return value


@dataclass(frozen=True)
class Reply:
    """An answer as it came: ``data`` is its JSON, None where it is none."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def data(self) -> Any:
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@dataclass(frozen=True)
class CrmApi:
    """The CRM's own API and pages, as an outsider sees them.

    Paths are relative to ``/api/v1/`` unless they begin with /.
    """

    base_url: str
    token: str = TOKEN

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send anything: ``body`` as JSON, or as it is if it is bytes."""
        address = path if path.startswith("/") else f"/api/v1/{path}"
        if params:
            address += "?" + urlencode(params)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection = HTTPConnection(urlsplit(self.base_url).netloc, timeout=60)
        try:
            connection.request(
                method, address, content, {"Authorization": f"Bearer {self.token}"} | dict(headers or {})
            )
            response = connection.getresponse()
            return Reply(response.status, dict(response.headers), response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, **params: str) -> Any:
        """The JSON of a read that must work."""
        return self._good(self.request("GET", path, params=params))

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a write that must work."""
        return self._good(self.request(method, path, body))

    def all(self, path: str, **params: str) -> list[dict[str, Any]]:
        """All records of a list, page by page."""
        items: list[dict[str, Any]] = []
        page = self.get(path, limit="200", **params)
        while True:
            items += page["items"]
            if page["next"] is None:
                return items
            page = self.get(path, limit="200", after=page["next"], **params)

    def comments(self, card: str) -> list[dict[str, Any]]:
        """The card's comments, oldest first."""
        return self.all(f"cards/{card}/comments")

    def reminders(self, **filters: str) -> list[dict[str, Any]]:
        """Reminders, oldest first; filters: card, assignee, state, external_key."""
        return self.all("reminders", **filters)

    def mails(self, **filters: str) -> list[dict[str, Any]]:
        """The CRM's own mails, oldest first; filters: user, address, state, external_key."""
        return self.all("mails", **filters)

    def faults(self, *faults: Mapping[str, Any], seed: int | None = None) -> None:
        """From now on these, e.g. ``{"kind": "drop_after", "next": 1, "collection": "comments"}``; none: none."""
        self.send("PUT", "/faults", {"faults": list(faults), "seed": seed})

    def fault_counts(self) -> list[int]:
        """How often each fault of the plan has happened."""
        return [fault["happened"] for fault in self.get("/faults")["faults"]]

    @staticmethod
    def _good(reply: Reply) -> Any:
        assert 200 <= reply.status < 300, f"{reply.status}: {reply.text[:500]}"
        return reply.data


@dataclass
class RunningCrm:
    """A CRM that runs. ``outbox`` is the folder of .eml files where it writes such."""

    command: list[str]
    environ: Mapping[str, str]
    database: Path
    outbox: Path
    proc: subprocess.Popen[str] = field(init=False)
    base_url: str = field(init=False)
    token: str = TOKEN
    webhook_secret: str = WEBHOOK_SECRET

    def start(self) -> None:
        """Start the process and wait until it is ready; a second time, on the same port."""
        command = list(self.command)
        if hasattr(self, "base_url"):
            command[command.index("--port") + 1] = str(urlsplit(self.base_url).port)
        self.proc = subprocess.Popen(
            command, cwd=ROOT, env=dict(self.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.proc.stdout is not None
        line = self.proc.stdout.readline()
        if not line.startswith("listening on "):
            _, errors = self.proc.communicate(timeout=30)
            raise AssertionError(f"the CRM did not start: {line}{errors}")
        self.base_url = line.removeprefix("listening on ").strip()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process; returns its exit code. What it wrote on stderr is then in ``errors``."""
        if self.proc.poll() is None:
            self.proc.send_signal(how)
        _, self.errors = self.proc.communicate(timeout=60)
        return self.proc.returncode

    @property
    def api(self) -> CrmApi:
        return CrmApi(self.base_url, self.token)

    def settings(self, **overrides: Any) -> dict[str, Any]:
        """Loaded settings of a connector to this CRM, quick to give up."""
        account = {"base_url": self.base_url, "token": self.token, "webhook_secret": self.webhook_secret}
        quick = {"connect_seconds": 1.0, "read_seconds": 2.0, "settling_seconds": 0.5}
        return dict(EmbeddedConnector.Settings().load(account | quick | overrides))

    def connector(self, **overrides: Any) -> EmbeddedConnector:
        """A connector to this CRM; ``overrides`` are settings."""
        return EmbeddedConnector(self.settings(**overrides))


@contextmanager
def embedded_crm(
    tmp_path: Path,
    *,
    faults: bool = True,
    mail: str | None = "outbox",
    webhook_url: str | None = None,
    seed: Mapping[str, Any] | None = SEED,
    port: int = 0,
    arguments: tuple[str, ...] = (),
) -> Iterator[RunningCrm]:
    """Run a CRM for the length of the block, its files under ``tmp_path/crm``; by default on a free port.

    ``mail``: ``outbox``, ``HOST:PORT`` of a mail server, or None. ``seed``: cards and users to begin with.
    """
    folder = tmp_path / "crm"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "connectors.embedded", "--port", str(port or free_port())]
    command += ["--token-env", "CRM_TOKEN", "--database", str(folder / "crm.db"), *arguments]
    if seed is not None:
        (folder / "seed.json").write_text(json.dumps(seed), encoding="utf-8")
        command += ["--seed", str(folder / "seed.json")]
    if mail is not None:
        command += ["--outbox", str(folder / "outbox")] if mail == "outbox" else ["--smtp", mail]
    if webhook_url is not None:
        command += ["--webhook-url", webhook_url, "--webhook-secret-env", "CRM_WEBHOOK_SECRET"]
    if faults:
        command += ["--faults"]
    environ = os.environ | {"CRM_TOKEN": TOKEN, "CRM_WEBHOOK_SECRET": WEBHOOK_SECRET, "PYTHONPATH": str(ROOT)}
    crm = RunningCrm(command, environ, folder / "crm.db", folder / "outbox")
    crm.start()
    try:
        yield crm
    finally:
        crm.stop()
