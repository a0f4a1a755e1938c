"""A dealership whose admins are told, on each database: calls and deliveries to fill in, and the watch over them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.plugin.monitoring.watched import Watched


@pytest.fixture
def watched(ledger_url: str) -> Iterator[Watched]:
    watched = Watched(ledger_url)
    yield watched
    watched.close()
