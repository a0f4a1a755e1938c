"""Deliveries that are planned after their decision are chained from then on, not only once they have ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import delete, insert, select, update

from plugin.ledger.promises import promises
from plugin.ledger.schema import deliveries
from plugin.promise.escalation import Escalation
from tests.plugin.events.support import Office
from tests.plugin.promise.test_chain import take_all, whats
from tests.plugin.promise.test_marked_done import browser, linked, links
from tests.plugin.promise.test_reminder_watch import watched
from tests.plugin.promise.watched_crm import Watched

_d = deliveries.c


def escalated(office: Office) -> Watched:
    """A call of which its person is to be told once more; nothing of that has gone out."""
    made = watched(office)
    office.clock.time = office.rows(promises)[0]["due_by"] - timedelta(hours=4)
    made.look()
    Escalation(office.ledger, office.rules, office.settings, office.clock).step()
    return made


def marked(office: Office) -> Watched:
    """A reminder that its person has marked as done; the CRM has not completed it."""
    made = linked(office)
    assert browser(made).post(links(made)[0]).status_code == 200
    return made


@pytest.mark.parametrize("planned", [escalated, marked])
def test_what_waits_is_chained(lite: Office, planned: Callable[[Office], Watched]) -> None:
    made = planned(lite)
    last = lite.rows(deliveries)[-1]
    assert last["state"] == "pending"
    assert whats(lite) == set()
    take_all(lite)
    assert whats(lite) == set()
    with lite.ledger.write() as connection:
        connection.execute(update(deliveries).where(_d.id == last["id"]).values(text="something else"))
    assert whats(lite) == {"record"}
    with lite.ledger.write() as connection:
        connection.execute(update(deliveries).where(_d.id == last["id"]).values(text=last["text"]))
    made.deliver()
    take_all(lite)
    assert whats(lite) == set()


def test_one_that_was_put_in_past_the_plugin_is_found_though_it_waits(lite: Office) -> None:
    escalated(lite)
    take_all(lite)
    columns = [column for column in _d if column.name not in ("id", "key")]
    forged = select(*columns, _d.key.concat("x")).where(_d.id == lite.rows(deliveries)[-1]["id"])
    with lite.ledger.write() as connection:
        connection.execute(insert(deliveries).from_select([*(one.name for one in columns), "key"], forged))
    assert whats(lite) == {"left_out"}
    with lite.ledger.write() as connection:
        connection.execute(delete(deliveries).where(_d.id == lite.rows(deliveries)[-1]["id"]))
    assert whats(lite) == set()
