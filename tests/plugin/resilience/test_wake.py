"""What waited for an account goes on as soon as it is back; what waits for something else does not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from connectors.base import NotDone, Reference
from plugin.events.inbox import Inbox
from plugin.ledger.connected import kept_references
from plugin.resilience.gates import AccountGates
from plugin.resilience.health import ANSWERS, of_write
from plugin.resilience.lanes import Lane
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import House

SHUT = NotDone("the account is shut", status=403, blocked=True)


def due(house: House) -> dict[str, bool]:
    with house.ledger.read() as connection:
        rows: list[Any] = list(connection.execute(select(kept_references)))
    return {row.record: row.not_before <= house.clock() for row in rows}


def test_events_kept_while_the_account_was_shut_are_due_when_it_is_back(house: House) -> None:
    crm = FakeCrm(house.crm)
    gates = AccountGates(house.ledger, crm, house.policy, house.clock)
    inbox = Inbox(house.ledger, crm.name, house.clock, "web", 600.0)
    inbox.keep([(Reference("call", "being resolved"), 0.0)])
    assert len(inbox.claim(1)) == 1
    inbox.keep([(Reference("call", record), 3000.0) for record in ("of the account", "not mapped")])
    Inbox(house.ledger, "another", house.clock, "web", 0.0).keep([(Reference("call", "of another account"), 3000.0)])
    with house.ledger.write() as connection:
        is_it = kept_references.c.record == "not mapped"
        connection.execute(update(kept_references).where(is_it).values(cause="field=value"))
    gates.report(Lane.CRM, 1, of_write(SHUT))
    house.clock.advance(5)
    assert not any(due(house).values())
    assert gates.probe(Lane.CRM, lambda: None) == 0
    assert due(house) == {
        "being resolved": False,
        "of the account": True,
        "not mapped": False,
        "of another account": False,
    }


def test_an_account_that_was_there_all_the_time_wakes_nothing(house: House) -> None:
    crm = FakeCrm(house.crm)
    gates = AccountGates(house.ledger, crm, house.policy, house.clock)
    Inbox(house.ledger, crm.name, house.clock, "web", 0.0).keep([(Reference("call", "later"), 3000.0)])
    gates.report(Lane.CRM, 1, of_write(NotDone("too many", status=429)))
    gates.report(Lane.CRM, 2, ANSWERS)
    house.clock.advance(timedelta(minutes=1).total_seconds())
    assert due(house) == {"later": False}
