"""Everything that a run needs: the CRM with its faults, the mail server, and the plugin's services on one ledger."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from typing import Any, Self

from chaos.readback import SENDER
from chaos.script import ADDRESSES, COORDINATOR, SMS_MANAGER
from chaos.services import Service
from chaos.sink import FaultyMailbox
from chaos.story import Story
from tests.support.crm import CrmApi, crm_command, crm_environ
from tests.support.processes import ROOT, free_port

_TOKEN = "the-crm-of-a-chaos-run"
SECRET = "whsec_" + base64.b64encode(b"the signing key of a chaos run").decode()
_SLOW_SECONDS, _READ_SECONDS, _SETTLING_SECONDS = 2.0, 1.2, 3.5
#: How long the CRM may take to be there again.
_BACK_SECONDS = 60.0
#: What the CRM does wrong, each with its chance, to writes and (the later ones) to reads as well. The slow answers come
#: after the plugin has given up, and so do the late writes; both well within its settling time.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "latency", "probability": 0.15, "seconds": 0.2, "reads": True},
    {"kind": "latency", "probability": 0.02, "seconds": _SLOW_SECONDS},
    {"kind": "error_after", "probability": 0.04},
    {"kind": "drop_after", "probability": 0.04},
    {"kind": "commit_after_drop", "probability": 0.04, "seconds": 1.0},
    {"kind": "error_before", "probability": 0.03, "reads": True},
    {"kind": "drop_before", "probability": 0.03, "reads": True},
    {"kind": "throttle", "probability": 0.03, "seconds": 1.0, "reads": True},
)
#: What the settings of every run begin with.
SETTINGS_HEAD = """
[plugin]
id = "optout"
version = "0.1.0"
events = ["call-result"]
default_script = "survey_opt_out"
timezone = "Europe/Moscow"

[ledger]
url = {{ env = "CHAOS_LEDGER_URL" }}
"""
_SETTINGS = (
    SETTINGS_HEAD
    + """
[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:{crm}"
token = {{ env = "CHAOS_CRM_TOKEN" }}
connect_seconds = 1.0
read_seconds = {read}
settling_seconds = {settling}

[sources.telephony]
secrets = [{{ env = "CHAOS_WEBHOOK_SECRET" }}]

[delivery]
threads = 8
poll_seconds = 0.1
first_wait_seconds = 0.2
longest_wait_seconds = 2.0
probe_seconds = 0.5
lease_margin_seconds = 0.5
unfinished_after_minutes = 0.1

[smtp]
host = "127.0.0.1"
port = {mail}
sender = "{sender}"
timeout_seconds = 3.0
"""
)


class Stage:
    """The processes of one run, from ``with`` to its end; ``folder`` holds their files and logs.

    ``shared``: the web side and three delivery processes, for a ledger that takes several; else one ``serve``.
    """

    def __init__(self, folder: Path, url: str, stories: Sequence[Story], *, shared: bool, seed: str) -> None:
        self.folder = folder
        self.injected: Counter[str] = Counter()
        self.sink = FaultyMailbox(Random(f"{seed}-mail"))
        self.web_port, self._crm_port = free_port(), free_port()
        self.crm_api = CrmApi(f"http://127.0.0.1:{self._crm_port}", _TOKEN)
        self._stories = stories
        self._seed = seed
        self._faulty = True
        self._counting = threading.Lock()
        secrets = {"CHAOS_LEDGER_URL": url, "CHAOS_CRM_TOKEN": _TOKEN, "CHAOS_WEBHOOK_SECRET": SECRET}
        self._environ = crm_environ(_TOKEN) | secrets | {"PYTHONUNBUFFERED": "1"}
        self.crm = self._crm()
        self.plugin = self._plugin(shared)
        self.services = [self.crm, *self.plugin]

    def __enter__(self) -> Self:
        try:
            self.sink.__enter__()
            self._lay_out()
            for service in self.services:
                service.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for service in reversed(self.services):
            service.stop()
        self.sink.__exit__()

    # --- kills and faults --------------------------------------------------------------------------

    def kill(self, service: Service, down_for: float) -> bool:
        """Kill one of the services, the CRM's faults counted first; False: it is not up."""
        if service is self.crm:
            self._count()
        return service.kill(down_for)

    def calm_down(self) -> None:
        """No more faults from now on."""
        self._faulty = False
        self._count()
        self.crm_api.faults()
        self.sink.faulty = False
        self.injected += Counter({f"mail {kind}": count for kind, count in self.sink.faults.items()})

    def disturb(self) -> None:
        """The CRM's faults once more."""
        self._faulty = True
        self._inject()

    def settle(self) -> None:
        """No more of them, once the CRM is there to be told."""
        self._faulty = False
        self.crm.up.wait(_BACK_SECONDS)
        self._count()
        self.crm_api.faults()

    def last_words(self) -> str:
        """The end of each log, to see why a run went wrong."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-1500:]}" for log in logs)

    def _inject(self) -> None:
        if self._faulty:
            self.crm_api.faults(*FAULTS, seed=Random(f"{self._seed}-{self.crm.kills}").randrange(2**31))

    def _count(self) -> None:
        with self._counting:
            try:
                happened = self.crm_api.get("/faults")["faults"]
            except (OSError, HTTPException, AssertionError):
                # It is just starting: the faults of this start are not counted.
                return
            self.injected += Counter({fault["kind"]: 0 for fault in happened})
            for fault in happened:
                self.injected[fault["kind"]] += fault["happened"]

    # --- the services ------------------------------------------------------------------------------

    def _crm(self) -> Service:
        mail, seed = f"127.0.0.1:{self.sink.port}", _seed(self._stories)
        command = crm_command(self.folder, port=self._crm_port, mail=mail, seed=seed)
        return Service(
            "crm", command, self._environ, self.folder / "crm.log", lambda: answers(self._crm_port), self._inject
        )

    def _plugin(self, shared: bool) -> list[Service]:
        def service(name: str, *arguments: str, listens: bool = False) -> Service:
            command = [sys.executable, "-m", "plugin", "--config", str(self.folder), *arguments]
            ready = (lambda: answers(self.web_port)) if listens else (lambda: True)
            return Service(name, command, self._environ, self.folder / f"{name}.log", ready)

        port = ("--port", str(self.web_port))
        if not shared:
            return [service("serve", "serve", *port, listens=True)]
        deliver = [service(f"deliver-{number}", "deliver") for number in (1, 2, 3)]
        return [service("web", "web", *port, listens=True), *deliver]

    def _lay_out(self) -> None:
        shutil.copytree(ROOT / "rules", self.folder / "rules")
        roles = self.folder / "rules" / "roles.toml"
        head, manager = roles.read_text(encoding="utf-8").split("[role.sms_manager]")
        both = manager.replace('email = "smtp"', 'email = "both"')
        roles.write_text(f"{head}[role.sms_manager]{both}", encoding="utf-8")
        settings = _SETTINGS.format(
            crm=self._crm_port, read=_READ_SECONDS, settling=_SETTLING_SECONDS, mail=self.sink.port, sender=SENDER
        )
        (self.folder / "plugin.toml").write_text(settings, encoding="utf-8")
        command = [sys.executable, "-m", "plugin", "--config", str(self.folder), "db", "upgrade"]
        subprocess.run(command, cwd=ROOT, env=self._environ, check=True, stdout=subprocess.DEVNULL)


def _seed(stories: Iterable[Story]) -> dict[str, Any]:
    """The CRM's users, and a card for each call, with another one where another client answers who has one."""
    people = [(COORDINATOR, "Координатор опросов"), (SMS_MANAGER, "СМС-менеджер")]
    users = [{"id": person, "name": name, "email": ADDRESSES[person]} for person, name in people]
    cards = []
    for story in stories:
        story.card = str(2 * story.number)
        cards.append({"id": story.card, "name": story.name, "phones": [story.phone]})
        if story.who == "found":
            story.other_card = str(2 * story.number + 1)
            cards.append({"id": story.other_card, "name": story.other_name, "phones": [story.phone]})
    return {"users": users, "cards": cards}


def answers(port: int) -> bool:
    """Whether something speaks HTTP there."""
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        return True
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
