"""Calls in the console: found by what people know of them, and one call with all that belongs to it."""

from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from sqlalchemy import update

from plugin.ledger.schema import calls
from tests.plugin.events.support import CALLS, HALF, ONLINE, OTHER_CLIENT
from tests.plugin.web.console.busy_day import MARKUP, fill
from tests.plugin.web.console.console_site import ConsoleSite, Person


def numbers(html: str) -> list[int]:
    """The calls of a list."""
    return [int(found) for found in re.findall(r'class="row-link" href="/console/calls/(\d+)"', html)]


def found(person: Person, **filters: str) -> list[int]:
    return numbers(person.get(f"/console/calls?{urlencode(filters)}").html)


# --- the list --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("phone=моб", "Номер: в нём нет ни одной цифры"),
        ("state=lost", "Состояние: такого нет"),
        ("since=вчера", "С: «вчера» не похоже на время"),
        ("after=x", "Дальше: «x» не номер"),
        ("after=99999999999", "не номер"),
    ],
)
def test_a_filter_that_cannot_be_meant_is_named(console: ConsoleSite, query: str, told: str) -> None:
    page = console.person("supervisor").get(f"/console/calls?{query}")
    assert page.status == 422
    assert told in page.text


def test_calls_are_found_by_all_that_people_know_of_them(console: ConsoleSite) -> None:
    one = console.report(
        "c-1",
        CALLS,
        ago=1,
        call={"phone": "+79031112233", "operator": "petrova"},
        card={"id": "5", "name": "Пётр Ёлкин"},
    )
    two = console.report("c-2", ONLINE, ago=50, call={"phone": "+79057654321"}, card={"id": "6", "name": "Анна Белова"})
    half = console.report("c-3", HALF, ago=2, call={"phone": None}, card={"id": "7", "name": None})
    console.park(console.deliveries_of(two)[0])
    person = console.person("supervisor")
    assert found(person) == [one, half, two]
    for filters, wanted in (
        ({"phone": "8 (903) 111-22-33"}, [one]),
        ({"phone": "7654"}, [two]),
        ({"name": "елкин"}, [one]),
        ({"name": "БЕЛОВА анна"}, [two]),
        ({"card": "7"}, [half]),
        ({"operator": "petrova"}, [one]),
        ({"outcome": "exclude_mailings"}, [two]),
        ({"state": "parked"}, [two]),
        ({"since": "2026-11-22", "until": "2026-11-23"}, [one, half]),
        ({"until": "2026-11-22"}, [two]),
        ({"name": "ёлкин", "phone": "7654"}, []),
    ):
        assert found(person, **filters) == wanted, filters


def test_each_filter_is_a_chip_that_leads_to_the_list_without_it(console: ConsoleSite) -> None:
    page = console.person("admin").get("/console/calls?name=Ёлкин&outcome=exclude_calls&since=2026-11-20")
    chips = dict(re.findall(r'class="chip" href="([^"]+)">([^<]+)<', page.html))
    assert list(chips.values()) == ["имя: Ёлкин", "итог: исключить из звонков с опросом", "с 20.11.2026"]
    without_name = next(iter(chips))
    assert "name=" not in without_name
    assert "since=2026-11-20" in without_name
    assert "Под эти условия звонков нет." in page.text


def test_pages_follow_each_other_without_a_gap_or_a_repeat(console: ConsoleSite) -> None:
    made = [console.report(f"c-{number}", HALF, ago=number / 100) for number in range(1, 121)]
    person, path, seen = console.person("supervisor"), "/console/calls?name=Анна", []
    while path:
        page = person.get(path)
        seen += numbers(page.html)
        more = re.search(r'href="([^"]+)" rel="next"', page.html)
        path = more.group(1).replace("&amp;", "&") if more else ""
    assert seen == made


# --- one call --------------------------------------------------------------------------------------


def test_a_call_that_is_not_there_is_told_as_a_page(console: ConsoleSite) -> None:
    page = console.person("admin").get("/console/calls/99")
    assert (page.status, "Такого звонка нет" in page.text) == (404, True)


def test_a_call_is_one_line_of_time_measured_against_its_promise(console: ConsoleSite) -> None:
    id_ = console.report("c-1", CALLS, ago=3)
    first = console.deliveries_of(id_)[0]
    console.attempt(first, at=console.clock(), outcome="unknown", why="timed out")
    console.attempt(first, at=console.clock(), step="look_up", outcome="found")
    page = console.person("supervisor").get(f"/console/calls/{id_}")
    line = page.text.partition("Как шло")[2].partition("Почему так")[0]
    told = ["Ответ клиента", "Решено: исключить из звонков", "отправка — неизвестно, дошло ли", "поиск в CRM — найдено"]
    places = [line.index(words) for words in (*told, "Обещанный срок")]
    assert places == sorted(places)
    assert "Не сделано: 3. До обещанного срока 21 ч." in page.text
    assert "Клиент просит исключить из звонков с опросом" in page.text


@pytest.mark.parametrize(
    ("after", "told"), [(0.01, "Всё записано за 36 с, в обещанный срок."), (26, "Записано с опозданием на 2 ч.")]
)
def test_what_was_done_is_measured_in_a_sentence(console: ConsoleSite, after: float, told: str) -> None:
    id_ = console.report("c-1", CALLS, ago=48)
    console.done(id_, after=after)
    assert told in console.person("supervisor").get(f"/console/calls/{id_}").text


def test_why_is_a_sentence_and_then_rule_by_rule_by_that_day_or_today(console: ConsoleSite) -> None:
    id_, person = console.report("c-1", ONLINE, ago=1), console.person("supervisor")
    page = person.get(f"/console/calls/{id_}")
    assert "Исключён из рассылок" in page.text
    assert "По правилам того дня" in page.text
    assert "section-1-kind" in page.text
    today = person.get(f"/console/calls/{id_}?rules=today")
    assert "По сегодняшним правилам" in today.text


def test_a_call_that_nothing_was_decided_of_says_what_is_lacking(console: ConsoleSite) -> None:
    page = console.person("supervisor").get(f"/console/calls/{console.report('c-1', HALF, ago=1)}")
    assert "Разговор не завершён" in page.text
    assert "Не завершён: нет ответа на вопрос" in page.text


def test_only_admins_are_offered_to_decide_again(console: ConsoleSite) -> None:
    id_ = console.report("c-1", CALLS, ago=1)
    shown = {
        role: "Решить заново" in console.person(role).get(f"/console/calls/{id_}").text
        for role in ("supervisor", "admin")
    }
    assert shown == {"supervisor": False, "admin": True}


# --- foreign texts ---------------------------------------------------------------------------------


def test_markup_in_any_field_is_shown_as_text(console: ConsoleSite) -> None:
    id_ = console.report(
        MARKUP,
        OTHER_CLIENT | {"client_name": MARKUP},
        ago=1,
        call={"operator": MARKUP},
        card={"id": MARKUP, "name": MARKUP, "type": MARKUP, "url": None},
        note=MARKUP,
    )
    for delivery in console.deliveries_of(id_):
        console.park(delivery, MARKUP)
        console.change(delivery, remote_id=MARKUP, assignee={"user": MARKUP, "address": MARKUP}, role=MARKUP)
    with console.ledger.write() as connection:
        connection.execute(update(calls).values(card_url="javascript:alert(1)"))
    admin = console.person("admin")
    pages = [
        "/console/",
        "/console/calls",
        f"/console/calls/{id_}",
        f"/console/calls/{id_}?rules=today",
        "/console/deliveries",
        f"/console/deliveries/{console.deliveries_of(id_)[0]}",
        "/console/deliveries/plan?act=cancel&undone=1",
        f"/console/calls/replay?ids={id_}",
        *(f"/console/calls?{urlencode({name: MARKUP})}" for name in ("name", "card", "operator", "outcome", "script")),
        f"/console/deliveries?{urlencode({'why': MARKUP, 'call': MARKUP})}",
        f"/console/suppression?{urlencode({'number': MARKUP, 'scope': MARKUP})}",
        f"/console/users/person?{urlencode({'login': MARKUP})}",
        f"/console/events?{urlencode({'state': MARKUP})}",
    ]
    for path in pages:
        page = admin.get(path)
        assert page.status in (200, 404, 422), path
        assert "<script>alert" not in page.html, path
        assert "<img" not in page.html, path
        assert 'href="javascript' not in page.html, path


# --- size ------------------------------------------------------------------------------------------


def test_no_page_of_a_busy_day_is_larger_than_150_kilobytes(console: ConsoleSite) -> None:
    busy = fill(console)
    for number in range(80):
        console.report(f"more-{number}", CALLS, ago=1 + number / 60, card={"name": "Ъ" * 200})
    for number in range(250):
        console.person("operator", f"operator-{number:03}")
    admin = console.person("admin")
    paths = ["/console/", "/console/calls", "/console/deliveries", "/console/users", "/console/suppression"]
    paths += [f"/console/calls/{busy['stopped']}", "/console/deliveries/plan?act=retry&undone=1"]
    paths += ["/console/calls/replay?outcome=exclude_mailings&rules=today", "/console/missing", "/console/acts"]
    sizes = {path: len(admin.get(path).html.encode()) for path in paths}
    assert {path: size for path, size in sizes.items() if size > 150_000} == {}
