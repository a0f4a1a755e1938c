"""A network that is cut before, during and after a confirmation: the call goes on, and is taken in once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab

from plugin.auth.links import Links
from plugin.common.clock import utc_now
from plugin.config.settings import Settings
from tests.browser.page_site import KEY, Site, phrase, press, running_site, saved, screen
from tests.browser.wire import Wire, wire_to
from tests.support.processes import wait_until


@pytest.fixture
def wired(settings: Settings, rules_folder: Path, ledger_file: str) -> Iterator[tuple[Site, Wire]]:
    """The page behind a wire: links lead through it."""
    with running_site(settings, rules_folder, ledger_file) as site:
        port = urlsplit(site.url).port
        assert port is not None
        with wire_to(port) as wire:
            url = f"http://localhost:{wire.port}"
            yield (
                replace(site, url=url, links=Links([KEY], f"{url}/operator/open", site.links._longest, utc_now)),
                wire,
            )


def finals(site: Site, call: str) -> int:
    return len([event for event in site.events(call) if event["final"]])


def test_a_dropped_network_does_not_stop_the_call(wired: tuple[Site, Wire], tab: Tab) -> None:
    site, wire = wired
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1")
    saved(tab)
    wire.become("cut")
    press(tab, "3", "2", "1")
    screen(tab, "ending")
    tab.locator("#notices [data-name=offline]").wait_for()
    assert "Разговор продолжайте" in tab.locator("#notices").inner_text()
    wire.become("whole")
    saved(tab)

    assert len(site.trail(call.id)["entries"]) == 4
    assert tab.locator("#notices [data-name=offline]").count() == 0


def test_cut_before_the_confirmation_it_is_sent_once_the_network_is_back(wired: tuple[Site, Wire], tab: Tab) -> None:
    site, wire = wired
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1")
    wire.become("cut")
    press(tab, "Enter")
    tab.get_by_text("Подтверждено, ещё не передано").wait_for()
    assert "уйдёт само" in tab.locator("#stage").inner_text()
    assert finals(site, call.id) == 0
    wire.become("whole")
    screen(tab, "done")

    assert site.outcome(call.id) == "exclude_calls"
    assert finals(site, call.id) == 1


def test_cut_while_it_is_confirmed_it_is_taken_in_once(wired: tuple[Site, Wire], tab: Tab) -> None:
    site, wire = wired
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1")
    screen(tab, "ending")
    saved(tab)
    wire.become("deaf")
    press(tab, "Enter")
    wait_until(lambda: finals(site, call.id) == 1)
    tab.get_by_text("Подтверждено, ещё не передано").wait_for()
    planned = len(site.planned(call.id))
    wire.become("whole")
    screen(tab, "done")

    assert finals(site, call.id) == 1
    assert len(site.planned(call.id)) == planned == 3


def test_a_confirmation_outlives_a_reload(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    tab.route("**/operator/confirm?*", lambda route: route.abort())
    press(tab, "1", "1", "Enter")
    tab.get_by_text("Подтверждено, ещё не передано").wait_for()
    tab.reload()
    tab.get_by_text("Подтверждено, ещё не передано").wait_for()
    assert finals(site, call.id) == 0
    tab.unroute("**/operator/confirm?*")
    screen(tab, "done")

    assert finals(site, call.id) == 1


def test_an_operator_whose_session_ended_is_told_and_nothing_is_lost(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    context, call = open_context(), site.call()
    tab = context.new_page()
    tab.goto(site.link(call))
    press(tab, "1", "1")
    saved(tab)
    context.clear_cookies()
    press(tab, "Enter")
    tab.get_by_text("Подтверждено, ещё не передано").wait_for()
    assert "Сеанс завершён — войдите снова" in tab.locator("#stage").inner_text()
    assert finals(site, call.id) == 0
    tab.goto(site.link(call))
    screen(tab, "done")

    assert site.outcome(call.id) == "exclude_calls"
    assert finals(site, call.id) == 1


def test_a_call_held_wholly_without_the_server_goes_on_by_its_own_rules(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    before = site.rules.current().revision
    tab.route("**/operator/trail?*", lambda route: route.abort())
    press(tab, "1")
    where = phrase(tab)
    site.publish(where, "Новая фраза о том же?")
    tab.reload()
    screen(tab, "question")
    assert phrase(tab) == where
    tab.unroute("**/operator/trail?*")
    press(tab, "1", "Enter")
    screen(tab, "done")

    assert {event["revision"] for event in site.events(call.id)} == {before}


def test_once_all_is_written_nothing_of_the_call_stays_in_the_browser(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "2", "3")
    tab.locator("#note").fill("секрет")
    tab.keyboard.press("Escape")
    assert "секрет" in tab.evaluate("JSON.stringify({...localStorage})")
    press(tab, "Enter")
    screen(tab, "done")
    tab.get_by_text("Записывать нечего").wait_for()
    saved(tab)

    for _ in range(100):
        if "секрет" not in (kept := tab.evaluate("JSON.stringify({...localStorage})")):
            break
        tab.wait_for_timeout(50)
    assert "секрет" not in kept
