"""What a shadow costs events: their rate and p99 beside the same service while no shadow runs."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from benchmarks.events import CALLS, CONNECTIONS, new_home, running
from benchmarks.load import send
from benchmarks.measure import ROUNDS, Row, percentile, ratio

#: Calls that the shadow has decided before it is measured: its process has begun by then.
_WARM_UP = 20


def answers() -> list[Row]:
    """A shadow with other texts is begun and stopped in turns; while it runs it decides every call."""
    rates, p99s = [], []
    with new_home() as home:
        command = ("-m", "plugin", "--config", str(home), "serve", "--port", "0")
        candidate = _candidate(home)
        with running(home, *command) as (url, _):
            numbers = itertools.count(0, CALLS)
            send(url, next(numbers), CALLS, CONNECTIONS)
            for _ in range(ROUNDS):
                took, times = send(url, next(numbers), CALLS, CONNECTIONS)
                _shadow(home, str(candidate), "--by", "bench")
                send(url, next(numbers), _WARM_UP, CONNECTIONS)
                while json.loads(_shadow(home, "--json"))["calls"] < _WARM_UP:
                    time.sleep(0.5)
                took_beside, times_beside = send(url, next(numbers), CALLS, CONNECTIONS)
                _shadow(home, "--stop")
                rates.append(took / took_beside)
                p99s.append(percentile(times_beside, 0.99) / percentile(times, 0.99))
    return [
        ratio("rate ÷ the same without a shadow", median(rates), ">= 0.85", least=0.85),
        ratio("p99 ÷ the same without a shadow", median(p99s), "<= 1.25", most=1.25),
    ]


def _candidate(home: Path) -> Path:
    folder = home / "candidate"
    shutil.copytree(home / "rules", folder)
    roles = folder / "roles.toml"
    lines = roles.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("label"))
    lines[first] = 'label = "X"'
    roles.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def _shadow(home: Path, *arguments: str) -> str:
    command = ("-m", "plugin", "--config", str(home), "rules", "shadow", *arguments)
    return subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True).stdout
