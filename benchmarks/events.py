"""Taking call results in over HTTP: answer times with 8 connections, the ledger's share, memory, time to be ready."""

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

from benchmarks.load import SECRET, send
from benchmarks.measure import ROUNDS, Row, percentile, ratio, resident_mb
from plugin.config.load import shipped_dir

CONNECTIONS = 8
CALLS = 1500


def answer_times() -> list[Row]:
    """p99 of events committed, and the rate beside the same requests answered without storing them."""
    with new_home() as home, running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0") as (url, _):
        with running(home, "-m", "benchmarks.unstored", str(home)) as (bare_url, _):
            stored, bare, p99s = [], [], []
            for round_ in range(ROUNDS + 1):
                first = round_ * CALLS
                took, times = send(url, first, CALLS, CONNECTIONS)
                bare_took, _ = send(bare_url, first, CALLS, CONNECTIONS)
                if round_:  # the first round warms both up
                    stored.append(CALLS / took)
                    bare.append(CALLS / bare_took)
                    p99s.append(percentile(times, 0.99))
        fsync = _fsync_seconds(home)
    p99, most = median(p99s) * 1000, 50 + 2 * fsync * 1000
    return [
        Row("p99 with 8 connections, ms", f"{p99:.1f}", f"<= {most:.1f}", p99 <= most),
        ratio("rate ÷ the same without storing", median(stored) / median(bare), ">= 0.25", least=0.25),
        Row("(events per second, for scale)", f"{median(stored):,.0f}"),
        Row("(one fsync here, ms)", f"{fsync * 1000:.2f}"),
    ]


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
    environ = os.environ | {"OPTOUT_CRM_TOKEN": "none", "OPTOUT_WEBHOOK_SECRET": SECRET}
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
