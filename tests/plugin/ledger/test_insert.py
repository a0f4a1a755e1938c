"""A row that several processes may make is made once, and the transaction of the slower one goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, func, select

from plugin.ledger import Ledger
from plugin.ledger.insert import insert_if_absent, lock_or_insert
from plugin.ledger.schema import quotas

FIRST, SECOND = datetime(2026, 11, 22, 7, 15, tzinfo=UTC), datetime(2026, 11, 22, 7, 16, tzinfo=UTC)
QUERY = select(quotas.c.full_at).where(quotas.c.account == bindparam("account")).with_for_update()


def test_a_taken_key_is_reported_and_the_transaction_goes_on(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    with ledger.write() as connection:
        assert insert_if_absent(connection, quotas, {"account": "crm", "full_at": FIRST})
        assert not insert_if_absent(connection, quotas, {"account": "crm", "full_at": SECOND})
        assert insert_if_absent(connection, quotas, {"account": "smtp", "full_at": SECOND})
    with ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(quotas)).scalar_one() == 2
        assert connection.execute(QUERY, {"account": "crm"}).scalar_one() == FIRST
    ledger.close()


def test_a_missing_row_is_made_and_an_existing_one_is_left_as_it_is(ledger_url: str) -> None:
    ledger = Ledger(ledger_url)
    key: dict[str, Any] = {"account": "crm"}
    with ledger.write() as connection:
        assert lock_or_insert(connection, quotas, QUERY, key, lambda: key | {"full_at": FIRST}).full_at == FIRST
    with ledger.write() as connection:
        assert lock_or_insert(connection, quotas, QUERY, key, lambda: key | {"full_at": SECOND}).full_at == FIRST
    ledger.close()
