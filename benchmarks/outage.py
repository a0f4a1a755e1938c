"""An outage of the CRM with a backlog: what it costs meanwhile, and how soon the first delivery goes out after it.

Everything is real but the clients: the embedded CRM is a process that is not there, then there, over HTTP.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import structlog
from sqlalchemy import func, insert, select, text

from benchmarks.load import SECRET
from benchmarks.measure import Row
from connectors.registry import connector_class
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.load import load_settings, shipped_dir
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.delivery import Worker
from plugin.ledger import Ledger
from plugin.ledger.schema import attempts, calls, decisions, deliveries

BACKLOG = 500
OUTAGE = 10.0
PROBE = 3.0
ROUNDS = 3
#: Looking for work and the delivery itself come on top of the interval.
_ALLOWANCE = 1.1
TOKEN = "benchmark"


def outage() -> list[Row]:
    """The worst of several rounds."""
    with without_logs():
        found = [_round() for _ in range(ROUNDS)]
    first, tries, drained = (max(values) for values in zip(*found, strict=True))
    # Those that open the breaker, and those that were on their way meanwhile.
    most = 5 + 4
    return [
        Row(
            "first delivery after it ÷ probe interval",
            f"{first / PROBE:.2f}",
            f"<= {_ALLOWANCE:g}",
            first / PROBE <= _ALLOWANCE,
        ),
        Row(f"tries of deliveries meanwhile, {BACKLOG:,} waiting", f"{tries:.0f}", f"<= {most}", tries <= most),
        Row("(seconds until all of them were delivered)", f"{drained:.1f}"),
    ]


@contextmanager
def without_logs() -> Iterator[None]:
    """The table is what is to be read, not thousands of deliveries."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.reset_defaults()


def _round() -> tuple[float, float, float]:
    """Seconds until the first delivery, tries during the outage, seconds until the last."""
    with tempfile.TemporaryDirectory(prefix="optout-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        home, port = Path(folder), free_port()
        settings = settings_in(home, port)
        ledger = Ledger(settings.ledger_url)
        ledger.upgrade()
        with _delivering(settings, ledger):
            time.sleep(OUTAGE)
            tries = how_many(ledger, "attempts")
            with crm(home, port):
                back = time.perf_counter()
                first = when(ledger, 1) - back
                last = when(ledger, BACKLOG) - back
        ledger.close()
    return first, tries, last


def settings_in(home: Path, port: int) -> Settings:
    """The shipped settings, put into the folder, with a CRM at the port."""
    shipped = (shipped_dir() / "plugin.toml").read_text(encoding="utf-8")
    (home / "plugin.toml").write_text(shipped.replace(":8090", f":{port}"), encoding="utf-8")
    (home / "rules").symlink_to(shipped_dir() / "rules")
    environ = {"OPTOUT_CRM_TOKEN": TOKEN, "OPTOUT_WEBHOOK_SECRET": SECRET}
    settings = load_settings(home, environ)
    return replace(settings, delivery=replace(settings.delivery, probe_seconds=PROBE, poll_seconds=0.1))


@contextmanager
def _delivering(settings: Settings, ledger: Ledger) -> Iterator[None]:
    rules = ActiveRules(ledger, utc_now)
    rules.activate_first(Rulebook.load(settings.rules_dir), "benchmark", "start")
    fill(ledger, rules.current().revision)
    connector = connector_class(settings.crm.connector)(settings.crm.settings)
    worker = Worker(ledger, rules, connector, None, settings, utc_now, f"bench:{os.getpid()}", Random(1))
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        rules.close()


def fill(ledger: Ledger, revision: str) -> None:
    """One call whose decision has all the comments to deliver; only the deliveries are measured."""
    now = utc_now()
    deadline = now + timedelta(hours=24)
    call = {"id": 1, "namespace": "b", "call_id": "c-1", "generation": 1, "script": "s", "card_type": "contact"}
    call |= {"card_id": "1", "first_occurred_at": now, "last_occurred_at": now, "deadline_at": deadline}
    call |= {"late": False, "decision_number": 1}
    decision = {"id": 1, "call_ref": 1, "number": 1, "outcome": "o", "revision": revision, "facts": {}}
    decision |= {"decision": {}, "created_at": now}
    row = {"call_ref": 1, "decision_ref": 1, "kind": "comment", "text": "Исключить", "deadline_at": deadline}
    row |= {"state": "pending", "not_before": now, "cancel": False, "attempts": 0, "created_at": now}
    rows = [row | {"key": f"{number:064x}", "action": str(number)} for number in range(BACKLOG)]
    with ledger.write() as connection:
        connection.execute(insert(calls), call)
        connection.execute(insert(decisions), decision)
        connection.execute(insert(deliveries), rows)


@contextmanager
def crm(home: Path, port: int) -> Iterator[None]:
    """The embedded CRM, which has the card of ``fill``."""
    (home / "seed.json").write_text(json.dumps({"users": [], "cards": [{"id": "1", "name": "К", "phones": []}]}))
    command = [sys.executable, "-m", "connectors.embedded", "--port", str(port), "--token-env", "TOKEN"]
    command += ["--database", str(home / "crm.db"), "--seed", str(home / "seed.json")]
    process = subprocess.Popen(command, env=os.environ | {"TOKEN": TOKEN}, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if not process.stdout.readline().startswith("listening on "):
            raise SystemExit("the embedded CRM did not start")
        yield
    finally:
        process.terminate()
        process.wait(20)


def when(ledger: Ledger, count: int) -> float:
    """The moment at which so many are done; gives up after a minute."""
    until = time.perf_counter() + 60
    while time.perf_counter() < until:
        if how_many(ledger, "done") >= count:
            return time.perf_counter()
        time.sleep(0.02)
    raise SystemExit(f"not even {count} were delivered within a minute")


def how_many(ledger: Ledger, what: str) -> int:
    """How many deliveries are ``done``, or how many ``attempts`` there were."""
    query = select(func.count()).select_from(attempts)
    if what == "done":
        query = select(func.count()).select_from(deliveries).where(deliveries.c.state == text("'done'"))
    with ledger.read() as connection:
        return int(connection.execute(query).scalar_one())


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
