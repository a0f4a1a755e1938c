"""In a frame of the CRM, in Firefox: steps of the folder above; its own way of keeping no cookies there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Locator, Playwright
from playwright.sync_api import Page as Tab

from tests.browser.page_site import Site
from tests.browser.test_frame import (
    Hand,
    crm,
    framed,
    in_frame,
    running_crm,
    test_a_hand_over_in_the_crms_frame,
    test_a_whole_call_in_the_crms_frame,
    test_where_frames_keep_no_cookies_the_same_call_is_held_in_a_tab,
)
from tests.support.chromium import PATIENCE
from tests.support.firefox import launched

__all__ = [
    "crm",
    "framed",
    "test_a_hand_over_in_the_crms_frame",
    "test_a_whole_call_in_the_crms_frame",
    "test_where_frames_keep_no_cookies_the_same_call_is_held_in_a_tab",
]

#: Cookies of other sites than the tab's are kept by none of them.
_OF_THE_TAB_ALONE = {"network.cookie.cookieBehavior": 1}


class _EventsAlone(Hand):
    """The driver's keys and clicks reach no frame of another site in Firefox: its page gets their events."""

    def press(self, page: FrameLocator, key: str) -> None:
        sent = {"key": key, "code": f"Digit{key}" if key.isdigit() else "", "bubbles": True, "cancelable": True}
        page.locator("#phrase").evaluate("(one, sent) => one.dispatchEvent(new KeyboardEvent('keydown', sent))", sent)

    def click(self, button: Locator) -> None:
        button.evaluate("one => one.click()")

    def follow(self, context: BrowserContext, link: Locator) -> Tab:
        assert link.get_attribute("target") == "_blank"
        tab = context.new_page()
        tab.goto(link.evaluate("one => one.href"))
        return tab


@pytest.fixture
def hand() -> Hand:
    """What presses keys and buttons in a frame."""
    return _EventsAlone()


@pytest.fixture
def without_frame_cookies(driver: Playwright, firefox_path: Path) -> Iterator[BrowserContext]:
    """A Firefox that keeps nothing for a frame."""
    running = launched(driver, firefox_path, _OF_THE_TAB_ALONE)
    context = running.new_context(locale="ru-RU")
    context.set_default_timeout(PATIENCE)
    yield context
    running.close()


def test_a_frame_of_anybody_else_shows_nothing(framed: Site, site: Site, browser: Browser) -> None:
    # Firefox tells of what it refuses as of a fault: in a context whose faults are nobody's.
    context = browser.new_context()
    try:
        with running_crm() as stranger:
            for one in (framed, site):
                refused = in_frame(context, stranger, one.link(one.call()))
                assert refused.locator("#stage").count() == 0
    finally:
        context.close()
