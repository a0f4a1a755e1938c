"""Runs a piece of engine work in a process of its own, where a crash or a hang is a failed test and no more."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

#: What every script finds there: the engine, ``on``, ``resident_mb``, and a small survey with its whole answer.
PRELUDE = """
import threading
from plugin.deciding.engine.durable import *
from plugin.deciding.engine.network import *
from plugin.errors import EngineError

def on(subject, *codes):
    return Pattern(subject, frozenset(codes))

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

SURVEY = [
    EngineRule("ask a", (), asks=("a",)),
    EngineRule("ask b", (on("a", "yes"),), asks=("b",)),
    EngineRule("goes on", (on("b", "x", "y"),), concludes=(("point", "1"),)),
    EngineRule("ends", (on("point", "1"),)),
]
WHOLE = {"ask a", "ask b", "goes on", "ends"}
"""


def python(script: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Run the script by this interpreter from the project's folder."""
    return subprocess.run(
        [sys.executable, "-"],
        input=script,
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )


def in_child(script: str, seconds: float = 60) -> None:
    """Run the script in a process of its own; a crash, a hang or an exception in it fails the test."""
    try:
        done = python(PRELUDE + script, seconds)
    except subprocess.TimeoutExpired:
        pytest.fail(f"hung for {seconds} s")
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
