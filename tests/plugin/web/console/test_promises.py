"""Promises in the console: what is still to be done and by whom, a month's report, and the proof of a call."""

from __future__ import annotations

import json
import re

import pytest
from sqlalchemy import update

from plugin.ledger.promises import promises
from plugin.ledger.schema import calls
from plugin.promise.proof_check import check_proof
from tests.plugin.events.support import CALLS
from tests.plugin.web.console.busy_day import MARKUP, fill
from tests.plugin.web.console.console_site import ConsoleSite


def numbers(html: str) -> list[int]:
    """The calls of a list."""
    return [int(found) for found in re.findall(r'class="row-link" href="/console/calls/(\d+)#', html)]


@pytest.mark.parametrize("query", ["state=lost", "after=x", "state=%3Cscript%3E"])
def test_a_filter_that_cannot_be_meant_is_named(console: ConsoleSite, query: str) -> None:
    page = console.person("supervisor").get(f"/console/promises?{query}")
    assert page.status == 422
    assert "<script>" not in page.html.split("<main", 1)[-1]


@pytest.mark.parametrize("query", ["", "month=", "month=2026-13", "month=ноябрь", "month=2026-11&as=exe"])
def test_a_report_of_no_month_or_kind_is_refused_in_words(console: ConsoleSite, query: str) -> None:
    page = console.person("supervisor").get(f"/console/promises/report?{query}")
    assert page.status == 422
    assert "--month" not in page.text


@pytest.mark.parametrize(("path", "status"), [("1/proof/html", 404), ("99999999999/proof/html", 404)])
def test_of_a_call_that_is_not_there_nothing_is_proven(console: ConsoleSite, path: str, status: int) -> None:
    assert console.person("admin").get(f"/console/calls/{path}").status == status


def test_a_proof_of_another_kind_is_refused(console: ConsoleSite) -> None:
    call = console.report("c-1", CALLS, ago=1)
    assert console.person("admin").get(f"/console/calls/{call}/proof/exe").status == 422


def test_with_nothing_promised_there_is_nothing_to_do(console: ConsoleSite) -> None:
    assert "Всё, что обещано, исполнено." in console.person("supervisor").get("/console/promises").text


def test_what_is_still_to_be_done_stands_by_its_deadline_and_by_state(console: ConsoleSite) -> None:
    day = fill(console)
    supervisor = console.person("supervisor")
    standing = numbers(supervisor.get("/console/promises").html)
    # The late one first: its time is up.
    assert standing.index(day["late"]) < standing.index(day["at_risk"]) < standing.index(day["stopped"])
    assert day["none"] not in standing
    with console.ledger.write() as connection:
        kept = update(promises).where(promises.c.call_ref == day["at_risk"])
        connection.execute(kept.values(state="kept", ended_at=console.clock()))
    assert day["at_risk"] in numbers(supervisor.get("/console/promises?state=kept").html)
    assert day["at_risk"] not in numbers(supervisor.get("/console/promises").html)


def test_a_call_tells_who_is_to_do_it_and_how_far_that_is(console: ConsoleSite) -> None:
    call = console.report("c-1", CALLS, ago=1)
    page = console.person("supervisor").get(f"/console/calls/{call}").text
    assert "Кто исполняет записывается Координатор" in page
    assert "В CRM напоминания ещё нет" in page


def test_a_months_report_is_a_page_to_print_and_a_table(console: ConsoleSite) -> None:
    console.report("c-1", CALLS, ago=1, card={"name": MARKUP})
    month = f"{console.clock():%Y-%m}"
    supervisor = console.person("supervisor")
    page = supervisor.get(f"/console/promises/report?month={month}&as=html")
    assert (page.status, page.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert f'filename="promises-{month}.html"' in page.headers["Content-Disposition"]
    assert "<svg" in page.html
    assert "<script>alert" not in page.html
    table = supervisor.get(f"/console/promises/report?month={month}&as=csv")
    assert len(table.html.splitlines()) == 2


def test_a_calls_proof_is_a_file_to_print_and_one_that_checks(console: ConsoleSite) -> None:
    call = console.report("c-1", CALLS, ago=1, card={"name": MARKUP})
    with console.ledger.write() as connection:
        connection.execute(update(calls).where(calls.c.id == call).values(note=MARKUP))
    supervisor = console.person("supervisor")
    page = supervisor.get(f"/console/calls/{call}/proof/html")
    assert (page.status, "attachment" in page.headers["Content-Disposition"]) == (200, True)
    assert "<script>alert" not in page.html
    made = json.loads(supervisor.get(f"/console/calls/{call}/proof/json").html)
    assert check_proof(made).faults == ()
