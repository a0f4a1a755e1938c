"""What holds for every test."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.chromium import browser
from tests.support.databases import ledger_url, postgres, postgres_url, sqlite_template
from tests.support.examples import examples

__all__ = ["browser", "ledger_url", "postgres", "postgres_url", "sqlite_template"]

# What is asked for its help answers in English, whatever the machine's language is.
os.environ["LANGUAGE"] = "C"

#: Folders whose tests start browsers, processes or whole systems: `make check` leaves them to `make test`.
SLOW = {"browser", "chaos", "end_to_end", "real_crm"}
#: Where SQL, locks or leases are the subject, so that `make check` runs on either database; elsewhere it takes SQLite.
EITHER = {"postgres", "ledger", "delivery", "resilience"}
#: Whose tests share what is costly to start: a file of these is run by one worker, and all of the real CRM, of which
#: there is one, which bears so many requests a minute.
TOGETHER = {"end_to_end": "file", "real_crm": "folder"}

# A machine that is busy with something else makes no example wrong.
settings.register_profile("project", settings(), deadline=None, max_examples=examples(100))
settings.load_profile("project")

# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn: some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is slow, and what stays together, before ``-m`` chooses."""
    here = Path(__file__).parent
    for item in items:
        folders = set(item.path.relative_to(here).parts) if item.path.is_relative_to(here) else set()
        if folders & SLOW or (_is_on_postgresql(item) and not folders & EITHER):
            item.add_marker(pytest.mark.slow)
        for folder in folders & TOGETHER.keys():
            item.add_marker(pytest.mark.xdist_group(folder if TOGETHER[folder] == "folder" else str(item.path)))


def _is_on_postgresql(item: pytest.Item) -> bool:
    """Whether the test runs once on each database, and this is the second time."""
    case = getattr(item, "callspec", None)
    return case is not None and "postgresql" in [value for value in case.params.values() if isinstance(value, str)]
