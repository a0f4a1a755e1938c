"""Purging: numbers that are excluded stay, however old; what says nothing any more goes."""

from __future__ import annotations

from datetime import timedelta

from plugin.ledger.suppression import suppressions
from plugin.operations.purge import Purge
from plugin.promise.suppression_list import suppressed_entries
from tests.plugin.events.support import ALL, CALLS, NONE, Office, at
from tests.plugin.promise.test_suppression_list import IN_AGAIN, OTHER, PHONE, by_hand

YEAR = timedelta(days=365)


def purge(office: Office) -> None:
    walk = Purge(office.ledger, office.clock, YEAR)
    while walk.step(1):
        pass


def excluded(office: Office) -> list[tuple[str, str, object]]:
    with office.ledger.read() as connection:
        return [(entry.number, entry.scope, entry.since) for entry in suppressed_entries(connection)]


def test_nothing_goes_before_its_time(office: Office) -> None:
    office.taken(ALL)
    by_hand(office).remove([PHONE], ["calls"])
    before = office.rows(suppressions)
    purge(office)
    assert office.rows(suppressions) == before


def test_an_excluded_number_stays_with_the_first_time_it_was_asked_for(office: Office) -> None:
    office.taken(CALLS)
    office.deliver()
    office.taken(CALLS, call={"id": "again"}, occurred_at=at(3))
    office.deliver()
    before = excluded(office)
    office.clock.pass_(days=366)
    purge(office)
    assert {row["phone"] for row in office.calls()} == {None}
    assert excluded(office) == before


def test_what_was_taken_back_or_released_goes_with_its_number(office: Office) -> None:
    office.taken(CALLS)
    office.taken(NONE, occurred_at=at(1))
    by_hand(office).add([OTHER], ["calls"])
    office.taken(IN_AGAIN, script="survey_opt_in", occurred_at=at(4), call={"id": "in", "phone": OTHER})
    by_hand(office).remove([OTHER], ["calls"])
    office.clock.pass_(days=366)
    purge(office)
    assert office.rows(suppressions) == []


def test_a_release_goes_only_with_what_it_released_and_never_revives_it(office: Office) -> None:
    by_hand(office).add([PHONE], ["calls"])
    office.clock.pass_(days=300)
    by_hand(office).remove([PHONE], ["calls"])
    office.clock.pass_(days=100)
    by_hand(office).add([PHONE], ["mailings"])
    purge(office)
    assert [(number, scope) for number, scope, _ in excluded(office)] == [(PHONE, "mailings")]
    office.clock.pass_(days=300)
    by_hand(office).add([PHONE], ["calls"])
    purge(office)
    assert [row["scope"] for row in office.rows(suppressions)] == ["mailings", "calls"]
