"""Rules change in the middle of traffic: two real processes on one ledger follow, and every answer is of one revision.

Under load on each database: with PostgreSQL the processes may as well be on two machines.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from plugin.authoring.revisions.archive import newest_activation, stored_rulebook
from plugin.cli.init import TELEPHONY, lay_out
from plugin.config.load import load_settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.model import Decision
from plugin.ledger import Ledger
from plugin.ledger.schema import decisions, events
from tests.support.plugin import SECRET, RunningPlugin
from tests.support.processes import ROOT

pytestmark = pytest.mark.slow

SCRIPT = "survey_opt_out"
#: Whole conversations, and one that breaks off.
SAID: list[dict[str, Any]] = [
    {"related_to_car": True, "survey_type": "calls"},
    {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "yes"},
    {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"},
    {"related_to_car": False, "is_client": False},
    {"related_to_car": True},
]
#: From the end of publishing to its effect everywhere, in seconds.
WITHIN = 2.0
#: Between two calls of one thread, in seconds: traffic, and processors left for what follows it.
PAUSE = 0.03


@dataclass(frozen=True)
class Heard:
    """One event that was sent and what came back. ``facts``: all that the call said up to and with this event."""

    process: int
    event: Mapping[str, Any]
    facts: Mapping[str, Any]
    sent: float
    status: int
    body: dict[str, Any]

    @property
    def revision(self) -> str:
        return str(self.body["decision"]["ruleset"])


@dataclass
class Traffic:
    """Threads that report calls to every process in turn until they are told to stop."""

    processes: list[RunningPlugin]
    pin: str
    stop: threading.Event = field(default_factory=threading.Event)
    heard: list[Heard] = field(default_factory=list)
    failures: list[BaseException] = field(default_factory=list)

    def run(self, thread: int) -> None:
        try:
            number = 0
            while not self.stop.wait(PAUSE):
                self._call(f"{thread}-{number}", thread + number)
                number += 1
        except BaseException as error:
            self.failures.append(error)

    def _call(self, name: str, number: int) -> None:
        """One call: every third one in two events, every fifth one with the revision of the day before."""
        facts = SAID[number % len(SAID)]
        pin = {"ruleset": self.pin} if number % 5 == 0 else {}
        if number % 3 == 0 and len(facts) > 1:
            first = dict([next(iter(facts.items()))])
            self._report(f"{name}-a", name, number, first, first, pin)
            rest = {key: value for key, value in facts.items() if key not in first}
            # The other process hears the rest; what the first event pinned holds for the call.
            self._report(f"{name}-b", name, number + 1, rest, facts, {})
        else:
            self._report(name, name, number, facts, facts, pin)

    def _report(
        self, id_: str, call: str, process: int, said: Mapping[str, Any], facts: Mapping[str, Any], pin: dict[str, str]
    ) -> None:
        event = {
            "id": f"evt-{id_}",
            "occurred_at": datetime.now(UTC).isoformat(),
            "call": {"id": f"call-{call}", "phone": "+79161234567"},
            "card": {"type": "contact", "id": "42"},
            "facts": said,
        } | pin
        process %= len(self.processes)
        sent = time.time()
        reply = self.processes[process].send(event)
        self.heard.append(Heard(process, event, facts, sent, reply.status, json.loads(reply.text)))


@pytest.fixture
def home(tmp_path: Path, ledger_url: str) -> Path:
    """The shipped rules without their cases, since phrases change here; the CRM of the settings is not there."""
    home = tmp_path / "home"
    lay_out(home)
    config = (home / "plugin.toml").read_text(encoding="utf-8")
    config = config.replace("poll_seconds = 1.0", "poll_seconds = 60.0").replace(":8090", ":9")
    config = config.replace("sqlite:///optout.db", ledger_url)
    (home / "plugin.toml").write_text(config, encoding="utf-8")
    (home / TELEPHONY).write_text(SECRET, encoding="utf-8")
    (home / "rules" / SCRIPT / "cases.toml").unlink()
    return home


@pytest.fixture
def processes(home: Path) -> Iterator[list[RunningPlugin]]:
    environ = os.environ | {"OPTOUT_CRM_TOKEN": "none", "OPTOUT_WEBHOOK_SECRET": SECRET, "PYTHONPATH": str(ROOT)}
    found = [RunningPlugin(home, environ=environ, log_file=home / f"{name}.log") for name in ("first", "second")]
    started = []
    try:
        for process in found:
            process.start()
            started.append(process)
        yield found
    finally:
        for process in started:
            process.stop()


@pytest.fixture
def ledger(home: Path) -> Iterator[Ledger]:
    ledger = Ledger(load_settings(home, {}, secrets=False).ledger_url)
    yield ledger
    ledger.close()


def reword(home: Path, number: int) -> None:
    """Say everything differently: questions, closing phrases and comments alike, so that a mixture would show."""
    for name in ("rules.toml", "outcomes.toml"):
        path = home / "rules" / SCRIPT / name
        text = path.read_text(encoding="utf-8")
        text = re.sub(r'^((?:say|hint|text) = "+)(?:\[\d+\] )?', rf"\g<1>[{number}] ", text, flags=re.MULTILINE)
        path.write_text(text, encoding="utf-8")


def active(ledger: Ledger) -> str:
    """The revision that was made active last."""
    with ledger.read() as connection:
        newest = newest_activation(connection)
    assert newest is not None
    return newest.revision


def publish(process: RunningPlugin, ledger: Ledger, *command: str) -> tuple[str, float]:
    """Run ``rules publish`` or ``rollback`` as an admin does: what is active now, and when that was done."""
    done = process.run("rules", *command, "--by", "иванова", "--reason", "новые фразы")
    at = time.time()
    assert done.returncode == 0, done.stderr
    return active(ledger), at


def told(decision: Decision) -> dict[str, Any]:
    """All of a decision that does not depend on when the call was."""
    body = decision.to_json()
    return without_call(body)


def without_call(body: Mapping[str, Any]) -> dict[str, Any]:
    actions = [
        {name: value for name, value in action.items() if name != "text" or action["kind"] == "comment"}
        for action in body["actions"]
    ]
    return {**body, "actions": actions}


def test_rules_published_under_load_are_followed_everywhere_and_no_call_is_lost_or_mixed(
    home: Path, processes: list[RunningPlugin], ledger: Ledger
) -> None:
    first = active(ledger)
    traffic = Traffic(processes, pin=first)
    threads = [threading.Thread(target=traffic.run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    changes = [(first, 0.0)]
    try:
        for number in (1, 2):
            reword(home, number)
            changes.append(publish(processes[number % 2], ledger, "publish"))
            time.sleep(WITHIN + 0.5)
        changes.append(publish(processes[0], ledger, "rollback"))
        time.sleep(WITHIN + 0.5)
    finally:
        traffic.stop.set()
        for thread in threads:
            thread.join(60)
    assert traffic.failures == []
    assert {heard.status for heard in traffic.heard} == {202}
    assert len({revision for revision, _ in changes}) == 3
    assert len(traffic.heard) > 100
    assert_followed(traffic.heard, changes)
    assert_right(traffic.heard, ledger)
    assert_kept(traffic.heard, ledger)


def pinned(heard: list[Heard]) -> set[str]:
    """The calls one of whose events pins a revision."""
    return {each.event["call"]["id"] for each in heard if "ruleset" in each.event}


def assert_followed(heard: list[Heard], changes: list[tuple[str, float]]) -> None:
    """No process answers by an earlier revision longer than it may; a pinned call stays with its own."""
    calls = pinned(heard)
    for each in heard:
        if each.event["call"]["id"] in calls:
            assert each.revision == changes[0][0]
            continue
        newest = max(number for number, (_, at) in enumerate(changes) if at <= each.sent - WITHIN or not at)
        assert each.revision in {revision for revision, _ in changes[newest:]}
    for process in (0, 1):
        used = Counter(each.revision for each in heard if each.process == process)
        assert {revision for revision, _ in changes} <= used.keys()


def assert_right(heard: list[Heard], ledger: Ledger) -> None:
    """Every answer is what the revision that it names decides, and all of it."""
    books: dict[str, Rulebook] = {}
    for each in heard:
        if each.revision not in books:
            with ledger.read() as connection:
                books[each.revision] = stored_rulebook(connection, each.revision)
        decider = books[each.revision].script(SCRIPT)
        expected = told(decider.decide(decider.type_facts(each.facts)))
        assert without_call(each.body["decision"]) == expected
    for book in books.values():
        book.close()


def assert_kept(heard: list[Heard], ledger: Ledger) -> None:
    """The ledger has every event once, and every decision under the revision that was answered."""
    with ledger.read() as connection:
        kept = Counter(connection.execute(select(events.c.event_id)).scalars())
        query = select(events.c.event_id, decisions.c.revision, decisions.c.outcome).join_from(decisions, events)
        decided = {row.event_id: (row.revision, row.outcome) for row in connection.execute(query)}
    assert kept == Counter(each.event["id"] for each in heard)
    finished = {each.event["id"]: each for each in heard if each.body["decision"]["complete"]}
    assert decided == {id_: (each.revision, each.body["decision"]["outcome"]) for id_, each in finished.items()}


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_process_that_was_idle_answers_its_next_call_by_the_new_rules(
    home: Path, processes: list[RunningPlugin], ledger: Ledger
) -> None:
    time.sleep(WITHIN)
    reword(home, 1)
    newest, at = publish(processes[0], ledger, "publish")
    time.sleep(max(0.0, at + WITHIN - time.time()))
    for number, process in enumerate(processes):
        event = {
            "id": f"evt-{number}",
            "occurred_at": datetime.now(UTC).isoformat(),
            "call": {"id": f"call-{number}", "phone": "+79161234567"},
            "facts": SAID[0],
        }
        assert json.loads(process.send(event).text)["decision"]["ruleset"] == newest
