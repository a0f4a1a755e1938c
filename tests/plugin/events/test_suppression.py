"""What decisions say of numbers: in their own transaction, replaced by corrections, released by the opt-in script."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from plugin.ledger.suppression import suppressions
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, ONLINE, OTHER_CLIENT, SETTINGS, Office, at

NOT_CLIENT = {"related_to_car": False, "is_client": False}
PHONE = "+79161234567"


def said(office: Office) -> list[tuple[str, str, bool]]:
    """What stands."""
    rows = office.rows(suppressions, withdrawn_at=None)
    return [(row["number"], row["scope"], row["suppresses"]) for row in rows]


def opt_in(office: Office, wanted: str, minute: float, **more: Any) -> dict[str, Any]:
    """A call whose client agrees again."""
    facts = {"asks_for_own_card": True, "wanted_again": wanted, "agreed_to_every_mailing": True}
    return office.taken(facts, script="survey_opt_in", occurred_at=at(minute), call={"id": "opt-in"} | more)


# --- nothing is said --------------------------------------------------------------------------------


@pytest.mark.parametrize("facts", [NONE, HALF], ids=["nothing to exclude from", "not decided"])
def test_what_is_no_exclusion_says_nothing(office: Office, facts: dict[str, object]) -> None:
    office.taken(facts)
    assert office.rows(suppressions) == []


def test_a_source_on_trial_excludes_nobody(office: Office) -> None:
    sources = tuple(replace(source, dry_run=True) for source in SETTINGS.sources)
    office.with_settings(sources=sources).taken(ALL)
    assert office.rows(suppressions) == []


def test_a_call_without_a_number_excludes_none(office: Office) -> None:
    office.taken(CALLS, call={"phone": "anonymous"})
    assert office.rows(suppressions) == []


# --- what is said -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "scopes"),
    [
        (CALLS, ["calls"]),
        (ONLINE, ["mailings"]),
        (ALL, ["calls", "mailings"]),
        (NOT_CLIENT, ["calls", "mailings"]),
        (OTHER_CLIENT, ["calls"]),
    ],
)
def test_an_outcome_excludes_the_number_of_the_call_from_what_it_declares(
    office: Office, facts: dict[str, object], scopes: list[str]
) -> None:
    office.taken(facts, call={"phone": "8 (916) 123-45-67"})
    assert said(office) == [(PHONE, scope, True) for scope in scopes]
    (row, *_) = office.rows(suppressions)
    assert (row["at"], row["call_ref"]) == (office.call()["last_occurred_at"], office.call()["id"])


def test_the_same_again_says_nothing_more(office: Office) -> None:
    office.taken(ALL)
    before = office.rows(suppressions)
    office.taken(ALL, occurred_at=at(1))
    assert office.rows(suppressions) == before


def test_a_number_that_is_known_only_later_is_excluded_then(office: Office) -> None:
    office.taken(CALLS, call={"phone": None})
    office.taken(CALLS, occurred_at=at(1))
    assert said(office) == [(PHONE, "calls", True)]


# --- corrections ------------------------------------------------------------------------------------


def test_a_correction_to_nothing_takes_everything_back(office: Office) -> None:
    office.taken(ALL)
    office.taken(NONE, occurred_at=at(1))
    assert said(office) == []
    assert {row["withdrawn_at"] for row in office.rows(suppressions)} == {office.clock()}


def test_a_correction_keeps_what_both_decisions_say_and_replaces_the_rest(office: Office) -> None:
    office.taken(CALLS)
    (first,) = office.rows(suppressions)
    office.taken(ALL, occurred_at=at(1))
    assert said(office) == [(PHONE, "calls", True), (PHONE, "mailings", True)]
    assert office.rows(suppressions)[0] == first
    office.taken(ONLINE, occurred_at=at(2))
    assert said(office) == [(PHONE, "mailings", True)]


def test_a_correction_back_says_it_anew(office: Office) -> None:
    for minute, facts in enumerate((CALLS, NONE, CALLS)):
        office.taken(facts, occurred_at=at(minute))
    assert said(office) == [(PHONE, "calls", True)]
    assert len(office.rows(suppressions)) == 2


def test_a_correction_touches_no_other_call_of_the_number(office: Office) -> None:
    office.taken(CALLS)
    office.taken(CALLS, call={"id": "other"})
    office.taken(NONE, occurred_at=at(1))
    assert said(office) == [(PHONE, "calls", True)]


def test_an_exclusion_stays_while_a_person_decides_on_a_call_that_became_unfinished(office: Office) -> None:
    office.taken(CALLS)
    office.taken({"survey_type": None}, occurred_at=at(1), final=True)
    assert office.outcomes()[-1][1] is None
    assert said(office) == [(PHONE, "calls", True)]
    office.taken(ONLINE, occurred_at=at(2))
    assert said(office) == [(PHONE, "mailings", True)]


# --- agreed again -----------------------------------------------------------------------------------


def test_the_opt_in_script_releases_what_its_outcome_declares(office: Office) -> None:
    office.taken(ALL)
    opt_in(office, "online", 1)
    assert said(office) == [(PHONE, "calls", True), (PHONE, "mailings", True), (PHONE, "mailings", False)]


def test_a_release_that_is_corrected_or_left_unfinished_is_taken_back(office: Office) -> None:
    office.taken(CALLS)
    opt_in(office, "calls", 1)
    opt_in(office, "changed_mind", 2)
    assert said(office) == [(PHONE, "calls", True)]
    opt_in(office, "calls", 3)
    assert said(office) == [(PHONE, "calls", True), (PHONE, "calls", False)]
    facts = {"asks_for_own_card": None}
    office.taken(facts, script="survey_opt_in", occurred_at=at(4), final=True, call={"id": "opt-in"})
    assert said(office) == [(PHONE, "calls", True)]
