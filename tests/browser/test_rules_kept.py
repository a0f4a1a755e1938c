"""Nothing that was typed into the rules is lost: without a network, without a session, by a tab that is closed."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, expect
from playwright.sync_api import Page as Tab

from tests.browser.page_site import PASSWORD, Site
from tests.browser.test_network import wired
from tests.browser.wire import Wire

__all__ = ["wired"]

SCRIPT = "/console/rules/script/survey_opt_out"
SAY = "Фраза, читать дословно"


def sign_in(tab: Tab, site: Site, path: str) -> None:
    tab.goto(f"{site.url}{path}")
    tab.get_by_label("Логин").fill("anna")
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.get_by_role("button", name="Войти").click()
    tab.wait_for_url(f"**{path}")


def phrase(tab: Tab) -> Locator:
    return tab.get_by_role("textbox", name=SAY).first


def write(tab: Tab, text: str) -> None:
    # Firefox moves no focus in a tab that is behind another one.
    tab.bring_to_front()
    phrase(tab).fill(text)
    phrase(tab).blur()


def state(tab: Tab) -> Locator:
    return tab.locator("form.edit", has=tab.get_by_role("textbox", name=SAY)).first.locator(".saved")


def sign_out_everywhere(site: Site) -> None:
    site.users.change_password("anna", PASSWORD)


def test_without_a_network_or_a_session_what_is_typed_waits_and_is_saved_by_itself(
    wired: tuple[Site, Wire], open_context: Callable[..., BrowserContext]
) -> None:
    site, wire = wired
    site.users.add("anna", "admin", PASSWORD)
    context = open_context()
    tab = context.new_page()
    sign_in(tab, site, SCRIPT)

    wire.become("cut")
    write(tab, "Без связи?")
    expect(state(tab)).to_contain_text("Нет связи")
    wire.become("whole")
    expect(state(tab)).to_have_text("Сохранено")

    # The session is over in the middle of an edit; another one begins in another tab.
    sign_out_everywhere(site)
    write(tab, "Без сеанса?")
    expect(state(tab)).to_contain_text("Вы вышли")
    other = context.new_page()
    sign_in(other, site, "/console/rules")
    expect(state(tab)).to_have_text("Сохранено")
    other.goto(f"{site.url}{SCRIPT}")
    expect(phrase(other)).to_have_value("Без сеанса?")

    # A form that adds something stays as it is filled in, and goes once there is a session.
    tab.get_by_role("link", name="+ вопрос после этого").first.click()
    tab.get_by_label("Что выясняем").fill("Причина отказа")
    sign_out_everywhere(site)
    tab.get_by_role("button", name="Добавить вопрос").click()
    expect(tab.get_by_role("alert")).to_contain_text("Вы вышли")
    sign_in(other, site, "/console/rules")
    tab.get_by_role("button", name="Добавить вопрос").click()
    expect(tab.get_by_role("heading", name="Причина отказа")).to_be_visible()

    # A tab that is closed without a network: the next page of the rules sends what it held.
    wire.become("cut")
    write(tab, "Закрыто без связи?")
    expect(state(tab)).to_contain_text("Нет связи")
    tab.close()
    wire.become("whole")
    other.goto(f"{site.url}{SCRIPT}/people")
    expect(other.get_by_text("Есть неопубликованные изменения.")).to_be_visible()
    other.wait_for_function("() => !Object.keys(localStorage).some((key) => key.startsWith('optout-rules:anna'))")
    other.goto(f"{site.url}{SCRIPT}")
    expect(phrase(other)).to_have_value("Закрыто без связи?")
