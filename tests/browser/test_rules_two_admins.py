"""Two admins on one script, each in a browser: drafts, another person's word, an edit that revokes it, a conflict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab

from plugin.config.settings import Settings
from tests.browser.page_site import PASSWORD, Site, running_site

SCRIPT = "/console/rules/script/survey_opt_out"


def signed_in(site: Site, open_context: Callable[..., BrowserContext], login: str) -> Tab:
    site.users.add(login, "admin", PASSWORD)
    tab = open_context().new_page()
    tab.goto(f"{site.url}{SCRIPT}/people")
    tab.get_by_label("Логин").fill(login)
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.get_by_role("button", name="Войти").click()
    expect(tab.get_by_label("Почта").first).to_be_visible()
    return tab


def write(tab: Tab, address: str) -> None:
    """The coordinator's mail address, in the draft of whose tab it is."""
    tab.goto(f"{tab.url.partition('/console')[0]}{SCRIPT}/people")
    field = tab.get_by_label("Почта").first
    field.fill(address)
    field.blur()
    expect(tab.locator("form.edit .saved").first).to_have_text("Сохранено")


def send(tab: Tab, reason: str) -> None:
    tab.get_by_role("link", name="Опубликовать…").click()
    tab.wait_for_url("**/publish")
    accept = tab.get_by_role("button", name="поправить случаи тоже")
    if accept.count():
        accept.click()
    tab.get_by_label("Зачем это изменение").fill(reason)
    tab.locator("form", has=tab.get_by_label("Зачем это изменение")).get_by_role("button").click()


def agree(tab: Tab, reason: str) -> None:
    tab.goto(f"{tab.url.partition('/console')[0]}/console/rules/history")
    tab.get_by_role("link", name=reason).click()
    tab.get_by_label("Почему согласны").fill("Верно")
    tab.get_by_role("button", name="Согласовать").click()
    expect(tab.get_by_text("Согласовано. Теперь автор может опубликовать.")).to_be_visible()


def test_two_admins_agree_merge_and_lose_nothing(
    settings: Settings, rules_folder: Path, ledger_file: str, open_context: Callable[..., BrowserContext]
) -> None:
    with running_site(replace(settings, approvals=1), rules_folder, ledger_file) as site:
        anna, boris = (signed_in(site, open_context, login) for login in ("anna", "boris"))
        write(anna, "first@example.org")
        send(anna, "Первый вариант")
        expect(anna.get_by_text("Отправлено на согласование.")).to_be_visible()
        agree(boris, "Первый вариант")

        write(anna, "anna@example.org")
        send(anna, "Второй вариант")
        expect(anna.get_by_text("Отправлено на согласование.")).to_be_visible()
        write(boris, "boris@example.org")
        expect(boris.get_by_text("Этот скрипт меняет и anna")).to_be_visible()
        agree(boris, "Второй вариант")
        send(anna, "Второй вариант")
        expect(anna.get_by_text("Опубликовано.")).to_be_visible()

        boris.goto(f"{site.url}{SCRIPT}/people")
        expect(boris.get_by_text("anna опубликовал(а) правила")).to_be_visible()
        boris.get_by_role("button", name="Объединить").click()
        expect(boris.get_by_text("anna@example.org").first).to_be_visible()
        expect(boris.get_by_text("boris@example.org").first).to_be_visible()
        boris.locator("button[value=theirs]").click()
        expect(boris.get_by_label("Почта").first).to_have_value("anna@example.org")
        boris.get_by_role("button", name="Отменить").click()
        expect(boris.get_by_label("Почта").first).to_have_value("boris@example.org")
