"""A ledger on each database in turn, and what is measured by one clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from plugin.auth.passwords import Passwords
from plugin.auth.users import Users
from plugin.ledger import Ledger
from tests.plugin.auth.support import HandClock, cheap_passwords


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(ledger_url: str, clock: HandClock) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url, clock=clock)
    yield ledger
    ledger.close()


@pytest.fixture
def passwords() -> Passwords:
    return cheap_passwords()


@pytest.fixture
def users(ledger: Ledger, passwords: Passwords, clock: HandClock) -> Users:
    return Users(ledger, passwords, clock)
