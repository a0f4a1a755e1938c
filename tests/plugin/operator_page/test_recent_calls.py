"""The list under the form of a new call: whose calls, in which order, in which state, found by which number."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from plugin.ledger.schema import deliveries
from plugin.operator_page.confirmation import read_confirmation
from tests.plugin.operator_page.pages import SCRIPT, PageHarness

FACTS = {"related_to_car": True, "survey_type": "calls"}
ACTIONS = ("comment", "remind-survey_coordinator")


def begun(pages: PageHarness, id_: str, **more: object) -> None:
    pages.sessions.save(pages.call(id_, **more), SCRIPT, pages.saving(1, pages.answer("related_to_car", True)))


def confirmed(pages: PageHarness, id_: str) -> None:
    begun(pages, id_)
    body = pages.confirmation(FACTS, "exclude_calls", ACTIONS, id=f"confirm-{id_}")
    assert pages.sessions.confirm(pages.call(id_), SCRIPT, read_confirmation(body))[0] == 202


def listed(pages: PageHarness, operator: str | None = "ivanova", search: str = "") -> list[tuple[str, str | None, str]]:
    return [(one.id, one.outcome, one.state) for one in pages.sessions.recent(operator, search)]


def test_unfinished_calls_come_first_and_then_the_newest(pages: PageHarness) -> None:
    for id_ in ("c-1", "c-3"):
        confirmed(pages, id_)
    begun(pages, "c-2")
    confirmed(pages, "c-4")

    assert [id_ for id_, _, _ in listed(pages)] == ["c-2", "c-4", "c-3", "c-1"]


@pytest.mark.parametrize(
    ("state", "words"), [("pending", "записывается"), ("done", "записано"), ("parked", "записано не всё")]
)
def test_each_call_tells_its_outcome_and_how_far_it_has_got(pages: PageHarness, state: str, words: str) -> None:
    confirmed(pages, "c-1")
    with pages.ledger.write() as connection:
        connection.execute(update(deliveries).values(state=state))

    assert listed(pages) == [("c-1", "исключить из звонков с опросом", words)]


def test_a_call_that_was_handed_over_is_told_as_such(pages: PageHarness) -> None:
    begun(pages, "c-1")
    body = pages.confirmation({"related_to_car": True}, None, note="прервался")
    pages.sessions.confirm(pages.call("c-1"), SCRIPT, read_confirmation(body))

    assert listed(pages) == [("c-1", None, "передан координатору")]


def test_an_operator_sees_their_own_calls_and_an_admin_all(pages: PageHarness) -> None:
    begun(pages, "c-1")
    begun(pages, "c-2", operator="petrova")

    assert [id_ for id_, _, _ in listed(pages)] == ["c-1"]
    assert {id_ for id_, _, _ in listed(pages, None)} == {"c-1", "c-2"}


def test_yesterdays_calls_are_found_by_number_only(pages: PageHarness) -> None:
    begun(pages, "c-1")
    pages.clock.forward(days=1)
    begun(pages, "c-2", phone="+79160000002")
    assert [id_ for id_, _, _ in listed(pages)] == ["c-2"]

    for search in ("8 (916) 123-45-67", "123-45", "2345"):
        assert [id_ for id_, _, _ in listed(pages, search=search)] == ["c-1"]
    assert listed(pages, search="имя") == []
