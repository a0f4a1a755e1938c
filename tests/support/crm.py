"""The embedded CRM as a process of its own on a free port, and a small client to look into it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from connectors.embedded import EmbeddedConnector
from tests.support.processes import ROOT, ReadyProcess, free_port

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
class RunningCrm(ReadyProcess):
    """A CRM that runs. ``outbox`` is the folder of .eml files where it writes such."""

    command: list[str]
    folder: Path
    token: str = TOKEN
    webhook_secret: str = WEBHOOK_SECRET
    base_url: str = ""

    @property
    def database(self) -> Path:
        return self.folder / "crm.db"

    @property
    def outbox(self) -> Path:
        return self.folder / "outbox"

    def start(self) -> None:
        """Start the process and wait until it is ready; a second time, on the same port."""
        same_port = ["--port", str(urlsplit(self.base_url).port)] if self.base_url else []
        self.base_url = self.launch([*self.command, *same_port], "listening on ")

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


def crm_command(
    folder: Path,
    *,
    faults: bool = True,
    mail: str | None = "outbox",
    webhook_url: str | None = None,
    seed: Mapping[str, Any] | None = SEED,
    port: int = 0,
) -> list[str]:
    """The command that runs a CRM with its files in ``folder``, where the seed is written; see ``crm_environ``.

    ``mail``: ``outbox``, ``HOST:PORT`` of a mail server, or None. ``seed``: cards and users to begin with. Without a
    ``port`` it gets one that stays its own when it is started again.
    """
    command = [
        sys.executable,
        "-m",
        "connectors.embedded",
        "--port",
        str(port or free_port()),
        "--token-env",
        "CRM_TOKEN",
    ]
    command += ["--database", str(folder / "crm.db")]
    if seed is not None:
        (folder / "seed.json").write_text(json.dumps(seed, ensure_ascii=False), encoding="utf-8")
        command += ["--seed", str(folder / "seed.json")]
    if mail is not None:
        command += ["--outbox", str(folder / "outbox")] if mail == "outbox" else ["--smtp", mail]
    if webhook_url is not None:
        command += ["--webhook-url", webhook_url, "--webhook-secret-env", "CRM_WEBHOOK_SECRET"]
    return [*command, "--faults"] if faults else command


def crm_environ(token: str = TOKEN, webhook_secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """The environment of a CRM that ``crm_command`` runs."""
    return os.environ | {"CRM_TOKEN": token, "CRM_WEBHOOK_SECRET": webhook_secret, "PYTHONPATH": str(ROOT)}


@contextmanager
def embedded_crm(
    tmp_path: Path,
    *,
    token: str = TOKEN,
    webhook_secret: str = WEBHOOK_SECRET,
    arguments: tuple[str, ...] = (),
    **options: Any,
) -> Iterator[RunningCrm]:
    """Run a CRM for the length of the block, its files under ``tmp_path/crm``; ``options`` as of ``crm_command``."""
    folder = tmp_path / "crm"
    folder.mkdir(parents=True, exist_ok=True)
    command = [*crm_command(folder, **options), *arguments]
    environ = crm_environ(token, webhook_secret)
    crm = RunningCrm(command, folder, token, webhook_secret, environ=environ, log_file=folder / "crm.log")
    crm.start()
    try:
        yield crm
    finally:
        crm.stop()
