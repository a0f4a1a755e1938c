"""What an end lacks or repeats is said before it is confirmed: by the page, and by the server where the page is old."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Route
from playwright.sync_api import Page as Tab

from tests.browser.page_site import Site, exact, press, screen, type_answer
from tests.browser.test_client import ONE, crm, looking, opened, sign_in

__all__ = ["crm", "looking"]

NOT_A_NAME = "Это не похоже на имя. Впишите его буквами."


def asked_before(site: Site, open_context: Callable[..., BrowserContext], *keys: str) -> Tab:
    """The end of a second call of a number that has asked before, reached by these keys."""
    first = open_context().new_page()
    opened(site, first, ONE)
    press(first, "1", "1", "Enter")
    screen(first, "done")
    first.close()
    tab = open_context().new_page()
    opened(site, tab, ONE)
    tab.get_by_text("Уже просил: ").wait_for()
    press(tab, *keys)
    exact(tab)
    return tab


def test_the_end_says_what_the_number_asked_for_before_and_that_it_stays(
    looking: Site, open_context: Callable[..., BrowserContext]
) -> None:
    tab = asked_before(looking, open_context, "1", "3", "1")
    told = tab.locator(".in-force").inner_text()

    assert told.startswith("По этому номеру уже просили: «исключить из звонков с опросом» (")
    assert told.endswith("Подтверждение добавит новую запись, прежняя останется.")


def test_an_end_that_asks_for_nothing_takes_back_nothing_and_says_so(
    looking: Site, open_context: Callable[..., BrowserContext]
) -> None:
    tab = asked_before(looking, open_context, "1", "2", "3")

    assert tab.locator(".in-force").inner_text().endswith("— просьба в силе. Этот итог её не отменяет.")


def test_the_end_of_a_number_that_never_asked_says_nothing_of_before(looking: Site, tab: Tab) -> None:
    opened(looking, tab, ONE)
    press(tab, "1", "1")
    exact(tab)

    assert tab.locator(".in-force").count() == 0


@pytest.mark.parametrize("typed", ["123", "—", "+7 916 123-45-67"])
def test_what_cannot_be_a_name_is_refused_at_the_field(looking: Site, tab: Tab, typed: str) -> None:
    opened(looking, tab, ONE)
    press(tab, "2", "1")
    type_answer(tab, typed)
    assert tab.locator("#typed-fault").inner_text() == NOT_A_NAME
    assert tab.evaluate("document.activeElement.id") == "typed"
    tab.locator("#typed").fill("")
    type_answer(tab, "Ли")

    tab.get_by_text("Уточните, пожалуйста, Вы хотите отказаться").wait_for()


def test_the_form_and_the_dialog_refuse_such_a_name_too(looking: Site, tab: Tab) -> None:
    sign_in(looking, tab)
    tab.get_by_label("Телефон клиента").fill("8 903 111-22-33")
    tab.get_by_label("Имя клиента").fill("123")
    tab.get_by_role("button", name="Начать разговор").click()
    assert tab.locator("#fault").inner_text() == NOT_A_NAME
    tab.get_by_label("Имя клиента").fill("Анна")
    tab.get_by_role("button", name="Начать разговор").click()
    screen(tab, "question")
    tab.locator("#client-change").click()
    tab.locator("#client-name-field").fill("—")
    tab.get_by_role("button", name="Сохранить").click()
    tab.get_by_text(NOT_A_NAME).wait_for()

    assert tab.evaluate("document.activeElement.id") == "client-name-field"


def test_where_the_server_needs_the_number_its_dialog_opens_and_nothing_is_lost(looking: Site, tab: Tab) -> None:
    fields = {"phone": ["Укажите номер, по которому идёт разговор: без него итог записать некуда."]}
    refusal = {"error": {"code": "number_needed", "message": "…", "fields": fields}}
    refused: list[str] = []

    def refuse_once(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=422, content_type="application/json", body=json.dumps(refusal))

    tab.route("**/operator/confirm?*", refuse_once)
    call = opened(looking, tab, ONE)
    press(tab, "1", "1")
    exact(tab)
    # Once only: the helper presses again where the end comes back.
    tab.wait_for_timeout(500)
    tab.keyboard.press("Enter")
    tab.get_by_text("без него итог записать некуда").wait_for()
    assert tab.evaluate("document.activeElement.id") == "client-phone-field"
    tab.keyboard.press("Enter")
    tab.locator("#client").wait_for(state="hidden")
    press(tab, "Enter")
    screen(tab, "done")

    assert looking.outcome(call) == "exclude_calls"


def test_what_was_asked_for_before_is_told_once_wherever_the_operator_is(
    looking: Site, open_context: Callable[..., BrowserContext]
) -> None:
    tab = asked_before(looking, open_context, "1", "1")
    assert tab.get_by_text("Уже просил: ").count() == 0
    press(tab, "Backspace")

    tab.get_by_text("Уже просил: ").wait_for()
    assert tab.locator(".in-force").count() == 0
