"""In a restored ledger: what it seems never to have sent is looked for, on whichever card it may have been written."""

from __future__ import annotations

import pytest
from sqlalchemy import null, update

from connectors.base import Card, CardRef
from plugin.ledger.restores import mark_restored
from plugin.ledger.schema import decisions
from tests.plugin.delivery.harness import CARD, House


def restored(house: House) -> None:
    with house.ledger.write() as connection:
        mark_restored(connection, house.clock())
    house.clock.advance(60)


@pytest.mark.parametrize("kind", ["comment", "reminder", "crm_email"])
def test_what_the_lost_ledger_had_written_is_found_and_not_repeated(house: House, kind: str) -> None:
    delivery = house.one(kind)
    house.run_once()
    assert house.written(delivery) == 1
    house.change(delivery, state="pending", sent_at=None, remote_id=None, attempts=0, finished_at=None)
    restored(house)
    crm = house.run_once()
    assert crm.log == ["find"]
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_what_the_lost_ledger_had_not_written_is_sent_once_it_was_looked_for(house: House) -> None:
    delivery = house.one()
    restored(house)
    crm = house.run_once()
    assert crm.log == ["find", "comment"]
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_call_without_a_card_is_looked_for_on_the_card_that_is_found_by_its_number(house: House) -> None:
    decision = house.decision(card=None)
    delivery = house.delivery(decision)
    house.run_once()
    assert house.written(delivery) == 1
    house.change(delivery, state="pending", sent_at=None, remote_id=None, attempts=0, finished_at=None)
    with house.ledger.write() as connection:
        connection.execute(update(decisions).where(decisions.c.id == decision).values(card=null()))
    restored(house)
    house.run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_another_clients_record_is_looked_for_on_the_calls_card_too(house: House) -> None:
    decision = house.decision(target={"name": "Другой Клиент", "phone": None})
    delivery = house.delivery(decision)
    house.run_once()
    (record,) = house.crm.records
    assert record.card == CARD
    house.change(delivery, state="pending", sent_at=None, remote_id=None, attempts=0, finished_at=None)
    with house.ledger.write() as connection:
        connection.execute(update(decisions).where(decisions.c.id == decision).values(card=null()))
    house.crm.contacts.append(Card(CardRef("contact", "77"), "Другой Клиент"))
    restored(house)
    house.run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
