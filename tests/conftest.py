"""What holds for every test."""

from __future__ import annotations

import gc
import os
import shutil
import signal
from pathlib import Path

import pytest
from hypothesis import settings

import tests.support.rules_once
import tests.support.statements  # noqa: F401 (each process reads rules once, and compiles SQL once)
from tests.support.chromium import browser, chromium, chromium_path
from tests.support.databases import ledger_url, postgres, postgres_url, sqlite_template
from tests.support.examples import examples
from tests.support.playwright_driver import driver

__all__ = [
    "browser",
    "chromium",
    "chromium_path",
    "driver",
    "ledger_url",
    "postgres",
    "postgres_url",
    "sqlite_template",
]

# What is asked for its help answers in English, whatever the machine's language is.
os.environ["LANGUAGE"] = "C"

#: Folders whose tests start browsers, processes or whole systems: `make check` leaves them to `make test`.
SLOW = {"browser", "chaos", "end_to_end", "real_crm"}
#: Where SQL, locks or leases are the subject, so that `make check` runs on either database; elsewhere it takes SQLite.
EITHER = {"postgres", "ledger", "delivery", "resilience"}
#: Whose tests share what is costly to start: a file of these is run by one worker, and all of the real CRM, of which
#: there is one, which bears so many requests a minute; and one worker alone starts a Firefox.
TOGETHER = {"end_to_end": "file", "real_crm": "folder", "in_firefox": "folder"}

#: Whether a test, or its folder, is said to be slow.
LONG = pytest.StashKey[bool]()

# A machine that is busy with something else makes no example wrong.
settings.register_profile("project", settings(), deadline=None, max_examples=examples(100))
settings.load_profile("project")

#: Each of thousands of commits waits for a disk; a machine that was switched off needs no files of tests.
MEMORY, ROOM = Path("/dev/shm"), 2 << 30
if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn: some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and what stays together, before ``-m`` chooses; several processes take the longest first."""
    here = Path(__file__).parent
    for item in items:
        file = item.path.relative_to(here) if item.path.is_relative_to(here) else Path(item.path.name)
        folders = set(file.parts)
        item.stash[LONG] = bool(folders & SLOW) or item.get_closest_marker("slow") is not None
        if item.stash[LONG] or (_is_on_postgresql(item) and not folders & EITHER):
            item.add_marker(pytest.mark.slow)
        if shared := folders & TOGETHER.keys():
            group = next(folder if TOGETHER[folder] == "folder" else str(file) for folder in shared)
            item.add_marker(pytest.mark.xdist_group(group))
        elif not item.stash[LONG]:
            # Thousands that take a moment each: handed out by the file, whose fixtures are made once.
            item.add_marker(pytest.mark.xdist_group(str(file)))
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=_turn)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Modules and thousands of tests stay: to look through them for garbage again and again takes much of the time."""
    gc.collect()
    gc.freeze()


def _turn(item: pytest.Item) -> int:
    """Groups of long tests first, then long ones, then the others: the last to end is a short one."""
    if not item.stash[LONG]:
        return 2
    return 0 if item.get_closest_marker("xdist_group") else 1


def _is_on_postgresql(item: pytest.Item) -> bool:
    """Whether the test runs once on each database, and this is the second time."""
    case = getattr(item, "callspec", None)
    return case is not None and "postgresql" in [value for value in case.params.values() if isinstance(value, str)]
