"""How long ``optout rules check`` takes, the whole command from its start to its end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.choosing_script import ACTIONS, PEOPLE, write_choosing
from benchmarks.large_script import write
from benchmarks.measure import Row
from plugin.config.load import shipped_dir

_ROUNDS = 5


def times() -> list[Row]:
    """The shipped rules, and a script of 300 rules and 40 facts that share one section, in three shapes."""
    with tempfile.TemporaryDirectory() as folder:
        plain = write(Path(folder) / "plain", entangled=False)
        entangled = write(Path(folder) / "entangled", entangled=True)
        choosing = write_choosing(Path(folder) / "choosing")
        shipped, _ = _check(Path(shipped_dir()) / "rules", _ROUNDS)
        each, proven = _check(plain, _ROUNDS)
        chosen, shown = _check(choosing, 1)
        together, cut = _check(entangled, 1)
    assert not proven["unproven"]
    assert not shown["unproven"]
    assert proven["scripts"][0]["conversations"]
    assert cut["unproven"]
    assert cut["scripts"][0]["conversations"] is None
    return [
        Row("the shipped rules, s", f"{shipped:.2f}", "<= 1", shipped <= 1),
        Row("300 rules, 40 facts, one section: proven, s", f"{each:.2f}", "<= 10", each <= 10),
        Row(f"the same, {ACTIONS} conditional actions, {PEOPLE} people, s", f"{chosen:.2f}", "<= 10", chosen <= 10),
        Row("the same, too large to prove: said so, s", f"{together:.2f}", "<= 10", together <= 10),
    ]


def _check(rules: Path, rounds: int) -> tuple[float, dict[str, Any]]:
    """The median time in seconds, and what was found; nothing may be at fault."""
    taken = []
    body: dict[str, Any] = {}
    for _ in range(rounds):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "plugin", "rules", "check", str(rules), "--json"], capture_output=True, check=True
        )
        taken.append(time.perf_counter() - started)
        body = json.loads(done.stdout)
    return median(taken), body
