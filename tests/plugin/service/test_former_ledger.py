"""A ledger that a former version wrote and was killed over: it is opened, taken on, delivered from and purged.

``former_ledgers`` holds such ledgers as that version wrote them, with its own rules: a call that is done, one whose
process was killed after the comment, one that waits, one that was corrected before anything went out, and one that was
never finished. The same is laid by the migrations of other versions, in the columns that each of them had.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.base import CardRef
from plugin.authoring.revisions.active import ActiveRules
from plugin.ledger.versions import STEPS
from plugin.operations.purge import Purge
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import BreakableLedger, House
from tests.plugin.events.support import ALL, SETTINGS, Clock, Office, call_result, rulebook
from tests.support.former_ledgers import lay_former_ledger
from tests.support.postgres import Databases

PHONE = "+79160000042"
CARD = CardRef("contact", "42")
#: The first version, the one that wrote the ledger itself, and the last but one; the first on PostgreSQL too.
FORMER = [("sqlite", "ledger_0001"), ("sqlite", "ledger_0009"), ("sqlite", STEPS[-2]), ("postgresql", "ledger_0001")]


@pytest.fixture(params=FORMER, ids="-".join)
def office(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Office]:
    database, version = request.param
    clock = Clock()
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        if database == "postgresql":
            server: Databases = request.getfixturevalue("postgres")
            url = stack.enter_context(server.database(migrated=False))
        # On PostgreSQL the server's clock counts, which is the one that the test moves.
        ledger = BreakableLedger(url, clock=clock if database == "postgresql" else None)
        stack.callback(ledger.close)
        lay_former_ledger(ledger, version)
        assert ledger.upgrade().current == version
        yield Office(ledger, ActiveRules(ledger, clock), SETTINGS, clock)


def house_of(office: Office) -> House:
    """The office's deliveries on their way to a CRM that holds what the killed process had written."""
    assert isinstance(office.ledger, BreakableLedger)
    house = House(office.ledger, prepared=True, roles=dict(rulebook().roles))
    house.clock.true = office.clock()
    if office.ledger.is_shared:
        office.ledger._clock = house.clock
    (killed_over,) = (row for row in office.deliveries() if (row["state"], row["kind"]) == ("leased", "comment"))
    FakeCrm(house.crm).add_comment(CARD, killed_over["text"], killed_over["key"])
    return house


def test_what_was_taken_in_before_is_a_duplicate(office: Office) -> None:
    again = call_result(ALL, id="evt-1", call={"id": "done", "phone": PHONE})
    answer = office.send(again)
    assert (answer.status, answer.body["duplicate"]) == (200, True)
    assert {delivery["state"] for delivery in answer.body["deliveries"]} == {"done"}


def test_a_call_that_was_unfinished_is_finished(office: Office) -> None:
    decided = office.taken({"survey_type": "calls"}, id="evt-new", call={"id": "unfinished", "phone": PHONE})
    assert decided["decision"]["outcome"] == "exclude_calls"
    assert len(decided["deliveries"]) == 3


def test_what_was_open_is_delivered_and_what_was_done_stays_done(office: Office) -> None:
    house = house_of(office)
    for _ in range(10):
        house.clock.advance(60)
        house.run_once()
    assert {row["state"] for row in office.deliveries()} == {"done", "cancelled"}
    written = Counter(
        house.crm.having(row["key"])[0].kind for row in office.deliveries() if house.crm.having(row["key"])
    )
    # The killed call's reminder, the waiting one's three, the corrected one's comment; and the comment that was there.
    assert written == {"comment": 3, "reminder": 3}
    assert all(len(house.crm.having(row["key"])) <= 1 for row in office.deliveries())
    assert len(house.mailer.mails) == 2


def test_it_is_purged(office: Office) -> None:
    house = house_of(office)
    for _ in range(10):
        house.clock.advance(60)
        house.run_once()
    purge = Purge(office.ledger, lambda: house.clock() + timedelta(days=400), timedelta(days=365))
    while purge.step():
        pass
    assert {row["phone"] for row in office.calls() if row["call_id"] != "unfinished"} == {None}
    assert PHONE not in str([dict(row) for row in office.deliveries()])
