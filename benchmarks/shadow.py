"""What a shadow costs events: their rate and p99 beside the same service without one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from statistics import median

from benchmarks.events import CALLS, CONNECTIONS, new_home, running
from benchmarks.load import send
from benchmarks.measure import ROUNDS, Row, percentile, ratio


def answers() -> list[Row]:
    """Both services take turns; the shadow has other texts and decides every call of its service.

    What is still left to the shadow does not go on in the other one's turn.
    """
    with new_home() as plain, new_home() as shadowed, _served(plain) as (url, _), _served(shadowed) as (beside, pid):
        _begin(shadowed)
        rates, p99s = [], []
        for round_ in range(ROUNDS + 1):
            with _stopped(pid):
                took, times = send(url, round_ * CALLS, CALLS, CONNECTIONS)
            took_beside, times_beside = send(beside, round_ * CALLS, CALLS, CONNECTIONS)
            if round_:  # the first round warms both up
                rates.append(took / took_beside)
                p99s.append(percentile(times_beside, 0.99) / percentile(times, 0.99))
    return [
        ratio("rate ÷ the same without a shadow", median(rates), ">= 0.85", least=0.85),
        ratio("p99 ÷ the same without a shadow", median(p99s), "<= 1.25", most=1.25),
    ]


def _served(home: Path) -> AbstractContextManager[tuple[str, int]]:
    return running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0")


@contextmanager
def _stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def _begin(home: Path) -> None:
    folder = home / "candidate"
    shutil.copytree(home / "rules", folder)
    roles = folder / "roles.toml"
    lines = roles.read_text(encoding="utf-8").splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("label"))
    lines[first] = 'label = "X"'
    roles.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ("-m", "plugin", "--config", str(home), "rules", "shadow", str(folder), "--by", "bench")
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
