"""Calls are searched for by indexes alone on both databases: nobody waits while all that is known of each is read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import text

from plugin.ledger import Ledger
from plugin.ledger.call_search import CallSearch, ids_found
from tests.postgres.test_plans import plans
from tests.support.backlog import fill, settle

NOW = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
#: Each with the index that it goes by.
SEARCHES = {
    "ix_calls_found": CallSearch(),
    "ix_calls_phone": CallSearch(phone="+79161234567"),
    "ix_calls_card_id": CallSearch(card="42"),
    "ix_calls_operator": CallSearch(operator="olga"),
}
#: Where nothing narrows it all calls are gone through; PostgreSQL chooses by the length of their rows how.
ALL_THROUGH = {
    "a part of a number": CallSearch(phone="4567"),
    "a name": CallSearch(name="Иванов Пётр"),
    "a script": CallSearch(script="nothing"),
    "an outcome": CallSearch(outcome="nothing"),
    "a source": CallSearch(source="nothing"),
    "the next page": CallSearch(outcome="nothing", after=1),
}


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url)
    fill(ledger, 100_000, NOW)
    with ledger.write() as connection:
        number = "'+7916' || CAST(1000000 + id AS text)"
        more = f"phone = {number}, operator = 'o' || id, card_id = 'k' || id, note = '{'.' * 300}'"
        connection.execute(text(f"UPDATE calls SET {more}, card_search = 'n' || id"))
    settle(ledger)
    yield ledger
    ledger.close()


def test_calls_are_found_by_their_indexes(ledger: Ledger) -> None:
    found = {name: _plan(ledger, search) for name, search in SEARCHES.items()}
    assert [f"{name}: {steps}" for name, steps in found.items() if name not in str(steps)] == []


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_all_calls_are_gone_through_in_the_index_alone(ledger: Ledger) -> None:
    found = {name: _plan(ledger, search) for name, search in ALL_THROUGH.items()}
    assert [
        f"{name}: {steps}" for name, steps in found.items() if "COVERING INDEX ix_calls_found" not in str(steps)
    ] == []


def _plan(ledger: Ledger, search: CallSearch) -> list[str]:
    return plans(ledger, partial(ids_found, search=search, limit=21))[-1]
