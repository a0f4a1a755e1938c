"""The processes of the demo: the embedded CRM, the plugin and a mail server, on free loopback ports."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from standardwebhooks import Webhook

from demo.mailbox import Mailbox, free_port
from demo.scenes import CARDS, USERS
from plugin.config.load import shipped_dir

START_SECONDS = 30.0


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer."""

    status: int
    body: dict[str, Any]


class Stage:
    """Everything the demo runs, from ``with`` to its end. ``folder`` holds its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mailbox = Mailbox(folder / "mails")
        self._secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._token = secrets.token_urlsafe(24)
        self._processes: list[subprocess.Popen[str]] = []
        self._environ = os.environ | {
            "OPTOUT_CRM_TOKEN": self._token,
            "OPTOUT_WEBHOOK_SECRET": self._secret,
            "OPTOUT_CRM_EVENTS_SECRET": secrets.token_urlsafe(24),
            "OPTOUT_PAGE_SECRET": secrets.token_urlsafe(32),
            "PYTHONUNBUFFERED": "1",
        }
        self.plugin_url = ""
        self.crm_url = ""

    def __enter__(self) -> Self:
        try:
            self.mailbox.start()
            port = free_port()
            self._start_crm(f"http://127.0.0.1:{port}/events/embedded")
            self._start_plugin(port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in reversed(self._processes):
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
        self.mailbox.stop()

    # --- what is sent and read -------------------------------------------------------------------

    def report(self, event: dict[str, Any], *, forged: bool = False) -> Reply:
        """Send a call result to the plugin, signed by the Standard Webhooks scheme."""
        body = json.dumps(event, ensure_ascii=False)
        now = datetime.now(UTC)
        secret = base64.b64encode(b"somebody else's key, 32 bytes ok").decode() if forged else self._secret
        headers = {
            "Content-Type": "application/json",
            "webhook-id": event["id"],
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Webhook(secret).sign(event["id"], now, body),
        }
        return _http("POST", f"{self.plugin_url}/events/call-result", body.encode(), headers)

    def crm(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One call of the CRM's own HTTP API."""
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        reply = _http(method, f"{self.crm_url}/api/v1/{path}", json.dumps(body).encode() if body else None, headers)
        if reply.status >= 400:
            raise DemoFailed(f"{method} {path}: {reply.status} {reply.body}")
        return reply.body

    def deliveries(self, call: str) -> list[str]:
        """The states of a call's deliveries, as ``optout calls show`` tells them."""
        return [item["state"] for item in json.loads(self._optout("calls", "show", call, "--json"))["deliveries"]]

    def operator_link(self) -> str:
        """A signed link to the operators' page for a call with the first client."""
        card, name, phone = CARDS[0]
        call = ["--call", "demo-page", "--operator", "operator-1", "--card", f"contact:{card}", "--phone", phone]
        link = self._optout("link", *call, "--name", name)
        # The plugin listens on a port of its own choosing.
        return self.plugin_url + link[link.index("/operator") :].strip()

    def _optout(self, *arguments: str) -> str:
        """What a command prints. Raises DemoFailed."""
        command = [sys.executable, "-m", "plugin", "--config", str(self.folder), *arguments]
        done = subprocess.run(command, env=self._environ, capture_output=True, text=True, check=False, cwd=Path.cwd())
        if done.returncode:
            raise DemoFailed(f"{' '.join(arguments[:2])}: {done.stderr}")
        return done.stdout

    # --- starting --------------------------------------------------------------------------------

    def _start_crm(self, webhook_url: str) -> None:
        seed = {"users": USERS, "cards": [{"id": i, "name": name, "phones": [phone]} for i, name, phone in CARDS]}
        (self.folder / "seed.json").write_text(json.dumps(seed, ensure_ascii=False), encoding="utf-8")
        command = [sys.executable, "-m", "connectors.embedded", "--database", str(self.folder / "crm.db")]
        command += ["--token-env", "OPTOUT_CRM_TOKEN", "--seed", str(self.folder / "seed.json")]
        command += ["--webhook-url", webhook_url, "--webhook-secret-env", "OPTOUT_CRM_EVENTS_SECRET"]
        self.crm_url = self._start("crm", command)

    def _start_plugin(self, port: int) -> None:
        shutil.copytree(shipped_dir() / "rules", self.folder / "rules")
        (self.folder / "plugin.toml").write_text(_settings(self.crm_url, self.mailbox.port), encoding="utf-8")
        command = [sys.executable, "-m", "plugin", "--config", str(self.folder), "serve", "--port", str(port)]
        self.plugin_url = self._start("plugin", command)

    def _start(self, name: str, command: list[str]) -> str:
        """Start a process and wait for its «listening on»; its log goes to a file."""
        with open(self.folder / f"{name}.log", "w", encoding="utf-8") as log:
            process = subprocess.Popen(
                command, env=self._environ, stdout=subprocess.PIPE, stderr=log, text=True, cwd=Path.cwd()
            )
        self._processes.append(process)
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith("listening on "):
            said = (self.folder / f"{name}.log").read_text(encoding="utf-8")
            raise DemoFailed(f"{name} did not start: {line}\n{said[-2000:]}")
        return line.removeprefix("listening on ")


def wait_until(done: Any, seconds: float) -> bool:
    """Whether ``done()`` became true within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _settings(crm_url: str, mail_port: int) -> str:
    """The shipped plugin.toml with this stage's addresses, and quick repeats."""
    shipped = (shipped_dir() / "plugin.toml").read_text(encoding="utf-8")
    changed = shipped.replace('base_url = "http://127.0.0.1:8090"', f'base_url = "{crm_url}"')
    changed = changed.replace(
        'token = { env = "OPTOUT_CRM_TOKEN" }',
        'token = { env = "OPTOUT_CRM_TOKEN" }\nwebhook_secret = { env = "OPTOUT_CRM_EVENTS_SECRET" }',
    )
    changed = changed.replace("[page]\n", '[page]\nsecret = { env = "OPTOUT_PAGE_SECRET" }\n')
    changed = changed.replace("poll_seconds = 1.0", "poll_seconds = 0.2")
    return changed + f'\n[smtp]\nhost = "127.0.0.1"\nport = {mail_port}\nsender = "opt-out@example.org"\n'


def _http(method: str, url: str, body: bytes | None, headers: dict[str, str]) -> Reply:
    request = urllib.request.Request(url, body, headers, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=30) as response:
            return Reply(response.status, json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, json.loads(error.read() or b"{}"))
