"""Publishing rules: how soon they have their effect in every process, and what a thousand publications leave behind."""

from __future__ import annotations

import copy
import gc
import itertools
import json
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.events import new_home, running
from benchmarks.load import request
from benchmarks.measure import Row, resident_mb
from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.revisions.publish import publish
from plugin.config.load import load_settings, shipped_dir
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from plugin.ledger import Ledger

ROUNDS = 8
PUBLICATIONS = 1000
_WARM_UP = 100
_FACTS: list[dict[str, Any]] = [
    {"related_to_car": True, "survey_type": "calls"},
    {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"},
    {"related_to_car": False, "is_client": False},
]


def effect() -> list[Row]:
    """From the end of a publication to the last answer by the rules before it, the slower of two busy processes."""
    waits = []
    with new_home() as home:
        command = ("-m", "plugin", "--config", str(home), "serve", "--port", "0")
        with running(home, *command) as (one, _), running(home, *command) as (two, _):
            ledger = Ledger(load_settings(home, {}, secrets=False).ledger_url)
            numbers = itertools.count()
            for number in range(ROUNDS):
                _reword(home, number)
                waits.append(_wait(ledger, home / "rules", [one, two], numbers))
            ledger.close()
    worst = max(waits)
    return [
        Row("publish to effect everywhere, s (the worst)", f"{worst:.2f}", "<= 2", worst <= 2),
        Row("(the same, on average)", f"{sum(waits) / len(waits):.2f}"),
    ]


def memory() -> list[Row]:
    """Resident memory of a process that follows a thousand publications, deciding by each, with an older one pinned."""
    content, _ = read_folder(shipped_dir() / "rules")
    clock = _Clock()
    with tempfile.TemporaryDirectory(prefix="optout-bench-") as folder:
        ledger = Ledger(f"sqlite:///{Path(folder) / 'ledger.db'}")
        ledger.upgrade()
        with closing(ActiveRules(ledger, clock)) as publishing, closing(ActiveRules(ledger, clock)) as following:
            pinned: list[str] = []
            for number in range(_WARM_UP + PUBLICATIONS):
                if number == _WARM_UP:
                    gc.collect()
                    before = resident_mb()
                publishing.activate(Rulebook.from_content(_labelled(content, number)), "bench", "memory")
                clock.time += timedelta(seconds=1)
                pinned.append(_decide(following.current()))
                _decide(following.at(pinned[len(pinned) // 2]))
            gc.collect()
            growth = resident_mb() - before
        ledger.close()
    return [Row(f"growth over {PUBLICATIONS:,} publications, MB", f"{growth:.1f}", "<= 10", growth <= 10)]


class _Clock:
    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.time


def _wait(ledger: Ledger, rules: Path, urls: list[str], numbers: Iterator[int]) -> float:
    """Publish while these processes are kept busy: seconds from its end to the last answer by the rules before it."""
    last: dict[str, float] = {}
    wanted: list[str] = []
    done = threading.Event()

    def ask(url: str) -> None:
        while not done.is_set() or last[url] > time.monotonic() - 3:
            asked, found = time.monotonic(), _revision(url, next(numbers))
            if not wanted or found != wanted[0]:
                last[url] = asked

    last.update(dict.fromkeys(urls, time.monotonic()))
    threads = [threading.Thread(target=ask, args=(url,)) for url in urls]
    for thread in threads:
        thread.start()
    wanted.append(publish(ledger, rules, "bench", "speed").revision)
    changed = time.monotonic()
    done.set()
    for thread in threads:
        thread.join()
    return max(0.0, max(last.values()) - changed)


def _revision(url: str, number: int) -> str:
    body, headers = request(number)
    connection = HTTPConnection(urlsplit(url).netloc, timeout=30)
    connection.request("POST", "/events/call-result", body, headers)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return str(answer["decision"]["ruleset"])


def _decide(rulebook: Rulebook) -> str:
    decider = rulebook.script("survey_opt_out")
    for facts in _FACTS:
        decider.decide(decider.type_facts(facts))
    return rulebook.revision


def _reword(home: Path, number: int) -> None:
    path = home / "rules" / "roles.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith("label"))
    lines[first] = f'label = "Координатор {number}"'
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _labelled(content: dict[str, Any], number: int) -> dict[str, Any]:
    other = copy.deepcopy(content)
    other["roles.toml"]["role"]["survey_coordinator"]["label"] = f"Координатор {number}"
    return other
