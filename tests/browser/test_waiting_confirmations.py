"""What an operator confirmed leaves by itself: after a new sign-in, from any tab, and for any call of the browser."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Dialog
from playwright.sync_api import Page as Tab

from tests.browser.page_site import PASSWORD, PATIENCE, Site, press, saved, screen
from tests.support.processes import wait_until

WAITS = "Подтверждено, ещё не передано"


def sign_in(site: Site, tab: Tab, login: str = "ivanova") -> None:
    """Sign in on the page for it."""
    tab.goto(f"{site.url}/operator/sign-in?other=1")
    tab.get_by_label("Логин").fill(login)
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.keyboard.press("Enter")
    tab.get_by_role("button", name="Начать разговор").wait_for()


def call_by_hand(tab: Tab, phone: str = "8 916 123-45-67") -> str:
    """Begin a call on the form; its id."""
    tab.get_by_label("Телефон клиента").fill(phone)
    tab.get_by_role("button", name="Начать разговор").click()
    screen(tab, "question")
    return tab.url.split("call=")[1]


def end_sessions(site: Site, login: str = "ivanova") -> None:
    site.users.disable(login)
    site.users.enable(login)


@pytest.fixture
def operator(site: Site) -> Site:
    """The page with two accounts."""
    site.users.add("ivanova", "operator", PASSWORD)
    site.users.add("petrova", "operator", PASSWORD)
    return site


def ended_with_a_confirmation(site: Site, tab: Tab) -> str:
    sign_in(site, tab)
    call = call_by_hand(tab)
    press(tab, "1", "1")
    saved(tab)
    end_sessions(site)
    press(tab, "Enter")
    tab.get_by_text(WAITS).wait_for()
    return call


def test_signed_in_again_in_another_tab_the_confirmation_leaves_within_five_seconds(
    operator: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context = open_context()
    tab = context.new_page()
    call = ended_with_a_confirmation(operator, tab)
    assert operator.outcome(call) is None
    sign_in(operator, context.new_page())
    since = time.monotonic()
    screen(tab, "done")

    assert time.monotonic() - since < 5
    assert operator.outcome(call) == "exclude_calls"
    assert not tab.locator("#sign-in").evaluate("dialog => dialog.open")


def test_signing_in_over_the_page_sends_what_waits(operator: Site, tab: Tab) -> None:
    call = ended_with_a_confirmation(operator, tab)
    tab.locator("#sign-in[open]").wait_for()
    tab.get_by_label("Логин").fill("ivanova")
    tab.get_by_label("Пароль").fill("not the password")
    tab.keyboard.press("Enter")
    tab.get_by_text("Логин или пароль не подошли").wait_for()
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.keyboard.press("Enter")
    screen(tab, "done")

    assert operator.outcome(call) == "exclude_calls"


def test_the_conversation_goes_on_without_a_session_and_answers_are_saved_once_there_is_one(
    operator: Site, tab: Tab
) -> None:
    sign_in(operator, tab)
    call = call_by_hand(tab)
    end_sessions(operator)
    press(tab, "1", "3")
    tab.locator("#notices").get_by_role("button", name="Войти").click()
    tab.get_by_label("Логин").fill("ivanova")
    tab.get_by_label("Пароль").fill(PASSWORD)
    tab.keyboard.press("Enter")
    saved(tab)
    press(tab, "1", "Enter")
    screen(tab, "done")

    assert operator.outcome(call) == "exclude_all"


def test_a_confirmation_keeps_its_operator_when_somebody_else_signs_in(
    operator: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context = open_context()
    tab = context.new_page()
    call = ended_with_a_confirmation(operator, tab)
    sign_in(operator, context.new_page(), "petrova")
    screen(tab, "done")

    assert [event["operator"] for event in operator.rows_of_calls(call)] == ["ivanova"]


def test_a_confirmation_leaves_from_the_form_when_its_tab_is_closed(
    operator: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context = open_context()
    tab = context.new_page()
    sign_in(operator, tab)
    call = call_by_hand(tab)
    press(tab, "1", "1")
    saved(tab)
    context.set_offline(True)
    press(tab, "Enter")
    tab.get_by_text(WAITS).wait_for()
    tab.close()
    context.set_offline(False)
    other = context.new_page()
    other.goto(f"{operator.url}/operator/")
    other.get_by_text("Подтверждение по звонку +79161234567 ушло").wait_for(timeout=PATIENCE)

    assert operator.outcome(call) == "exclude_calls"
    assert operator.trail(call)["state"] == "confirmed"
    assert [entry["kind"] for entry in operator.trail(call)["entries"]] == ["answer", "answer", "confirmed"]
    wait_until(lambda: call not in other.evaluate("JSON.stringify({...localStorage})"))


@pytest.mark.parametrize("who", ["Петрова Анна", "Сидорова Ольга"])
def test_a_confirmation_leaves_from_the_page_of_the_next_client(
    site: Site, open_context: Callable[..., BrowserContext], who: str
) -> None:
    context, call, following = open_context(), site.call(), site.call(phone="+79160000002")
    tab = context.new_page()
    tab.goto(site.link(call))
    saved(tab)
    context.set_offline(True)
    press(tab, "1", "1", "Enter")
    tab.get_by_text(WAITS).wait_for()
    tab.close()
    context.set_offline(False)
    other = context.new_page()
    other.goto(site.link(following, who))
    wait_until(lambda: site.outcome(call.id) == "exclude_calls")

    assert [row["operator"] for row in site.rows_of_calls(call.id)] == ["Петрова Анна"]


def test_what_waits_is_counted_on_every_page(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    context, call = open_context(), site.call()
    context.route("**/operator/confirm?*", lambda route: route.abort())
    tab = context.new_page()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    tab.get_by_text(WAITS).wait_for()
    tab.close()
    other = context.new_page()
    other.goto(site.link(site.call()))

    other.get_by_text("1 подтверждение ещё не ушло").wait_for()


@pytest.mark.parametrize("waits", [True, False])
def test_closing_a_tab_asks_only_while_something_waits(site: Site, tab: Tab, waits: bool) -> None:
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    tab.goto(site.link(site.call()))
    if waits:
        tab.route("**/operator/confirm?*", lambda route: route.abort())
    press(tab, "1", "1", "Enter")
    tab.get_by_text(WAITS if waits else "Готово").first.wait_for()
    if not waits:
        saved(tab)
    tab.on("dialog", answer)
    if waits:
        with tab.expect_event("dialog"):
            tab.close(run_before_unload=True)
    else:
        with tab.expect_event("close"):
            tab.close(run_before_unload=True)

    assert asked == (["beforeunload"] if waits else [])


def test_where_the_browser_keeps_nothing_the_page_says_so(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context, call = open_context(), site.call()
    context.add_init_script(
        "Object.defineProperty(window, 'localStorage', {get() { throw new DOMException('no', 'SecurityError'); }})"
    )
    tab = context.new_page()
    tab.goto(site.link(call))
    saved(tab)
    context.set_offline(True)
    press(tab, "1", "1", "Enter")
    tab.get_by_text(WAITS).wait_for()
    assert "только в этой вкладке" in tab.locator("#stage").inner_text()
    assert "Не закрывайте и не обновляйте" in tab.locator("#stage").inner_text()
    context.set_offline(False)
    screen(tab, "done")

    assert site.outcome(call.id) == "exclude_calls"
