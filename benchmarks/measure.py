"""How the benchmarks measure and how they tell it."""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, TypeVar

T = TypeVar("T")

ROUNDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: what was measured, and what it must reach."""

    name: str
    measured: str
    wanted: str = ""
    reached: bool | None = None


def rates(subjects: dict[str, Callable[[], int]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median rate (per second) of each subject. A subject does its work once and returns how much it did.

    The subjects take turns, so that a disturbance of the machine falls on all of them alike.
    """
    found: dict[str, list[float]] = {name: [] for name in subjects}
    for subject in subjects.values():
        subject()
    for _ in range(rounds):
        for name, subject in subjects.items():
            gc.collect()
            started = time.perf_counter()
            done = subject()
            found[name].append(done / (time.perf_counter() - started))
    return {name: median(values) for name, values in found.items()}


def each(decide: Callable[[T], Any], space: Sequence[T], times: int) -> Callable[[], int]:
    """Decides all of ``space`` so many times; gives how many decisions that were."""

    def run() -> int:
        for _ in range(times):
            for facts in space:
                decide(facts)
        return times * len(space)

    return run


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def resident_mb(pid: int | None = None) -> float:
    """Resident memory of a process in MB (Linux)."""
    with open(f"/proc/{pid or os.getpid()}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def ratio(name: str, value: float, wanted: str = "", *, least: float | None = None, most: float | None = None) -> Row:
    """A row for a ratio that should be at least or at most something."""
    reached = (
        None
        if least is None and most is None
        else (least is None or value >= least) and (most is None or value <= most)
    )
    return Row(name, f"{value:.2f}", wanted, reached)


def show(title: str, rows: Sequence[Row]) -> bool:
    """Print a table of at most 80 columns; whether all of it was reached."""
    print(f"\n{title}")
    for row in rows:
        mark = {None: "", True: "ok", False: "MISSED"}[row.reached]
        print(f"  {row.name:<46} {row.measured:>10}  {row.wanted:<12} {mark}".rstrip())
    return all(row.reached is not False for row in rows)
