"""A process that delivers is killed with a backlog: how soon after the next start deliveries go out again.

Both are ``optout deliver`` as shipped, and the CRM is the embedded one, over HTTP.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.load import SECRET
from benchmarks.measure import Row
from benchmarks.outage import BACKLOG, TOKEN, crm, fill, free_port, how_many, settings_in, when, without_logs
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries

ROUNDS = 3
#: What a killed process had not begun goes out within so many seconds of the next start.
_PROMISED = 15.0
#: The kill comes when so many are done.
_BEFORE = 50


def after_a_kill() -> list[Row]:
    """The worst of several rounds, in seconds from the start of the next process."""
    with without_logs():
        found = [_round() for _ in range(ROUNDS)]
    first, rest = (max(values) for values in zip(*found, strict=True))
    return [
        Row("seconds to the first delivery", f"{first:.1f}", f"<= {_PROMISED:g}", first <= _PROMISED),
        Row("(seconds to all that it had not begun)", f"{rest:.1f}"),
    ]


def _round() -> tuple[float, float]:
    with tempfile.TemporaryDirectory(prefix="optout-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        home, port = Path(folder), free_port()
        settings = settings_in(home, port)
        ledger = Ledger(settings.ledger_url)
        ledger.upgrade()
        rules = ActiveRules(ledger, utc_now)
        rules.activate_first(Rulebook.load(settings.rules_dir), "benchmark", "start")
        fill(ledger, rules.current().revision)
        rules.close()
        with crm(home, port):
            with _delivering(home) as process:
                when(ledger, _BEFORE)
                process.kill()
                process.wait()
            done, begun = how_many(ledger, "done"), _begun(ledger)
            started = time.perf_counter()
            with _delivering(home):
                first = when(ledger, done + 1) - started
                rest = when(ledger, BACKLOG - begun) - started
        ledger.close()
    return first, rest


@contextmanager
def _delivering(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "plugin", "--config", str(home), "deliver"]
    environ = os.environ | {"OPTOUT_CRM_TOKEN": TOKEN, "OPTOUT_WEBHOOK_SECRET": SECRET}
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def _begun(ledger: Ledger) -> int:
    """How many may have reached the CRM: they are looked for once their answers cannot come any more."""
    query = select(func.count()).select_from(deliveries)
    query = query.where(deliveries.c.sent_at.is_not(None), deliveries.c.state != "done")
    with ledger.read() as connection:
        return int(connection.execute(query).scalar_one())
