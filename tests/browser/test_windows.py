"""One call in several windows, rules published meanwhile, ways in that do not hold, and texts that would be markup."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from plugin.auth.links import Links
from plugin.common.clock import utc_now
from tests.browser.page_site import KEY, Site, phrase, press, saved, screen, type_answer

EVIL = "<img src=x onerror=\"document.title='gone'\"><script>document.title='gone'</script>"
EVIL_NAME = EVIL[:190]


# --- windows ---------------------------------------------------------------------------------------


def test_two_tabs_show_the_same_and_the_other_one_is_told(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context, call = open_context(), site.call()
    one, other = context.new_page(), context.new_page()
    one.goto(site.link(call))
    other.goto(site.link(call))
    press(one, "1", "3")
    other.get_by_text("открыт ещё в одной вкладке").wait_for()
    assert phrase(other) == phrase(one)
    press(other, "4", "Enter")
    screen(other, "done")
    screen(one, "done")

    assert site.outcome(call.id) == "none"
    assert len([event for event in site.events(call.id) if event["final"]]) == 1


def test_of_two_machines_the_later_answer_counts_and_the_other_one_is_told(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    call = site.call()
    one, other = open_context().new_page(), open_context().new_page()
    one.goto(site.link(call))
    other.goto(site.link(call, "Сидорова Ольга"))
    press(one, "1")
    saved(one)
    press(other, "2")
    saved(other)
    assert other.locator("#trail .said").all_inner_texts() == ["Нет, не имеет отношения"]
    one.evaluate("dispatchEvent(new Event('online'))")
    one.get_by_text("продолжен в другом окне (Сидорова Ольга)").wait_for()

    assert phrase(one) == phrase(other)
    assert [entry["value"] for entry in site.trail(call.id)["entries"]] == [False]


def test_a_late_answer_of_a_window_left_behind_is_not_lost_nor_mixed_in(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    call = site.call()
    one, other = open_context().new_page(), open_context().new_page()
    one.goto(site.link(call))
    other.goto(site.link(call))
    press(other, "2")
    saved(other)
    press(one, "1")
    saved(one)

    # The later one counts, whole; the merged record has no answer that nobody gave on this path.
    assert [entry["value"] for entry in site.trail(call.id)["entries"]] == [True]
    press(one, "1", "Enter")
    screen(one, "done")
    assert site.facts(call.id) == {"related_to_car": True, "survey_type": "calls"}


# --- rules published meanwhile ---------------------------------------------------------------------


def test_a_revision_published_during_a_call_does_not_change_it(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    tab, call = open_context().new_page(), site.call()
    tab.goto(site.link(call))
    press(tab, "1")
    saved(tab)
    old, asked = site.rules.current().revision, phrase(tab)
    new = site.publish(asked, "От чего Вы хотите отказаться?")
    assert new != old
    tab.reload()
    assert phrase(tab) == asked
    press(tab, "3")
    saved(tab)
    press(tab, "1", "Enter")
    screen(tab, "done")
    assert {event["revision"] for event in site.events(call.id)} == {old}

    fresh = open_context().new_page()
    fresh.goto(site.link(site.call()))
    press(fresh, "1")
    assert phrase(fresh) == "От чего Вы хотите отказаться?"


def test_what_the_server_decides_otherwise_is_shown_and_confirmed_again(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    # As if the page had the closing phrase of other rules than the server.
    tab.route("**/operator/foresee?*", lambda route: route.abort())
    press(tab, "1", "1")
    screen(tab, "ending")
    tab.route(
        "**/operator/confirm?*",
        lambda route: route.continue_(post_data=(route.request.post_data or "").replace('"exclude_calls"', '"none"')),
        times=1,
    )
    press(tab, "Enter")
    tab.get_by_text("Итог изменился").wait_for()
    assert site.outcome(call.id) is None
    press(tab, "Enter")
    screen(tab, "done")

    assert site.outcome(call.id) == "exclude_calls"


# --- ways in ---------------------------------------------------------------------------------------


def test_an_expired_link_says_what_to_do(site: Site, tab: Tab) -> None:
    past = Links([KEY], f"{site.url}/operator/open", timedelta(minutes=30), lambda: utc_now() - timedelta(hours=2))
    answer = tab.goto(past.make("ivanova", site.call()))

    assert answer is not None
    assert answer.status == 410
    assert "Ссылка больше не действует" in tab.inner_text("body")


@pytest.mark.parametrize("change", [("c-1", "c-2"), ("phone=", "phone=7"), ("sign=", "sign=00")])
def test_a_forged_link_opens_nothing(site: Site, tab: Tab, change: tuple[str, str]) -> None:
    link = site.link(site.call(id="c-1"))
    assert change[0] in link
    answer = tab.goto(link.replace(*change))

    assert answer is not None
    assert answer.status == 403
    assert tab.locator("#stage").count() == 0


def test_a_visit_for_one_call_opens_no_other(site: Site, tab: Tab) -> None:
    own, other = site.call(), site.call()
    tab.goto(site.link(own))
    answer = tab.goto(f"{site.url}/operator/?call={other.id}")

    assert answer is not None
    assert answer.status == 403


def test_who_signs_in_begins_a_call_without_a_crm(site: Site, tab: Tab) -> None:
    site.users.add("ivanova", "operator", "верная лошадь батарея")
    tab.goto(f"{site.url}/operator/")
    tab.get_by_label("Логин").fill("ivanova")
    tab.get_by_label("Пароль").fill("верная лошадь батарея")
    tab.keyboard.press("Enter")
    tab.get_by_label("Телефон клиента").wait_for()
    tab.keyboard.press("Enter")
    assert "иначе запись некуда сделать" in tab.inner_text("#fault")
    tab.get_by_label("Телефон клиента").fill("8 916 123-45-67")
    tab.get_by_label("Имя клиента").fill("Иванов Иван Иванович")
    tab.keyboard.press("Enter")
    screen(tab, "question")
    assert "+7 916 123-45-67" in tab.inner_text("header")
    press(tab, "1", "1", "Enter")
    screen(tab, "done")

    call = tab.url.split("call=")[1]
    assert site.outcome(call) == "exclude_calls"
    assert site.trail(call)["operator"] == "ivanova"


# --- texts that would be markup --------------------------------------------------------------------


def test_nothing_that_anybody_wrote_becomes_markup(site: Site, tab: Tab) -> None:
    site.publish(
        'hint = "Уточните ФИО клиента, ответившего по номеру"',
        "hint = '''<b>Уточните</b> </script><script>document.title=\"gone\"</script>'''",
    )
    site.publish("Является клиентом", "<i onclick=1>Является</i> клиентом")
    call = site.call(name=EVIL_NAME)
    tab.goto(site.link(call, operator=EVIL_NAME))
    title = tab.title()
    assert title.startswith(EVIL_NAME)
    tab.locator("#note").fill(EVIL)
    tab.keyboard.press("Escape")
    press(tab, "2", "1")
    assert phrase(tab) == '<b>Уточните</b> </script><script>document.title="gone"</script>'
    tab.get_by_role("button", name="Нет нужного ответа").click()
    tab.keyboard.type(EVIL)
    tab.keyboard.press("Enter")
    tab.locator("#typed").focus()
    type_answer(tab, EVIL)
    press(tab, "1")
    screen(tab, "ending")
    assert EVIL in tab.locator(".result").inner_text()
    tab.reload()
    screen(tab, "ending")
    press(tab, "Enter")
    screen(tab, "done")

    assert tab.title() == title
    assert tab.locator("#stage img, #stage script, #trail img, #stage b, header img").count() == 0


# --- clocks ----------------------------------------------------------------------------------------


def test_a_machine_whose_clock_is_wrong_dates_its_answers_by_the_server(site: Site, tab: Tab) -> None:
    tab.add_init_script("const real = Date.now.bind(Date); Date.now = () => real() + 5 * 3600 * 1000;")
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    saved(tab)

    times = [datetime.fromisoformat(entry["at"]) for entry in site.trail(call.id)["entries"]]
    assert all(abs(datetime.now(UTC) - at) < timedelta(minutes=2) for at in times)
    assert site.outcome(call.id) == "exclude_calls"
