"""Every kind of screen: nothing that axe-core finds fault with, and usable on 360 px and with the font doubled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page as Tab

from tests.browser.page_site import Site, exact, press, saved, screen, type_answer

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: A control that cannot be clicked by then is covered by another; milliseconds.
REACHED = 20_000


def hint(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    screen(tab, "question")


def phrase_with_answers(site: Site, tab: Tab) -> None:
    hint(site, tab)
    press(tab, "1", "3")


def typed(site: Site, tab: Tab) -> None:
    hint(site, tab)
    press(tab, "2", "1")
    tab.keyboard.press("Enter")
    tab.locator("#typed-fault").wait_for()


def no_answer_fits(site: Site, tab: Tab) -> None:
    hint(site, tab)
    press(tab, "0")


def asked_again(site: Site, tab: Tab) -> None:
    no_answer_fits(site, tab)
    tab.keyboard.type("не знаю")
    tab.keyboard.press("Enter")
    tab.locator(".again").wait_for()


def broken_off(site: Site, tab: Tab) -> None:
    hint(site, tab)
    press(tab, "1")
    tab.keyboard.press("g")


def ending(site: Site, tab: Tab) -> None:
    hint(site, tab)
    press(tab, "1", "3", "1")
    exact(tab)


def ending_of_another_client(site: Site, tab: Tab) -> None:
    hint(site, tab)
    press(tab, "2", "1")
    type_answer(tab, "Иванова Анна Петровна")
    press(tab, "2", "1")
    exact(tab)
    tab.get_by_text("Если его карточка не найдётся").click()


def handing_over(site: Site, tab: Tab) -> None:
    broken_off(site, tab)
    tab.get_by_role("button", name="Передать координатору").click()
    exact(tab)


def not_sent_yet(site: Site, tab: Tab) -> None:
    tab.route("**/operator/confirm?*", lambda route: route.abort())
    ending(site, tab)
    press(tab, "Enter")
    tab.get_by_text("ещё не передано").wait_for()


def being_written(site: Site, tab: Tab) -> None:
    ending(site, tab)
    press(tab, "Enter")
    tab.get_by_text("Записывается…").wait_for()


def corrected(site: Site, tab: Tab) -> None:
    being_written(site, tab)
    tab.get_by_role("button", name="Исправить итог").click()
    press(tab, "Backspace")


def beginning(site: Site, tab: Tab) -> None:
    site.users.add("ivanova", "operator", "верная лошадь батарея")
    tab.goto(f"{site.url}/operator/")
    tab.get_by_label("Логин").fill("ivanova")
    tab.get_by_label("Пароль").fill("верная лошадь батарея")
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Начать разговор").click()
    tab.locator("#fault").wait_for()


def calls_of_the_day(site: Site, tab: Tab) -> None:
    beginning(site, tab)
    tab.get_by_label("Телефон клиента").fill("+79160000001")
    tab.keyboard.press("Enter")
    screen(tab, "question")
    press(tab, "1")
    saved(tab)
    tab.goto(f"{site.url}/operator/")
    tab.locator(".calls li").wait_for()


def number_and_card(site: Site, tab: Tab) -> None:
    hint(site, tab)
    tab.locator("#client-change").click()
    tab.get_by_label("Телефон клиента").wait_for()


def signing_in_over_the_page(site: Site, tab: Tab) -> None:
    hint(site, tab)
    tab.evaluate("document.getElementById('sign-in').showModal()")
    tab.get_by_label("Логин").wait_for()


SCREENS: list[Callable[[Site, Tab], None]] = [
    hint,
    phrase_with_answers,
    typed,
    no_answer_fits,
    asked_again,
    broken_off,
    ending,
    ending_of_another_client,
    handing_over,
    not_sent_yet,
    being_written,
    corrected,
    beginning,
    calls_of_the_day,
    number_and_card,
    signing_in_over_the_page,
]


#: Width, height, and how large letters are.
ROOMS = [(360, 740, 100), (1280, 800, 200), (640, 800, 200)]


def faults(tab: Tab) -> list[str]:
    """What axe finds, each with where it is."""
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE)
    found: Any = tab.evaluate("tags => axe.run(document, {runOnly: tags})", TAGS)
    return [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


def out_of_reach(tab: Tab) -> list[str]:
    """The controls that nobody can get at, with why; the page itself must not scroll sideways."""
    scope = "dialog[open]" if tab.locator("dialog[open]").count() else "body"
    found = []
    for control in tab.locator(f"{scope} button, {scope} textarea, {scope} input:not([type=hidden])").all():
        if not control.is_visible() or control.is_disabled():
            continue
        try:
            control.scroll_into_view_if_needed(timeout=REACHED)
            control.click(trial=True, timeout=REACHED)
        except PlaywrightError as error:
            found.append(f"{control.evaluate('one => one.outerHTML')}: {error}")
    return found


@pytest.mark.parametrize("show", SCREENS, ids=lambda show: show.__name__)
def test_axe_finds_nothing_and_no_control_is_out_of_reach_on(
    site: Site, open_context: Callable[..., BrowserContext], show: Callable[[Site, Tab], None]
) -> None:
    tab = open_context(reduced_motion="reduce").new_page()
    show(site, tab)
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        assert faults(tab) == [], scheme
    tab.emulate_media(color_scheme="light", reduced_motion="no-preference")
    for width, height, font in ROOMS:
        tab.set_viewport_size({"width": width, "height": height})
        tab.evaluate("size => { document.documentElement.style.fontSize = size; }", f"{font}%")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert out_of_reach(tab) == [], (width, height, font)


def test_the_focus_is_on_the_phrase_after_each_answer_and_on_what_is_to_be_typed(site: Site, tab: Tab) -> None:
    hint(site, tab)
    focused = "document.activeElement.id"
    assert tab.evaluate(focused) == "phrase"
    press(tab, "2")
    assert tab.evaluate(focused) == "phrase"
    press(tab, "1")
    assert tab.evaluate(focused) == "typed"
    press(tab, "Backspace")
    assert tab.evaluate(focused) == "phrase"


def test_what_the_page_tells_is_read_out(site: Site, tab: Tab) -> None:
    hint(site, tab)
    assert tab.locator("#notices").get_attribute("aria-live") == "polite"
    being_written(site, tab)

    assert tab.locator("#stage [role=status]").count() >= 1
