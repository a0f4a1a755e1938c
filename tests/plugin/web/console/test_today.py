"""The first page: what needs somebody now, and nothing to do that looks like nothing to do."""

from __future__ import annotations

import re

from tests.plugin.events.support import CALLS, NONE
from tests.plugin.web.console.busy_day import fill
from tests.plugin.web.console.console_site import ConsoleSite

CALM = "Всё в порядке, делать ничего не нужно."


def tiles(html: str) -> dict[str, int]:
    """What the tiles count, by their titles."""
    found = re.findall(r'class="number">(\d+)</span> <strong>([^<]+)</strong>', html)
    return {title: int(count) for count, title in found}


def test_nothing_to_do_looks_like_nothing_to_do(console: ConsoleSite) -> None:
    for role in ("supervisor", "editor", "admin"):
        page = console.person(role).get("/console/")
        assert CALM in page.text
        assert tiles(page.html) == {}


def test_what_is_done_in_time_needs_nobody(console: ConsoleSite) -> None:
    call = console.report("c-1", CALLS, ago=30)
    console.done(call)
    console.fulfilled(call)
    page = console.person("supervisor").get("/console/")
    assert CALM in page.text
    assert "Обещания за 30 дней: 1" in page.text


def test_what_people_were_reminded_of_and_have_not_done_needs_somebody(console: ConsoleSite) -> None:
    for call, ago in (("forgotten", 26), ("near", 21), ("young", 5), ("long-ago", 72)):
        console.done(console.report(call, CALLS, ago=ago))
    console.book()
    page = console.person("supervisor").get("/console/")
    assert CALM not in page.text
    assert tiles(page.html) == {"обещания нарушены": 2}
    pressing = page.text.partition("Самое срочное")[2].partition("Когда были на связи")[0]
    assert re.findall(r"срок прошёл [^ ]+ ч|осталось [^ ]+ ч", pressing) == ["срок прошёл 2 ч", "осталось 3 ч"]
    assert pressing.count("записано, но ещё не исполнено") == 2


def test_a_day_shows_what_became_of_its_promises(console: ConsoleSite) -> None:
    for number, (after, fulfilled) in enumerate([(1, 2), (1, 25), (1, 3), (1, None)]):
        call = console.report(f"c-{number}", CALLS, ago=50)
        console.done(call, after=after)
        if fulfilled:
            console.fulfilled(call, after=fulfilled)
    console.report("none", NONE, ago=50)
    console.book()
    page = console.person("supervisor").get("/console/")
    assert "Обещания за 30 дней: 4" in page.text
    row = re.search(r"21\.11\.2026</a></th>(.*?)</tr>", page.html)
    assert row
    assert re.findall(r"<td>(\d+)</td>", row[1]) == ["4", "2", "1", "1", "0"]


def test_everything_that_needs_somebody_is_counted_and_leads_to_where_it_is(console: ConsoleSite) -> None:
    fill(console)
    person = console.person("supervisor")
    page = person.get("/console/")
    assert tiles(page.html) == {
        "просрочено": 1,
        "обещания нарушены": 1,
        "под угрозой": 1,
        "остановлено": 1,
        "звонки после отказа за сутки": 1,
        "события без разбора": 1,
        "события ждут": 1,
        "нет нужного ответа": 1,
    }
    assert CALM not in page.text
    for link in re.findall(r'<li class="tile[^>]*><a href="([^"]+)"', page.html):
        shown = person.get(link.replace("&amp;", "&"))
        assert shown.status == 200, link
        assert 'class="empty"' not in shown.html, link


def test_the_most_urgent_call_stands_first(console: ConsoleSite) -> None:
    fill(console)
    urgent = console.person("supervisor").get("/console/").text.partition("Самое срочное")[2]
    assert urgent.index("Сидорова Мария") < urgent.index("Ёлкин Пётр")
    assert "срок прошёл 6 ч назад" in urgent
    assert "осталось 3 ч" in urgent


def test_the_days_are_counted_by_the_deployments_calendar_and_anew_after_a_minute(console: ConsoleSite) -> None:
    person = console.person("admin")
    console.report("night", CALLS, ago=10.5)
    page = person.get("/console/")
    # 23.11 10:15 in Moscow less ten and a half hours is the evening before.
    assert re.search(r"22\.11\.2026</a></th><td>1</td>", page.html)
    console.report("now", CALLS)
    assert "Обещания за 30 дней: 1" in person.get("/console/").text
    console.clock.forward(minutes=2)
    assert "Обещания за 30 дней: 2" in person.get("/console/").text


def test_an_editor_sees_no_clients_on_the_first_page(console: ConsoleSite) -> None:
    fill(console)
    page = console.person("editor").get("/console/")
    assert tiles(page.html) == {"нет нужного ответа": 1}
    assert "Сидорова" not in page.text


def test_sources_and_the_crm_are_told_by_when_they_were_last_heard(console: ConsoleSite) -> None:
    page = console.person("admin").get("/console/")
    assert "Источник telephony ещё ничего не присылал" in page.text
    assert "CRM и почта приняли ещё ничего не отправляли" in page.text
    console.done(console.report("c-1", CALLS, ago=2))
    assert "2 ч назад" in console.person("admin").get("/console/").text.replace("1 ч 59 мин", "2 ч")


def test_alerts_stand_with_what_to_do_here(console: ConsoleSite) -> None:
    fill(console)
    page = console.person("supervisor").get("/console/alerts")
    assert "Источник crm: за 4 рабочих часов ни одного события" in page.text
    assert "Письма об этом никому не отправляются" in page.text
