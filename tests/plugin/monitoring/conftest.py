"""A dealership whose admins are told, on each database: calls and deliveries to fill in, and the watch over them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plugin.monitoring.office import Office


@pytest.fixture
def office(ledger_url: str) -> Iterator[Office]:
    office = Office(ledger_url)
    yield office
    office.close()
