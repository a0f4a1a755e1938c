"""Acts on many things at once: a plan first, all that match and not the page, a result for each, once only."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import insert

from plugin.ledger.bulk_acts import bulk_acts
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import acts, calls, deliveries
from tests.plugin.events.support import CALLS, ONLINE, edited_rules
from tests.plugin.web.console.console_site import ConsoleSite, Person, Shown


def form(page: Shown) -> tuple[str, dict[str, str]]:
    """The address and the hidden fields of the plan's form."""
    html = page.html[page.html.index('<form class="act"') :]
    action = re.search(r'action="([^"]+)"', html)
    assert action
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', html)
    return unescape(action.group(1)), {name: value for name, value in fields if name != "csrf"}


def carried_out(person: Person, plan: str, reason: str = "CRM починили") -> Shown:
    """What the page shows after the plan was carried out."""
    action, fields = form(person.get(plan))
    return person.done(action, **fields, reason=reason)


def parked(console: ConsoleSite, count: int) -> list[int]:
    """So many calls with a comment that was stopped each; their comments' numbers."""
    found = []
    for number in range(count):
        found.append(console.deliveries_of(console.report(f"c-{number}", CALLS, ago=1))[0])
        console.park(found[-1])
    return found


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/console/deliveries/plan?undone=1", "Не сказано, что сделать"),
        ("/console/deliveries/plan?act=retry", "Не сказано, какие доставки"),
        ("/console/deliveries/plan?act=retry&id=x", "не номер"),
        ("/console/deliveries/plan?act=retry&again=abc", "Такого действия нет"),
        ("/console/calls/replay", "Не сказано, какие звонки"),
        ("/console/events/plan?act=retry&id=7", "События нет"),
        ("/console/events/plan", "Не сказано, что сделать"),
    ],
)
def test_a_plan_of_nothing_that_can_be_meant_is_refused(console: ConsoleSite, path: str, told: str) -> None:
    page = console.person("admin").get(path)
    assert (page.status, told in page.text) == (422, True), page.text


def test_an_act_without_a_reason_shows_the_plan_again_and_does_nothing(console: ConsoleSite) -> None:
    parked(console, 1)
    person = console.person("supervisor")
    action, fields = form(person.get("/console/deliveries/plan?act=retry&state=parked"))
    page = person.post(action, **fields, reason="  ")
    assert (page.status, "Напишите, зачем" in page.text) == (422, True)
    assert console.rows(acts) == []


def test_what_has_changed_since_the_plan_is_planned_again(console: ConsoleSite) -> None:
    parked(console, 1)
    person = console.person("supervisor")
    action, fields = form(person.get("/console/deliveries/plan?act=cancel&state=parked"))
    console.park(console.deliveries_of(console.report("new", CALLS, ago=1))[0])
    page = person.post(action, **fields, reason="ошибка")
    assert (page.status, "стало другое число" in page.text) == (422, True)
    assert console.rows(acts) == []


def test_a_form_that_was_made_up_is_refused(console: ConsoleSite) -> None:
    page = console.person("admin").post("/console/deliveries/plan?act=retry&undone=1", act_id="../x", reason="x")
    assert (page.status, "Страница устарела" in page.text) == (422, True)


# --- deliveries ------------------------------------------------------------------------------------


def test_all_that_match_are_retried_not_the_page_and_each_has_its_result(console: ConsoleSite) -> None:
    stopped = parked(console, 60)
    person = console.person("supervisor", "петрова")
    assert "Повторить: 60" in person.get("/console/deliveries/plan?act=retry&state=parked").text
    page = carried_out(person, "/console/deliveries/plan?act=retry&state=parked")
    assert "Сделано: 60 из 60" in page.text
    assert "петрова: CRM починили" in page.text
    assert page.text.count("ищем в CRM; чего нет — отправим") == 60
    assert {row["state"] for row in console.rows(deliveries) if row["id"] in stopped} == {"unknown"}
    told = console.rows(acts)
    assert len(told) == 60
    assert {(row["act"], row["by"], row["why"]) for row in told} == {("retry", "петрова", "CRM починили")}


def test_a_plan_names_the_promises_that_a_cancellation_breaks(console: ConsoleSite) -> None:
    console.report("c-1", CALLS, ago=1)
    page = console.person("supervisor").get("/console/deliveries/plan?act=cancel&undone=1")
    assert "Этим нарушаются обещания клиентам, звонков: 1" in page.text
    assert "комментарий в карточку, напоминание, письмо" in page.text


def test_sending_a_form_twice_does_it_once(console: ConsoleSite) -> None:
    parked(console, 2)
    person = console.person("supervisor")
    action, fields = form(person.get("/console/deliveries/plan?act=retry&state=parked"))
    first = person.post(action, **fields, reason="CRM починили")
    again = person.post(action, **fields, reason="CRM починили")
    assert first.to == again.to
    assert len(console.rows(acts)) == 2
    assert len(console.rows(bulk_acts)) == 1


def test_those_that_failed_are_planned_again_alone(console: ConsoleSite) -> None:
    first, second = parked(console, 2)
    moment = console.clock()
    console.change(first, state="leased", finished_at=None, owner="w", lease_until=moment, sent_at=None)
    person = console.person("supervisor")
    page = carried_out(person, "/console/deliveries/plan?act=retry&kind=comment")
    assert "Сделано: 1 из 2. Не получилось: 1." in page.text
    assert "отправляется прямо сейчас" in page.text
    again = re.search(r'href="([^"]+)">Ещё раз', page.html)
    assert again
    console.park(first)
    page = carried_out(person, unescape(again.group(1)))
    assert "Сделано: 1 из 1." in page.text
    assert console.rows(deliveries, id=second)[0]["state"] == "unknown"


def test_one_delivery_is_shown_with_its_attempts_and_what_was_done_by_hand(console: ConsoleSite) -> None:
    (one,) = parked(console, 1)
    person = console.person("supervisor")
    carried_out(person, f"/console/deliveries/plan?act=cancel&id={one}", "клиент передумал")
    page = person.get(f"/console/deliveries/{one}")
    assert "отправка: не сделано" in page.text
    assert "отмена, supervisor-1: клиент передумал" in page.text


# --- calls -----------------------------------------------------------------------------------------


def all_at_once(content: dict[str, Any]) -> None:
    """Whoever refuses calls is taken out of everything."""
    for rule in content["survey_opt_out/rules.toml"]["rule"]:
        if rule["id"] == "1":
            rule["outcome"] = "exclude_all"


def test_calls_are_decided_again_by_a_plan_with_a_result_for_each(console: ConsoleSite) -> None:
    changed = [console.report(f"c-{number}", CALLS, ago=1) for number in range(3)]
    console.report("o-1", ONLINE, ago=1)
    console.rules.activate(edited_rules(all_at_once), "admin", "change")
    admin = console.person("admin")
    plan = "/console/calls/replay?since=2026-11-20&rules=today"
    assert "Звонков: 4. Изменится: 3, без изменений: 1, не трогать: 0." in admin.get(plan).text
    assert "Изменится: 0" in admin.get("/console/calls/replay?since=2026-11-20").text
    page = carried_out(admin, plan, "ошибка в правилах")
    assert "Сделано: 3 из 4." in page.text
    assert {row["outcome"] for row in console.rows(calls) if row["id"] in changed} == {"exclude_all"}
    assert [row["act"] for row in console.rows(acts)] == ["replay"] * 3


# --- events ----------------------------------------------------------------------------------------


def keep(console: ConsoleSite, number: int, **more: Any) -> None:
    at = {"received_at": console.clock(), "not_before": console.clock()}
    row = {"connector": "testcrm", "kind": "call", "record": str(number), "digest": str(number), "reports": 1}
    row |= {"state": "parked", "attempts": 3, "faults": 0, "why": "the CRM answered 404", **at, **more}
    with console.ledger.write() as connection:
        connection.execute(insert(kept_references), row)


def test_events_are_tried_again_or_dropped_with_a_result_for_each(console: ConsoleSite) -> None:
    for number in range(3):
        keep(console, number)
    keep(console, 9, owner="worker", state="waiting")
    admin = console.person("admin")
    assert "Разобрать ещё раз: 4" in admin.get("/console/events/plan?act=retry").text
    page = carried_out(admin, "/console/events/plan?act=retry")
    assert "Сделано: 3 из 4. Не получилось: 1." in page.text
    assert "разбирается прямо сейчас" in page.text
    assert {row["state"] for row in console.rows(kept_references)} == {"waiting"}
    dropped = carried_out(admin, "/console/events/plan?act=drop&id=1", "лишнее")
    assert "Сделано: 1 из 1." in dropped.text
    assert console.rows(kept_references, id=1)[0]["state"] == "dropped"


def test_an_act_that_is_not_there_is_told_as_a_page(console: ConsoleSite) -> None:
    assert console.person("supervisor").get("/console/acts/nothing").status == 404
