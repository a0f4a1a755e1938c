"""Each key that is shown works, on each layout, and where it does not it is not shown; notes and words stay."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page as Tab

from tests.browser.page_site import Site, phrase, press, saved, screen, seen

_PRESS = """([key, code]) => document.activeElement.dispatchEvent(
    new KeyboardEvent('keydown', {key, code, bubbles: true, cancelable: true}))"""


def strike(tab: Tab, key: str, code: str) -> None:
    """A key as some layout reports it."""
    tab.evaluate(_PRESS, [key, code])


@pytest.mark.parametrize(
    ("key", "code", "opens"),
    [
        ("п", "KeyG", "broken"),  # ЙЦУКЕН
        ("g", "KeyG", "broken"),
        ("п", "KeyP", "broken"),  # phonetic
        ("п", "", "broken"),  # on-screen
        ("з", "KeyP", "note"),
        ("p", "KeyP", "note"),
        ("з", "KeyZ", "note"),
        ("З", "", "note"),
    ],
)
def test_letters_work_on_each_layout(site: Site, tab: Tab, key: str, code: str, opens: str) -> None:
    tab.goto(site.link(site.call()))
    screen(tab, "question")
    strike(tab, key, code)

    if opens == "broken":
        assert tab.locator("#broken").evaluate("dialog => dialog.open")
    else:
        assert tab.evaluate("document.activeElement.id") == "note"


@pytest.mark.parametrize(("key", "code"), [("1", ""), ("1", "Numpad1"), ("End", "Numpad1"), ("1", "Digit1")])
def test_digits_work_wherever_they_come_from(site: Site, tab: Tab, key: str, code: str) -> None:
    tab.goto(site.link(site.call()))
    screen(tab, "question")
    seen(tab)
    strike(tab, key, code)

    assert phrase(tab).startswith("Уточните, пожалуйста, Вы хотите отказаться")


def test_while_an_answer_is_typed_letters_are_letters_until_esc(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    press(tab, "2", "1")
    tab.keyboard.type("Иванова 0п")
    assert tab.locator("#typed").input_value() == "Иванова 0п"
    assert not tab.locator(".others kbd").first.is_visible()
    tab.keyboard.press("Escape")
    assert tab.locator(".others kbd").first.is_visible()
    strike(tab, "п", "KeyG")

    assert tab.locator("#broken").evaluate("dialog => dialog.open")


def test_keys_that_are_switched_off_are_not_shown(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    screen(tab, "question")
    assert tab.locator("#stage kbd").first.is_visible()
    tab.locator("#hotkeys").uncheck()

    assert not any(cap.is_visible() for cap in tab.locator("kbd").all())


def test_words_that_no_answer_fits_stay_when_the_dialog_is_left(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    screen(tab, "question")
    press(tab, "0")
    tab.keyboard.type("по вечерам не звоните")
    tab.keyboard.press("Escape")
    press(tab, "0")

    assert tab.locator("#other-text").input_value() == "по вечерам не звоните"


def test_notes_stand_in_the_trail_and_the_field_says_where_they_go(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    screen(tab, "question")
    assert "её увидит координатор" in tab.locator("#note-help").inner_text()
    tab.locator("#note").fill("торопится")
    tab.keyboard.press("Escape")
    press(tab, "1", "2", "3")
    screen(tab, "ending")
    assert "торопится" in tab.locator("#trail").inner_text()
    assert "Напоминания не будет" in tab.locator("#note-help").inner_text()


def test_the_reading_form_is_shown_and_the_record_keeps_its_own(site: Site, tab: Tab) -> None:
    written = "Уточните, пожалуйста, являетесь ли Вы клиентом нашей Компании?"
    site.publish(f'say = "{written}"', f'say = "{written}"\nread = "Скажите, Вы наш клиент?"')
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "2")
    assert phrase(tab) == "Скажите, Вы наш клиент?"
    press(tab, "2", "Enter")
    screen(tab, "done")
    saved(tab)

    assert site.outcome(call.id) == "exclude_all_not_client"
