"""What the account's list of events tells of an outage, however long it was."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from connectors.base import CrmUnavailable, Reference
from tests.connectors.amocrm.server import OWN, AmoServer
from tests.connectors.amocrm.test_calls import ALL, CALLS, Office

HOUR = timedelta(hours=1)


@pytest.fixture
def office() -> Iterator[Office]:
    server = AmoServer()
    with server.running():
        made = Office(server)
        yield made
        made.connector.close()


def found(office: Office, hours: float = 24) -> list[Any]:
    page = office.connector.catch_up(office.time - timedelta(hours=hours), None)
    assert page.next_cursor is None
    return list(page.items)


def test_a_list_that_cannot_be_read_now_leaves_nothing_out(office: Office) -> None:
    office.server.account.forbidden = {"events"}
    with pytest.raises(Exception, match="403"):
        found(office)
    office.server.tokens = set()
    with pytest.raises(CrmUnavailable):
        found(office)


def test_neither_the_plugins_own_changes_nor_other_notes_come(office: Office) -> None:
    office.call(created_by=OWN)
    office.fill(ALL, created_by=OWN)
    office.call(note_type="common")
    assert found(office) == []


def test_an_account_that_heeds_no_filters_gives_no_more(office: Office) -> None:
    office.fill(ALL)
    office.pass_(hours=48)
    call = office.call()
    office.server.account.filters = False
    assert found(office) == [call]


def test_answers_filled_in_long_ago_are_those_of_the_call_then(office: Office) -> None:
    office.call()
    office.pass_(minutes=1)
    office.fill(CALLS)
    office.pass_(hours=72)
    changed = next(item for item in found(office, 100) if item.kind == "card")
    # Without its moment the change belongs to no call any more.
    assert office.changed() is None
    assert office.facts(changed) == {"refuses": "calls"}
    assert office.facts(Reference("call", found(office, 100)[-1].id)) == {"refuses": "calls"}


def test_answers_of_an_earlier_call_are_not_a_later_ones(office: Office) -> None:
    office.call()
    office.pass_(minutes=1)
    office.fill(CALLS)
    office.pass_(hours=1)
    later = office.call(params={"uniq": "call-78", "duration": 60, "phone": "+79161234567"})
    office.pass_(hours=2)
    (card,) = [item for item in found(office) if item.kind == "card"]
    result = office.connector.resolve(card)
    assert result is not None
    assert result["call"]["id"] == "call-77"
    assert office.connector.resolve(later) is None


def test_a_call_without_the_number_of_its_note_is_found_by_its_card(office: Office) -> None:
    office.call()
    office.fill(ALL)
    office.server.account.events[0]["value_after"] = []
    references = found(office)
    assert [item.kind for item in references] == ["card"]
    assert office.facts(references[0]) == {"refuses": "all"}


def test_what_happens_while_pages_are_read_does_not_move_them(office: Office) -> None:
    calls = []
    for number in range(150):
        office.pass_(seconds=1)
        calls.append(office.call(params={"uniq": f"call-{number}", "duration": 1, "phone": "+79161234567"}))
    since = office.time - HOUR
    first = office.connector.catch_up(since, None)
    office.pass_(seconds=1)
    for _ in range(50):
        office.call()
    second = office.connector.catch_up(since, first.next_cursor)
    assert [*first.items, *second.items] == calls[::-1]
    assert second.next_cursor is None
