"""The form of a new call, and under it the calls of the day."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page as Tab

from tests.browser.page_site import PASSWORD, Site, phrase, press, saved, screen


@pytest.fixture
def signed_in(site: Site, tab: Tab) -> Tab:
    """A tab on the form, signed in as an operator."""
    site.users.add("ivanova", "operator", PASSWORD)
    tab.goto(f"{site.url}/operator/")
    tab.get_by_label("Логин").fill("ivanova")
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Начать разговор").wait_for()
    return tab


def begin(tab: Tab, phone: str) -> None:
    tab.get_by_label("Телефон клиента").fill(phone)
    tab.get_by_role("button", name="Начать разговор").click()
    screen(tab, "question")


def test_calls_of_the_day_are_opened_again_the_unfinished_one_first(site: Site, signed_in: Tab) -> None:
    tab = signed_in
    assert "Сегодня звонков ещё не было" in tab.locator(".recent").inner_text()
    begin(tab, "+79160000001")
    press(tab, "1", "3")
    saved(tab)
    where = phrase(tab)
    tab.goto(f"{site.url}/operator/")
    begin(tab, "+79160000002")
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    tab.get_by_role("link", name="Следующий звонок").click()
    rows = tab.locator(".calls li").all_inner_texts()
    assert ["+7 916 000-00-01" in rows[0], "не завершён" in rows[0]] == [True, True]
    assert "исключить из звонков с опросом" in rows[1]
    tab.get_by_role("link", name="Продолжить звонок").click()
    screen(tab, "question")

    assert phrase(tab) == where


def test_a_call_is_found_by_a_part_of_its_number(site: Site, signed_in: Tab) -> None:
    tab = signed_in
    for phone in ("+79160000001", "+79160000002"):
        begin(tab, phone)
        tab.goto(f"{site.url}/operator/")
    tab.get_by_label("Найти звонок по номеру").fill("00-02")
    tab.keyboard.press("Enter")
    tab.get_by_text("за 30 дней").wait_for()

    assert tab.locator(".calls li").count() == 1
    assert "+7 916 000-00-02" in tab.locator(".calls li").inner_text()


def test_by_hand_another_script_can_be_chosen(site: Site, signed_in: Tab) -> None:
    tab = signed_in
    assert tab.get_by_label("Скрипт").input_value() == "survey_opt_out"
    tab.get_by_label("Скрипт").select_option("survey_opt_in")
    begin(tab, "+79160000001")

    assert site.trail(tab.url.split("call=")[1])["script"] == "survey_opt_in"
