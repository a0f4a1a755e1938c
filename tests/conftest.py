"""What holds for every test."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.chromium import browser
from tests.support.databases import ledger_url, postgres, postgres_url, sqlite_template

__all__ = ["browser", "ledger_url", "postgres", "postgres_url", "sqlite_template"]

#: Folders whose tests start browsers, processes or whole systems: `make check` leaves them to `make test`.
SLOW = ("browser", "chaos", "end_to_end", "real_crm")

# A machine that is busy with something else makes no example wrong.
settings.register_profile("project", settings(), deadline=None)
settings.load_profile("project")

# What a shell starts in the background ignores Ctrl-C, and so does all that it starts in turn: some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the slow folders, before ``-m`` chooses."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in SLOW:
            item.add_marker(pytest.mark.slow)
