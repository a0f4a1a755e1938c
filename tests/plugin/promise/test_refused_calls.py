"""Calls after a refusal: whoever reports them, with or without facts, each once, and never the call of the refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from plugin.events.refused_call import SAME_CALL
from plugin.ledger.suppression import refused_calls
from plugin.monitoring.find import calls_after_refusal
from plugin.monitoring.model import AlertLook
from plugin.promise.refused_calls import RefusedCallWatch, list_refused_calls, refused_by_source
from tests.plugin.events.support import (
    ALL,
    CALLS,
    NONE,
    ONLINE,
    PHONE_SECRET,
    SETTINGS,
    Office,
    at,
    call_result,
)
from tests.plugin.promise.test_suppression_list import OTHER, PHONE, by_hand

LATER = SAME_CALL.total_seconds() / 60 + 5


def watch(office: Office) -> RefusedCallWatch:
    """A watch that has begun: what there is already is settled with its next step."""
    watching = RefusedCallWatch(office.ledger, office.rules, office.clock)
    watching.step()
    return watching


def look(office: Office, watching: RefusedCallWatch) -> None:
    """Two looks: what the first one sees is settled for the second."""
    for _ in range(2):
        watching.step()


def noted(office: Office) -> list[tuple[str, str, str]]:
    return [(row["source"], row["number"], row["scope"]) for row in office.rows(refused_calls)]


def survey(office: Office, id_: str, minute: float, **more: Any) -> dict[str, Any]:
    """A call that was reported without facts."""
    event = call_result({}, call={"id": id_, **more.pop("call", {})}, occurred_at=at(minute), **more)
    answer = office.send(event, PHONE_SECRET)
    assert (answer.status, "ignored" in answer.body) == (200, True), answer
    return answer.body


# --- what is none -----------------------------------------------------------------------------------


def test_the_call_of_the_refusal_is_none_whoever_else_reports_it(office: Office) -> None:
    office.clock.pass_(hours=1)
    watching = watch(office)
    office.taken(CALLS)
    office.taken(CALLS, occurred_at=at(LATER), note="ещё раз")
    survey(office, "c-77", LATER + 1)
    survey(office, "another id of the same call", 1)
    look(office, watching)
    assert noted(office) == []


def test_calls_of_other_numbers_scopes_and_scripts_are_none(office: Office) -> None:
    office.clock.pass_(hours=1)
    watching = watch(office)
    office.taken(ONLINE)
    survey(office, "c-1", LATER)
    office.taken(CALLS, call={"id": "other", "phone": OTHER})
    survey(office, "c-2", LATER)
    survey(office, "c-3", LATER, call={"phone": None})
    survey(office, "c-4", LATER, call={"phone": OTHER}, script="survey_opt_in")
    look(office, watching)
    assert noted(office) == []


def test_a_call_before_the_refusal_or_after_a_release_is_none(office: Office) -> None:
    office.taken(CALLS, occurred_at=at(3))
    survey(office, "earlier", 0)
    by_hand(office).remove([PHONE], ["calls"])
    office.clock.pass_(hours=1)
    survey(office, "later", 50)
    assert noted(office) == []


def test_a_source_on_trial_tells_of_none(office: Office) -> None:
    office.taken(CALLS)
    office.clock.pass_(hours=1)
    sources = tuple(replace(source, dry_run=True) for source in SETTINGS.sources)
    survey(office.with_settings(sources=sources), "c-1", LATER)
    assert noted(office) == []


def test_calls_from_before_the_watch_was_there_are_not_told(office: Office) -> None:
    office.taken(CALLS)
    office.clock.pass_(hours=1)
    office.taken(NONE, call={"id": "old"}, occurred_at=at(LATER))
    watching = watch(office)
    look(office, watching)
    assert noted(office) == []


# --- what is one ------------------------------------------------------------------------------------


def test_a_call_without_facts_counts_once_and_nothing_else_is_kept_of_it(office: Office) -> None:
    office.taken(CALLS)
    office.clock.pass_(hours=1)
    for _ in range(2):
        survey(office, "c-1", LATER, call={"operator": "petrov"})
    survey(office, "c-2", LATER, call={"phone": OTHER})
    assert noted(office) == [("telephony", PHONE, "calls")]
    assert [row["call_id"] for row in office.calls()] == ["c-77"]
    assert OTHER not in repr(office.events())


def test_a_call_with_facts_counts_once_with_its_source(office: Office) -> None:
    watching = watch(office)
    by_hand(office).add([PHONE], ["calls"])
    office.clock.pass_(hours=1)
    for minute in (61, 62):
        event = call_result(NONE if minute == 61 else ALL, call={"id": "c-1"}, occurred_at=at(minute))
        assert office.send(event, PHONE_SECRET).status == 202
    look(office, watching)
    look(office, watch(office))
    assert noted(office) == [("telephony", PHONE, "calls")]
    (row,) = office.rows(refused_calls)
    assert row["call_ref"] == office.call()["id"]


def test_many_calls_are_looked_at_in_small_steps(office: Office) -> None:
    watching = watch(office)
    by_hand(office).add([PHONE], ["calls"])
    office.clock.pass_(hours=1)
    for number in range(7):
        office.taken(NONE, call={"id": f"c-{number}"}, occurred_at=at(61))
    look(office, watching)
    assert len(noted(office)) == 7


# --- how it is told ---------------------------------------------------------------------------------


def test_sources_are_told_with_their_number_for_a_day(office: Office) -> None:
    office.taken(CALLS)
    office.clock.pass_(hours=1)
    survey(office, "c-1", LATER)
    survey(office, "c-2", LATER)

    def causes() -> list[tuple[str, int]]:
        with office.ledger.read() as connection:
            found = list(calls_after_refusal(AlertLook(connection, office.clock(), SETTINGS, "host", None)))
        assert all(PHONE not in repr(cause) for cause in found)
        return [(cause.which, cause.about["count"]) for cause in found]

    assert causes() == [("telephony", 2)]
    with office.ledger.read() as connection:
        assert [one.number for one in refused_by_source(connection, office.clock())] == [2]
        assert len(list_refused_calls(connection, None, 1)) == 1
        assert len(list_refused_calls(connection, office.clock(), 10)) == 2
    office.clock.pass_(days=1, seconds=1)
    assert causes() == []
