"""The processes of the demo: the embedded CRM, the plugin and a mail server, on free loopback ports."""

from __future__ import annotations

import base64
import json
import secrets
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from demo.scenes import CARDS, USERS
from plugin.config.load import shipped_dir
from tests.support.crm import CrmApi, Reply, embedded_crm
from tests.support.mailbox import Mailbox
from tests.support.plugin import WRONG_SECRET, plugin_at
from tests.support.processes import free_port

#: How long a link to the operators' page holds: the longest that there is.
LINK_HOURS = 24


class DemoFailed(Exception):
    """The demo cannot go on; the message says why."""


class Stage:
    """Everything the demo runs, from ``with`` to its end. ``folder`` holds its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mailbox = Mailbox(folder / "mails")
        self._secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
        self._running = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._running.enter_context(self.mailbox)
            self._start(free_port())
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    # --- what is sent and read -------------------------------------------------------------------

    @property
    def crm(self) -> CrmApi:
        """The CRM's own HTTP API."""
        return self._crm.api

    @property
    def crm_url(self) -> str:
        return self._crm.base_url

    @property
    def plugin_url(self) -> str:
        return self._plugin.url

    def report(self, event: dict[str, Any], *, forged: bool = False) -> Reply:
        """Send a call result to the plugin, signed by the Standard Webhooks scheme."""
        return self._plugin.send(event, secret=WRONG_SECRET if forged else self._secret)

    def deliveries(self, call: str) -> list[str]:
        """The states of a call's deliveries, as ``optout calls show`` prints them."""
        return [item["state"] for item in json.loads(self._optout("calls", "show", call, "--json"))["deliveries"]]

    def operator_link(self) -> str:
        """A signed link to the operators' page for a call with the first client."""
        card, name, phone = CARDS[0]
        call = ["--call", "demo-page", "--operator", "operator-1", "--card", f"contact:{card}", "--phone", phone]
        return self._optout("link", *call, "--name", name).strip()

    def account(self, role: str) -> tuple[str, str]:
        """A new account, named as its role is: login and password."""
        password = secrets.token_urlsafe(12)
        self._optout("user", "add", role, "--role", role, given=f"{password}\n")
        return role, password

    def mails(self, phone: str) -> list[tuple[str, str]]:
        """(recipient, subject) of the mails with this number in their text."""
        return [(mail.to, mail.subject) for mail in list(self.mailbox.mails.values()) if phone in mail.text]

    def _optout(self, *arguments: str, given: str | None = None) -> str:
        """What a command prints. Raises DemoFailed."""
        done = self._plugin.run(*arguments, given=given)
        if done.returncode:
            raise DemoFailed(f"{' '.join(arguments[:2])}: {done.stderr}")
        return done.stdout

    # --- starting --------------------------------------------------------------------------------

    def _start(self, port: int) -> None:
        token, events_secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        crm = embedded_crm(
            self.folder,
            token=token,
            webhook_secret=events_secret,
            webhook_url=f"http://127.0.0.1:{port}/events/embedded",
            seed={"users": USERS, "cards": [{"id": i, "name": name, "phones": [phone]} for i, name, phone in CARDS]},
            mail=None,
            faults=False,
            arguments=("--script-url", f"http://127.0.0.1:{port}/operator/open"),
        )
        self._crm = self._running.enter_context(crm)
        shutil.copytree(shipped_dir() / "rules", self.folder / "rules")
        (self.folder / "plugin.toml").write_text(_settings(self.crm_url, self.mailbox.port, port), encoding="utf-8")
        environ = {
            "OPTOUT_CRM_TOKEN": token,
            "OPTOUT_WEBHOOK_SECRET": self._secret,
            "OPTOUT_CRM_EVENTS_SECRET": events_secret,
            "OPTOUT_PAGE_SECRET": secrets.token_urlsafe(32),
        }
        self._plugin = self._running.enter_context(plugin_at(self.folder, environ, start=False))
        self._plugin.start("--port", str(port))


def _settings(crm_url: str, mail_port: int, own_port: int) -> str:
    """The shipped plugin.toml with this stage's addresses, and quick repeats."""
    shipped = (shipped_dir() / "plugin.toml").read_text(encoding="utf-8")
    changed = shipped.replace('base_url = "http://127.0.0.1:8090"', f'base_url = "{crm_url}"')
    changed = changed.replace(
        'token = { env = "OPTOUT_CRM_TOKEN" }',
        'token = { env = "OPTOUT_CRM_TOKEN" }\nwebhook_secret = { env = "OPTOUT_CRM_EVENTS_SECRET" }',
    )
    changed = changed.replace("[page]\n", '[page]\nsecret = { env = "OPTOUT_PAGE_SECRET" }\n')
    # Whoever keeps it up comes back to it the next day.
    changed = changed.replace("session_hours = 12.0", "session_hours = 168.0")
    changed = changed.replace("link_minutes = 30.0", f"link_minutes = {LINK_HOURS * 60}")
    # What mails and links say of the page holds.
    changed = changed.replace("port = 8080", f"port = {own_port}")
    changed = changed.replace("poll_seconds = 1.0", "poll_seconds = 0.2")
    return changed + f'\n[smtp]\nhost = "127.0.0.1"\nport = {mail_port}\nsender = "opt-out@example.org"\n'
