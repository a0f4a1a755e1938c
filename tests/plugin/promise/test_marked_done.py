"""«Отметить исполненным»: a signed link for one mail and its reminder, a page that asks, and the CRM completed then."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from connectors.base import ReminderState
from plugin.config.settings import PageSettings
from plugin.ledger.chain.tables import chain_queue
from plugin.ledger.promises import promises
from plugin.ledger.schema import calls, deliveries
from plugin.web.promises import serve_done_pages
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, Office, at
from tests.plugin.promise.test_escalation import until
from tests.plugin.promise.watched_crm import Watched

PAGE = PageSettings(public_url="https://optout.example.org", secret="the key of the page")
LINK = re.compile(r"^Отметить исполненным: https://optout\.example\.org(/\S+)$", re.MULTILINE)


def linked(office: Office, facts: dict[str, object] = CALLS) -> Watched:
    """A call whose mails went out with links."""
    made = Watched(office)
    made.office.settings = replace(made.office.settings, page=PAGE)
    made.office.taken(facts, call={"id": "c-0"})
    made.deliver()
    made.look()
    return made


def browser(made: Watched, page: PageSettings = PAGE) -> FlaskClient:
    app = Flask("test", static_folder=None)
    serve_done_pages(app, made.office.ledger, replace(made.office.settings, page=page), made.office.clock)
    return app.test_client()


def links(made: Watched) -> list[str]:
    return [found[1] for _, _, text, _ in made.mailer.mails if (found := LINK.search(text))]


# --- what is refused ---------------------------------------------------------------------------------


def test_without_the_page_there_are_no_links(lite: Office) -> None:
    made = linked(lite)
    office = Watched(lite)
    office.office.taken(CALLS, call={"id": "c-1"})
    office.deliver()
    assert links(office) == []
    assert browser(made, PageSettings()).get(links(made)[0]).status_code == 404


def test_a_link_that_was_changed_in_any_way_does_nothing(lite: Office) -> None:
    made = linked(lite, ALL)
    one, other = links(made)
    number, sign = one.rsplit("/", 2)[1:]
    wrong = sign[:-1] + ("0" if sign[-1] != "0" else "1")
    for path in (
        f"/promise/done/{number}/{wrong}",
        f"/promise/done/{other.rsplit('/', 2)[1]}/{sign}",
        f"/promise/done/999/{sign}",
        f"/promise/done/{number}/{sign[:-1]}",
        f"/promise/done/{number}/{'я' * 64}",
        f"/promise/done/{number}/{'0' * 64}",
    ):
        assert browser(made).get(path).status_code == 404, path
        assert browser(made).post(path).status_code == 404, path
    assert made.states() == ["written"]


def test_a_program_that_follows_the_link_does_nothing(lite: Office) -> None:
    made = linked(lite)
    for method in ("get", "head", "options"):
        getattr(browser(made), method)(links(made)[0])
    made.deliver()
    assert made.states() == ["written"]
    assert [row["kind"] for row in lite.rows(deliveries) if row["withdraws"]] == []


def test_of_a_purged_call_nothing_is_shown(lite: Office) -> None:
    made = linked(lite)
    with lite.ledger.write() as connection:
        connection.execute(update(calls).values(purged_at=lite.clock()))
    assert browser(made).get(links(made)[0]).status_code == 404


def test_a_reminder_that_a_correction_took_back_is_not_done(lite: Office) -> None:
    made = linked(lite)
    lite.taken(NONE, call={"id": "c-0"}, occurred_at=at(3))
    answer = browser(made).post(links(made)[0])
    assert (answer.status_code, "Напоминание отменено" in answer.text) == (200, True)
    assert made.states() == ["withdrawn"]


# --- what is done ------------------------------------------------------------------------------------


def test_the_page_asks_and_loads_nothing(lite: Office) -> None:
    made = linked(lite)
    answer = browser(made).get(links(made)[0])
    assert answer.status_code == 200
    assert "Да, исполнено" in answer.text
    assert "+79161234567" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'; form-action 'self'" in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script|<link|style=|src=", answer.text)


def test_a_sent_form_keeps_the_promise_and_completes_the_reminder_once(office: Office) -> None:
    made = linked(office)
    office.clock.pass_(hours=2)
    for _ in range(2):
        answer = browser(made).post(links(made)[0])
        assert (answer.status_code, "Отмечено исполненным" in answer.text) == (200, True)
    assert made.states() == ["kept"]
    (row,) = made.rows()
    assert (row.done_by, row.done_at, row.done_through) == ("coordinator@example.org", office.clock(), "link")
    chained = [one["ref"] for one in office.rows(chain_queue) if one["kind"] == "reminder"]
    assert chained == [row.delivery_ref]
    made.deliver()
    (record,) = made.connector.reminders()
    assert record.state is ReminderState.DONE
    assert record.why is not None
    assert "Отмечено исполненным по ссылке из письма (coordinator@example.org)" in record.why
    assert [row["state"] for row in office.rows(deliveries) if row["kind"] == "completion"] == ["done"]
    until(made, -2)
    assert made.states() == ["kept"]


def test_each_person_answers_for_their_own_reminder(lite: Office) -> None:
    made = linked(lite, ALL)
    browser(made).post(links(made)[0])
    assert made.states() == ["written"]
    browser(made).post(links(made)[1])
    assert made.states() == ["kept"]


def test_it_counts_while_the_crm_is_away_and_before_the_reminder_is_in_it(lite: Office) -> None:
    made = Watched(lite)
    made.office.settings = replace(made.office.settings, page=PAGE)
    made.connector.writes.extend(["error", "error"])
    lite.taken(CALLS, call={"id": "c-0"})
    made.deliver()
    browser(made).post(links(made)[0])
    assert made.states() == ["kept"]
    lite.clock.pass_(hours=1)
    made.deliver()
    made.deliver()
    assert [one.state for one in made.connector.reminders()] == [ReminderState.DONE]


def test_what_a_person_was_told_again_carries_the_link_and_the_supervisors_mail_does_not(lite: Office) -> None:
    made = linked(lite)
    until(made, -1)
    told = {subject.split(":")[0]: bool(LINK.search(text)) for _, subject, text, _ in made.mailer.mails}
    assert told == {"ИСКЛЮЧИТЬ": True, "СКОРО СРОК": True, "ОБЕЩАНИЕ ПОД УГРОЗОЙ": False, "ОБЕЩАНИЕ НАРУШЕНО": False}
    browser(made).post(links(made)[-1])
    assert made.states() == ["late"]


def test_an_unfinished_call_that_was_marked_is_not_reminded_of_again(lite: Office) -> None:
    made = linked(lite, HALF | {"survey_type": None})
    lite.taken(HALF, call={"id": "c-1"}, final=True)
    made.deliver()
    browser(made).post(links(made)[-1])
    before = len(lite.rows(deliveries))
    lite.taken(HALF, call={"id": "c-1"}, occurred_at=at(4), note="перезвонили", final=True)
    assert len(lite.rows(deliveries)) == before
    assert [row["state"] for row in lite.rows(promises)] == ["kept"]


@pytest.mark.parametrize("facts", [ALL, NONE])
def test_a_correction_after_it_is_done_is_written_as_ever(lite: Office, facts: dict[str, object]) -> None:
    made = linked(lite)
    browser(made).post(links(made)[0])
    made.deliver()
    lite.taken(facts, call={"id": "c-0"}, occurred_at=at(4))
    made.deliver()
    assert made.states() == ["withdrawn" if facts is NONE else "written"]
    assert {row["state"] for row in lite.rows(deliveries)} <= {"done", "cancelled"}
