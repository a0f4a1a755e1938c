"""Taking call results and a CRM's events in over HTTP: answer times, the ledger's share, memory, time to be ready."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import urlencode

import requests

from benchmarks.load import SECRET, send
from benchmarks.measure import ROUNDS, Row, percentile, ratio, resident_mb
from plugin.config.load import shipped_dir

CONNECTIONS = 8
CALLS = 1500
_AMO_SECRET = "0123456789abcdef01234567"
_AMOCRM = """
[crm.amocrm]
base_url = "http://127.0.0.1:9"
account_id = 1
own_user = 2
token = { env = "OPTOUT_CRM_TOKEN" }
task_type = 1
webhook_secret = { env = "OPTOUT_AMOCRM_WEBHOOK_SECRET" }

[crm.amocrm.facts.related_to_car]
field = "555001"
values = { "901" = true, "902" = false }
"""


def answer_times() -> list[Row]:
    """Rate and p99 of events committed, beside the same requests answered without storing them."""
    with new_home() as home, running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0") as (url, _):
        with running(home, "-m", "benchmarks.unstored", str(home)) as (bare_url, _):
            stored, bare, p99s, bare_p99s = [], [], [], []
            for round_ in range(ROUNDS + 1):
                first = round_ * CALLS
                took, times = send(url, first, CALLS, CONNECTIONS)
                bare_took, bare_times = send(bare_url, first, CALLS, CONNECTIONS)
                if round_:  # the first round warms both up
                    stored.append(CALLS / took)
                    bare.append(CALLS / bare_took)
                    p99s.append(percentile(times, 0.99))
                    bare_p99s.append(percentile(bare_times, 0.99))
        fsync = _fsync_seconds(home)
    return [
        ratio("rate ÷ the same without storing", median(stored) / median(bare), ">= 0.50", least=0.5),
        ratio("p99 ÷ the same without storing", median(p99s) / median(bare_p99s), "<= 4", most=4),
        Row("(p99 with 8 connections, for scale, ms)", f"{median(p99s) * 1000:.1f}"),
        Row("(events per second, for scale)", f"{median(stored):,.0f}"),
        Row("(one fsync here, ms)", f"{fsync * 1000:.2f}"),
    ]


def mass_change() -> list[Row]:
    """One webhook of amoCRM with 100 changed leads of 60 filled fields, each time of other leads."""
    with new_home() as home:
        settings = (home / "plugin.toml").read_text(encoding="utf-8")
        (home / "plugin.toml").write_text(settings.replace('"embedded"', '"amocrm"', 1) + _AMOCRM, encoding="utf-8")
        with running(home, "-m", "plugin", "--config", str(home), "web", "--port", "0") as (url, pid):
            _changed(url, 0)
            before, times = resident_mb(pid), []
            for number in range(1, ROUNDS + 1):
                started = time.perf_counter()
                _changed(url, number)
                times.append(time.perf_counter() - started)
            growth = resident_mb(pid) - before
    taken = median(times)
    return [
        Row("seconds", f"{taken:.2f}", "<= 1", taken <= 1),
        Row("growth over five, MB", f"{growth:.1f}", "<= 20", growth <= 20),
    ]


def _changed(url: str, number: int) -> None:
    fields: dict[str, object] = {"account[id]": 1, "account[subdomain]": "example"}
    for lead in range(100):
        here = f"leads[update][{lead}]"
        fields |= {
            f"{here}[id]": 18_000_000 + 100 * number + lead,
            f"{here}[name]": "Сделка",
            f"{here}[status_id]": 142,
        }
        for field in range(60):
            there = f"{here}[custom_fields][{field}]"
            fields |= {f"{there}[id]": 500_000 + field, f"{there}[name]": "Пробег", f"{there}[values][0][value]": 7}
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = requests.post(f"{url}/events/amocrm/{_AMO_SECRET}", urlencode(fields), headers=headers, timeout=30)
    if answer.status_code not in (200, 202):
        raise SystemExit(f"{answer.status_code}: {answer.text[:500]}")


def memory() -> list[Row]:
    """Resident memory of the service over 20,000 events."""
    with new_home() as home, running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0") as (url, pid):
        send(url, 0, 4000, CONNECTIONS)
        before = resident_mb(pid)
        send(url, 4000, 20_000, CONNECTIONS)
        growth = resident_mb(pid) - before
    return [Row("growth over 20,000 events, MB", f"{growth:.1f}", "<= 5", growth <= 5)]


def readiness() -> list[Row]:
    """From the start of the process to the first answer, on an empty ledger."""
    times = []
    for _ in range(ROUNDS):
        with new_home() as home:
            started = time.perf_counter()
            with running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0"):
                times.append(time.perf_counter() - started)
    taken = median(times)
    return [Row("seconds from start to ready", f"{taken:.2f}", "<= 3", taken <= 3)]


@contextmanager
def new_home() -> Iterator[Path]:
    """A folder with the shipped rules and settings; its CRM is not there and nothing is sent to it."""
    with tempfile.TemporaryDirectory(prefix="optout-bench-", dir=os.environ.get("BENCH_DIR")) as folder:
        home = Path(folder)
        shutil.copytree(shipped_dir() / "rules", home / "rules")
        shipped = (shipped_dir() / "plugin.toml").read_text(encoding="utf-8")
        quiet = shipped.replace("poll_seconds = 1.0", "poll_seconds = 60.0").replace(":8090", ":9")
        (home / "plugin.toml").write_text(quiet, encoding="utf-8")
        yield home


@contextmanager
def running(home: Path, *arguments: str) -> Iterator[tuple[str, int]]:
    environ = os.environ | {
        "OPTOUT_CRM_TOKEN": "none",
        "OPTOUT_WEBHOOK_SECRET": SECRET,
        "OPTOUT_AMOCRM_WEBHOOK_SECRET": _AMO_SECRET,
    }
    with open(home / "log", "a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments], env=environ, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        if not line.startswith("listening on "):
            raise SystemExit(f"it did not start: {(home / 'log').read_text(encoding='utf-8')[-2000:]}")
        yield line.removeprefix("listening on "), process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(40)


def _fsync_seconds(folder: Path) -> float:
    times = []
    with open(folder / "fsync", "wb") as file:
        for _ in range(200):
            file.write(b"x" * 4096)
            file.flush()
            started = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - started)
    return median(times)
