"""A draft at the console: nothing typed is lost by Back, reload or another tab, and it needs no script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.call_centre import CallCentre, Head

pytestmark = pytest.mark.slow


def test_what_was_typed_is_kept_by_reload_back_and_a_second_tab(head: Head) -> None:
    head.rules()
    typed = "Подскажите, клиент ли Вы?"
    head.tab.get_by_role("textbox", name="Фраза, читать дословно").first.fill(typed)
    # The field was never left.
    head.tab.reload()
    head.tab.wait_for_function(
        "async (typed) => (await (await fetch(location.href)).text()).includes(typed)", arg=typed
    )
    second = head.tab.context.new_page()
    second.goto(head.tab.url)
    expect(second.get_by_role("textbox", name="Фраза, читать дословно").first).to_have_value(typed)
    second.get_by_role("button", name="Отменить").click()
    expect(second.get_by_role("textbox", name="Фраза, читать дословно").first).not_to_have_value(typed)
    second.go_back()
    second.reload()
    expect(second.get_by_role("textbox", name="Фраза, читать дословно").first).not_to_have_value(typed)


def test_a_page_that_another_tab_has_overtaken_shows_both_values(head: Head) -> None:
    head.rules("Получатели")
    second = head.tab.context.new_page()
    second.goto(head.tab.url)
    address = second.get_by_label("Почта").first
    address.fill("one@example.org")
    address.blur()
    expect(second.get_by_text("Сохранено").first).to_be_visible()

    mine = head.tab.get_by_label("Почта").first
    mine.fill("two@example.org")
    mine.blur()
    expect(head.tab.get_by_role("heading", name="Это поле уже изменили в другой вкладке")).to_be_visible()
    expect(head.tab.get_by_label("Ваше")).to_have_value("two@example.org")
    expect(head.tab.get_by_text("one@example.org")).to_be_visible()
    head.tab.get_by_role("button", name="Записать моё").click()
    expect(head.tab.get_by_label("Почта").first).to_have_value("two@example.org")


def test_a_phrase_is_changed_without_any_script(
    centre: CallCentre, open_context: Callable[..., BrowserContext]
) -> None:
    head = Head(open_context(java_script_enabled=False).new_page(), centre)
    head.sign_in()
    head.rules()
    card = head.tab.locator("li.card.question", has_text="Является клиентом Компании").first
    card.get_by_role("textbox", name="Фраза, читать дословно").fill("Подскажите, клиент ли Вы?")
    head.click(card.get_by_role("button", name="Сохранить"))
    expect(head.tab.get_by_text("Есть неопубликованные изменения.")).to_be_visible()
    head.publish("Короче")
    assert '+say = "Подскажите, клиент ли Вы?"' in head.changed()["survey_opt_out/rules.toml"]


def test_who_swaps_two_peoples_addresses_is_asked_whether_that_is_meant(head: Head) -> None:
    head.rules("Получатели")
    coordinator, manager = head.tab.get_by_label("Почта").nth(0), head.tab.get_by_label("Почта").nth(1)
    for field, address in ((coordinator, "sms.manager@example.org"), (manager, "coordinator@example.org")):
        field.fill(address)
        field.blur()
        expect(head.tab.get_by_text("Сохранено").first).to_be_visible()
    head.to_publication()

    asked = head.tab.get_by_label("Так и задумано", exact=True)
    expect(head.tab.get_by_text("а сейчас это адрес роли «СМС-менеджер»")).to_be_visible()
    head.tab.get_by_label("Зачем это изменение").fill("Поменялись местами")
    head.press("Опубликовать")
    expect(asked).to_be_focused()  # the browser leads to what is still to be ticked
    asked.check()
    head.press("Опубликовать")
    head.is_published()
