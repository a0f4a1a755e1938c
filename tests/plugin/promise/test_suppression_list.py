"""The suppression list as it is read: the latest statement counts, whoever says it and in whatever order it came in."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from plugin.ledger.audit import Actor
from plugin.ledger.suppression import suppressions
from plugin.promise.suppression_by_hand import SuppressionByHand
from plugin.promise.suppression_list import SuppressionEntry, entries_of, suppressed_entries, suppression_page
from tests.plugin.events.support import ALL, CALLS, NONE, NOW, Office, at

PHONE, OTHER = "+79161234567", "+74951234567"
IN_AGAIN = {"asks_for_own_card": True, "wanted_again": "calls"}


def by_hand(office: Office) -> SuppressionByHand:
    return SuppressionByHand(office.ledger, office.clock, Actor.signed("иванова", "просил письмом"))


def now_excluded(office: Office, scope: str | None = None) -> list[tuple[str, str]]:
    with office.ledger.read() as connection:
        return [(entry.number, entry.scope) for entry in suppressed_entries(connection, scope)]


def entries(office: Office, number: str = PHONE) -> list[SuppressionEntry]:
    with office.ledger.read() as connection:
        return entries_of(connection, [number]).get(number, [])


def page(office: Office, **asked: Any) -> tuple[list[SuppressionEntry], str | None]:
    with office.ledger.read() as connection:
        found = suppression_page(
            connection,
            **{"scope": None, "since": None, "after": "", "limit": 100} | asked,
        )
    return list(found.entries), found.next


# --- what counts ------------------------------------------------------------------------------------


def test_nothing_is_known_of_a_number_of_which_nothing_was_said(office: Office) -> None:
    office.taken(CALLS)
    assert entries(office, OTHER) == []
    with office.ledger.read() as connection:
        assert entries_of(connection, []) == {}


def test_a_number_stays_excluded_since_the_first_of_several_requests(office: Office) -> None:
    office.taken(CALLS)
    office.taken(CALLS, call={"id": "again"}, occurred_at=at(3))
    assert [(entry.scope, entry.since, entry.until) for entry in entries(office)] == [
        ("calls", NOW - timedelta(minutes=5), None)
    ]


def test_a_release_counts_until_the_next_request_and_only_for_its_scope(office: Office) -> None:
    office.taken(ALL)
    office.taken(IN_AGAIN, script="survey_opt_in", occurred_at=at(1), call={"id": "opt-in"})
    assert now_excluded(office) == [(PHONE, "mailings")]
    assert entries(office)[0].until == NOW - timedelta(minutes=4)
    office.taken(CALLS, occurred_at=at(2), call={"id": "opt-out"})
    assert now_excluded(office) == [(PHONE, "calls"), (PHONE, "mailings")]
    assert entries(office)[0].since == NOW - timedelta(minutes=3)


def test_a_request_that_is_reported_after_a_later_release_excludes_nobody(office: Office) -> None:
    office.taken(IN_AGAIN, script="survey_opt_in", occurred_at=at(1), call={"id": "opt-in"})
    office.taken(CALLS, occurred_at=at(0))
    assert now_excluded(office) == []


def test_a_correction_of_one_call_leaves_what_another_call_said(office: Office) -> None:
    office.taken(CALLS)
    office.taken(CALLS, call={"id": "again"}, occurred_at=at(1))
    office.taken(NONE, occurred_at=at(2))
    assert now_excluded(office) == [(PHONE, "calls")]


def test_what_is_said_in_any_order_comes_to_the_same(office: Office) -> None:
    """Held against a plain model: of each number and scope the latest statement."""
    rng = random.Random(7)
    model: dict[tuple[str, str], tuple[int, bool]] = {}
    moments = rng.sample(range(1000), 60)
    for place, moment in enumerate(moments):
        number, suppresses = rng.choice([PHONE, OTHER]), rng.random() < 0.6
        facts = {"call": {"id": f"c-{place}", "phone": number}, "occurred_at": at(-moment)}
        if suppresses:
            office.taken(CALLS, **facts)
        else:
            office.taken(IN_AGAIN, script="survey_opt_in", **facts)
        model[number, "calls"] = max(model.get((number, "calls"), (-10_000, False)), (-moment, suppresses))
    assert now_excluded(office) == sorted(key for key, (_, suppresses) in model.items() if suppresses)


# --- by hand ----------------------------------------------------------------------------------------


def test_what_holds_already_is_not_said_again_by_hand(office: Office) -> None:
    office.taken(CALLS)
    assert by_hand(office).add([PHONE, OTHER, OTHER], ["calls", "mailings"]) == 3
    assert by_hand(office).add([PHONE, OTHER], ["calls", "mailings"]) == 0
    assert by_hand(office).remove(["+79000000001"], ["calls"]) == 0
    assert now_excluded(office, "calls") == [(OTHER, "calls"), (PHONE, "calls")]


def test_a_person_s_word_counts_after_a_call_whose_clock_is_ahead(office: Office) -> None:
    office.taken(CALLS, occurred_at=at(9))
    assert by_hand(office).remove([PHONE], ["calls"]) == 1
    assert now_excluded(office) == []
    assert by_hand(office).add([PHONE], ["calls"]) == 1
    assert now_excluded(office) == [(PHONE, "calls")]
    assert {(row["by"], row["why"]) for row in office.rows(suppressions, call_ref=None)} == {
        ("иванова", "просил письмом")
    }


# --- pages ------------------------------------------------------------------------------------------


def test_pages_follow_one_another_and_hold_every_number_once(office: Office) -> None:
    numbers = [f"+7916000{number:04d}" for number in range(25)]
    by_hand(office).add(list(reversed(numbers)), ["calls", "mailings"])
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        found, after = page(office, after=after, limit=10, scope="calls")
        seen += [entry.number for entry in found]
    assert seen == numbers


@pytest.mark.parametrize("how", ["released", "corrected"])
def test_what_changed_since_a_moment_also_tells_who_is_excluded_no_longer(office: Office, how: str) -> None:
    office.taken(CALLS)
    by_hand(office).add([OTHER], ["calls"])
    office.clock.pass_(hours=1)
    since = office.clock()
    assert page(office, since=since) == ([], None)
    if how == "released":
        by_hand(office).remove([PHONE], ["calls"])
    else:
        office.taken(NONE, occurred_at=at(2))
    (entry,), _ = page(office, since=since)
    assert (entry.number, entry.scope, entry.until) == (PHONE, "calls", since)
    assert [one.number for one in page(office)[0]] == [OTHER]


def test_a_statement_that_was_taken_back_says_nothing(office: Office) -> None:
    office.taken(ALL)
    with office.ledger.write() as connection:
        connection.execute(update(suppressions).values(withdrawn_at=office.clock()))
    assert (now_excluded(office), entries(office), page(office)) == ([], [], ([], None))
