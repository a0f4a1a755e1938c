"""What a call costs from its event to its last delivery: disk, CPU, memory and threads of ``optout serve``.

Real processes, the plugin and the embedded CRM, on SQLite; docs/operations.md gives the figures of one such run.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Row, resident_mb
from tests.support.crm import SEED, embedded_crm
from tests.support.mailbox import Mailbox
from tests.support.plugin import RunningPlugin, running_plugin

#: Calls before the first look, and between the two: what the start costs is left out.
WARM, MEASURED = 100, 500
#: One call of each kind; their clients are excluded from calls, from mailings, from all, and from nothing.
FACTS: tuple[dict[str, object], ...] = (
    {"related_to_car": True, "survey_type": "calls"},
    {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "yes"},
    {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"},
    {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"},
)
_TICKS = os.sysconf("SC_CLK_TCK")


class Footprint(NamedTuple):
    """The process so far: bytes of its ledger, seconds of CPU, MB of memory, threads."""

    disk: int
    cpu: float
    memory: float
    threads: int


def a_call() -> list[Row]:
    """The growth of each by one call."""
    with tempfile.TemporaryDirectory(prefix="optout-bench-") as folder:
        home = Path(folder)
        with (
            Mailbox(home / "mails") as mailbox,
            embedded_crm(home, faults=False) as crm,
            running_plugin(home, crm, mailbox.port) as plugin,
        ):
            _carry_out(plugin, range(WARM))
            before = _footprint(plugin)
            _carry_out(plugin, range(WARM, WARM + MEASURED))
            after = _footprint(plugin)
    disk, cpu = (after.disk - before.disk) / MEASURED, (after.cpu - before.cpu) / MEASURED
    return [
        Row("disk a call, KB", f"{disk / 1000:.1f}"),
        Row("CPU a call, ms", f"{cpu * 1000:.0f}"),
        Row("memory, MB", f"{after.memory:.0f}"),
        Row("threads", f"{after.threads}"),
    ]


def _carry_out(plugin: RunningPlugin, numbers: Sequence[int]) -> None:
    """Send a call for each number, and wait until nothing of them is left to do."""
    for number in numbers:
        call = {"id": f"call-{number}", "phone": "+79161234567", "operator": "ivanova"}
        event = {"id": f"evt-{number}", "occurred_at": datetime.now(UTC).isoformat(), "call": call}
        card = {"type": "contact", "id": SEED["cards"][0]["id"]}
        plugin.send(event | {"card": card, "facts": FACTS[number % len(FACTS)]})
    while _open(plugin):
        time.sleep(0.2)


def _open(plugin: RunningPlugin) -> int:
    with closing(sqlite3.connect(plugin.home / "ledger.db")) as ledger:
        query = "SELECT count(*) FROM deliveries WHERE state IN ('pending', 'leased', 'unknown', 'waiting')"
        return int(ledger.execute(query).fetchone()[0])


def _footprint(plugin: RunningPlugin) -> Footprint:
    pid = plugin.proc.pid
    with closing(sqlite3.connect(plugin.home / "ledger.db")) as ledger:
        pages = ledger.execute("PRAGMA page_count").fetchone()[0] * ledger.execute("PRAGMA page_size").fetchone()[0]
    stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(") ")[2].split()
    cpu = (int(stat[11]) + int(stat[12])) / _TICKS
    return Footprint(pages, cpu, resident_mb(pid), len(os.listdir(f"/proc/{pid}/task")))
