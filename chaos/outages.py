"""One run with EspoCRM on one ledger: calls it reports, gives up and has corrected, in storms; then all is counted."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Self

from sqlalchemy import func, select

from chaos.espocrm import Reporter, StormyEspo
from chaos.promises import ExpectedPromise, finished_by_chance, watched_again
from chaos.readback import SENDER
from chaos.records import Records, records
from chaos.run import Result, all_up, count_promises, stopped
from chaos.script import ADDRESSES, COORDINATOR, OUTCOMES, SMS_MANAGER
from chaos.services import Service
from chaos.sink import FaultyMailbox
from chaos.stage import SETTINGS_HEAD, answers
from chaos.storms import EACH_SECONDS, KINDS, Storms
from chaos.surveys import APART, FIELDS, OPEN_TASK, Survey, count, other_name, surveys, tell
from plugin.ledger import Ledger
from plugin.ledger.connected import catch_ups, kept_references
from tests.connectors.espocrm.rig import WEBHOOK, WEBHOOK_SECRET
from tests.connectors.espocrm.server import API_KEY
from tests.connectors.espocrm.server import SENDER as CRM_SENDER
from tests.support.crm import crm_environ
from tests.support.processes import ROOT, free_port, poll

_CALLS_A_SECOND = 4.0
#: Every storm comes once for so many kills that are asked for.
KILLS_A_ROUND = 10
_START_SECONDS = 90.0
_PAUSE = 0.2
_TEXTS = ("client_name", "survey_type", "agreed_to_warning")
#: How long the last of it may take once it is calm, and how long afterwards nothing more may come.
_PATIENCE, _AFTERWARDS = 300.0, 2.0
#: How long it may take until all reminders were looked at again.
_WATCH_SECONDS = 120.0
_SETTINGS = (
    SETTINGS_HEAD
    + """
[crm]
connector = "espocrm"

[crm.espocrm]
base_url = "{crm}"
api_key = {{ env = "CHAOS_ESPO_KEY" }}
webhooks = {{ env = "CHAOS_ESPO_WEBHOOKS" }}
mail_sender = "{crm_sender}"
connect_seconds = 1.0
read_seconds = 1.2
settling_seconds = 1.0
requests_per_second = 200.0
burst = 200

{facts}
[delivery]
threads = 4
poll_seconds = 0.1
first_wait_seconds = 0.2
longest_wait_seconds = 2.0
longest_retry_after_seconds = 1.0
probe_seconds = 0.5
lease_margin_seconds = 0.5
quiet_minutes = 0.05

[smtp]
host = "127.0.0.1"
port = {mail}
sender = "{sender}"
timeout_seconds = 3.0
"""
)


class OutageStage:
    """EspoCRM in this process, the mail server, and the plugin's services, from ``with`` to its end."""

    def __init__(self, folder: Path, url: str, *, shared: bool, random: Random) -> None:
        self.folder = folder
        self.crm = StormyEspo()
        self.sink = FaultyMailbox(random)
        self.web_port = free_port()
        self.reporter = Reporter(self.crm, self.web_port)
        self.people = {
            name: self.crm.add("User", userName=name, isActive=True, emailAddress=ADDRESSES[name])
            for name in (COORDINATOR, SMS_MANAGER)
        }
        secrets = {"CHAOS_LEDGER_URL": url, "CHAOS_ESPO_KEY": API_KEY, "PYTHONUNBUFFERED": "1"}
        secrets["CHAOS_ESPO_WEBHOOKS"] = f"Call.create {WEBHOOK} {WEBHOOK_SECRET}"
        self._environ = crm_environ("unused") | secrets
        port = ("--port", str(self.web_port))
        commands = {"web": ("web", *port), "deliver": ("deliver",)} if shared else {"serve": ("serve", *port)}
        self.plugin = [self._service(name, arguments) for name, arguments in commands.items()]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            for part in (self.crm.running(), self.sink, self.reporter):
                self._stack.enter_context(part)
            self._lay_out()
            for service in self.plugin:
                service.start()
                self._stack.callback(service.stop)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def last_words(self) -> str:
        """The end of each log, to see why a run went wrong."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(encoding='utf-8', errors='replace')[-1500:]}" for log in logs)

    def _service(self, name: str, arguments: Sequence[str]) -> Service:
        command = [sys.executable, "-m", "plugin", "--config", str(self.folder), *arguments]
        ready = (lambda: True) if name == "deliver" else (lambda: answers(self.web_port))
        return Service(name, command, self._environ, self.folder / f"{name}.log", ready)

    def _lay_out(self) -> None:
        shutil.copytree(ROOT / "rules", self.folder / "rules")
        roles = self.folder / "rules" / "roles.toml"
        head, manager = roles.read_text(encoding="utf-8").split("[role.sms_manager]")
        both = manager.replace('email = "smtp"', 'email = "both"')
        roles.write_text(f"{head}[role.sms_manager]{both}", encoding="utf-8")
        given = {"crm": self.crm.url, "mail": self.sink.port, "sender": SENDER, "crm_sender": CRM_SENDER}
        (self.folder / "plugin.toml").write_text(_SETTINGS.format(facts=_facts(), **given), encoding="utf-8")
        command = [sys.executable, "-m", "plugin", "--config", str(self.folder), "db", "upgrade"]
        subprocess.run(command, cwd=ROOT, env=self._environ, check=True, stdout=subprocess.DEVNULL)


def _facts() -> str:
    tables = []
    for fact, field in FIELDS.items():
        values = 'values = { "Yes" = true, "No" = false }\n' if fact not in _TEXTS else ""
        tables.append(f'[crm.espocrm.facts.{fact}]\nfield = "{field}"\n{values}\n')
    return "".join(tables)


def run_outages(
    ledger: str, url: str, folder: Path, *, calls: int, kills: int, seed: int, storms: Sequence[str] | None = None
) -> Result:
    """Let ``calls`` calls and ``storms`` loose on the plugin; by default every kind, once for so many ``kills``."""
    names = KINDS * max(1, kills // KILLS_A_ROUND) if storms is None else tuple(storms)
    started, result = time.monotonic(), Result(f"{ledger}, EspoCRM", calls)
    length = max(calls / _CALLS_A_SECOND, EACH_SECONDS * len(names))
    told = surveys(calls, length, Random(f"{seed}-surveys"))
    stage = OutageStage(folder, url, shared=ledger != "sqlite", random=Random(f"{seed}-mail"))
    with stage, records(url) as ledger_records:
        weather = Storms(stage.crm, stage.reporter, stage.plugin, stage.sink, Random(f"{seed}-storms"), names)
        try:
            _play(stage, told, weather, result)
            _count(stage, url, told, ledger_records, result)
        finally:
            result.kills = Counter({service.name: service.kills for service in stage.plugin})
            result.faults = (
                weather.happened + Counter({"reports given up": stage.reporter.given_up}) + stage.sink.faults
            )
            result.tally.answers = stage.reporter.answers
            result.seconds = time.monotonic() - started
            if not result.is_good:
                (folder / "last-words.txt").write_text(stage.last_words(), encoding="utf-8")
    return result


def _play(stage: OutageStage, told: Sequence[Survey], storms: Storms, result: Result) -> None:
    if not all_up(stage.plugin):
        result.off.append(f"not everything started:\n{stage.last_words()}")
        return
    storm = threading.Thread(target=storms.run, name="storms")
    storm.start()
    try:
        _tell_all(stage, told)
        storm.join()
    finally:
        storms.stop()
        storm.join()
    stage.sink.faulty = False


def _tell_all(stage: OutageStage, told: Sequence[Survey]) -> None:
    for survey in told:
        phones, (last, *others) = [survey.phone], other_name(survey.number).split()
        own = stage.crm.add("Contact", lastName=f"Клиент {survey.number}", phones=phones)
        other = stage.crm.add("Contact", lastName=last, firstName=" ".join(others), phones=phones)
        survey.cards = (own, other)
    due = [(survey.begins + APART * turn, survey) for survey in told for turn in range(len(survey.versions))]
    began = time.monotonic()
    for moment, survey in sorted(due, key=lambda one: one[0]):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        stage.reporter.report(tell(stage.crm, survey, stage.people[COORDINATOR]))


# --- counting --------------------------------------------------------------------------------------


def _count(stage: OutageStage, url: str, told: Sequence[Survey], ledger: Records, result: Result) -> None:
    def found() -> bool:
        if not (stage.reporter.is_idle and ledger.open() == 0):
            return False
        now = count(stage.crm, dict(stage.sink.mails), told, stage.people)
        return not (now.lost or now.doubled or now.off)

    poll(found, _PATIENCE, _PAUSE)
    time.sleep(_AFTERWARDS)
    now = count(stage.crm, dict(stage.sink.mails), told, stage.people)
    result.lost, result.doubled, result.off = now.lost, now.doubled, result.off + now.off
    result.states, result.settled, result.mails = ledger.states(), ledger.looked_up(), len(stage.sink.mails)
    result.off += [f"{number} deliveries parked" for number in [result.states["parked"]] if number]
    result.off += _left(url)
    _count_promises(stage, told, ledger, result)
    result.off += stopped(stage.plugin, stage.plugin)


def _count_promises(stage: OutageStage, told: Sequence[Survey], ledger: Records, result: Result) -> None:
    """People finish some of their tasks, and the plugin is killed while it looks."""
    random = Random(f"{len(told)}-people")
    with stage.crm.lock:
        tasks = stage.crm.records["Task"]
        for task in finished_by_chance([name for name, one in tasks.items() if one["status"] == OPEN_TASK], random):
            tasks[task] |= {"status": "Completed", "dateCompleted": stage.crm.stamp()}

    def disturb() -> None:
        for service in stage.plugin:
            service.up.wait(_START_SECONDS)
            service.kill(0.0)

    if not watched_again(ledger, disturb, _WATCH_SECONDS):
        result.off.append(f"not every reminder was looked at within {_WATCH_SECONDS:.0f} s")
    # One that is asked to stop while it starts cannot say that it stops well.
    if not all_up(stage.plugin):
        result.off.append("not everything came back after the last kill")
    with stage.crm.lock:
        states = {name: _state_of(task["status"]) for name, task in stage.crm.records["Task"].items()}
    count_promises([_expected(survey) for survey in told], ledger, states, result)


def _state_of(status: str) -> str:
    return {OPEN_TASK: "open", "Completed": "done"}.get(status, "withdrawn")


def _expected(survey: Survey) -> ExpectedPromise:
    outcome, _ = survey.last
    # What was corrected before it could be read was never promised.
    before = None if any(OUTCOMES[version.outcome].people for version in survey.versions) else False
    return ExpectedPromise(survey.record, survey.phone, outcome, OUTCOMES[outcome].people, before)


def _left(url: str) -> list[str]:
    """Events that were parked, and a place where catching up stopped for good."""
    ledger = Ledger(url)
    try:
        with ledger.read() as connection:
            parked = select(func.count()).where(kept_references.c.state == "parked")
            number: int = connection.execute(parked).scalar_one()
            why = connection.execute(select(catch_ups.c.why)).scalars().all()
    finally:
        ledger.close()
    told = [f"{number} events parked"] if number else []
    return told + [f"catching up stopped: {one}" for one in why if one]
