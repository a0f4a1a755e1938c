"""A real ledger with an intake on it, for each test: everything about taking events in holds on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plugin.events.support import Office, office_on


@pytest.fixture
def office(ledger_url: str) -> Iterator[Office]:
    with office_on(ledger_url) as office:
        yield office
