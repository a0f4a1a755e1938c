"""The page in a frame of another origin: where plugin.toml names that origin, and nowhere else."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, FrameLocator, Locator, Playwright
from playwright.sync_api import Page as Tab

from plugin.config.settings import Settings
from tests.browser.page_site import PATIENCE, Site, press, running_site, screen
from tests.support.chromium import ARGUMENTS


class _Crm(http.server.BaseHTTPRequestHandler):
    """A page of a CRM with whatever its query names in a frame."""

    def do_GET(self) -> None:
        from urllib.parse import parse_qs, urlsplit

        shown = parse_qs(urlsplit(self.path).query).get("show", [""])[0].replace("&", "&amp;").replace('"', "&quot;")
        body = f'<!doctype html><title>CRM</title><iframe src="{shown}" width="900" height="700"></iframe>'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def running_crm() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Crm)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        # Another site than localhost, where the operator's page is.
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture
def crm() -> Iterator[str]:
    with running_crm() as url:
        yield url


@pytest.fixture
def framed(settings: Settings, rules_folder: Path, ledger_file: str, crm: str) -> Iterator[Site]:
    with running_site(settings, rules_folder, ledger_file, frame_ancestors=(crm,)) as site:
        yield site


@pytest.fixture
def without_frame_cookies(
    framed: Site, crm: str, driver: Playwright, chromium_path: str, tmp_path: Path
) -> Iterator[BrowserContext]:
    """A Chromium that is set to keep nothing for the page within the CRM's page."""
    refused = {f"{framed.url},{crm}": {"setting": 2}}
    preferences = {"profile": {"content_settings": {"exceptions": {"cookies": refused}}}}
    kept = tmp_path / "profile" / "Default" / "Preferences"
    kept.parent.mkdir(parents=True)
    kept.write_text(json.dumps(preferences), encoding="utf-8")
    context = driver.chromium.launch_persistent_context(
        kept.parent.parent, executable_path=chromium_path, headless=True, args=ARGUMENTS
    )
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


class Hand:
    """An operator's hand at a keyboard and a mouse."""

    def press(self, page: FrameLocator, key: str) -> None:
        """Press a key."""
        page.locator("#phrase").press(key)

    def click(self, button: Locator) -> None:
        """Click a button."""
        button.click()

    def follow(self, context: BrowserContext, link: Locator) -> Tab:
        """Click a link; the tab that it opens."""
        with context.expect_page() as opened:
            link.click()
        return opened.value


@pytest.fixture
def hand() -> Hand:
    """What presses keys and buttons in a frame."""
    return Hand()


def in_frame(context: BrowserContext, crm: str, url: str) -> FrameLocator:
    tab = context.new_page()
    tab.goto(f"{crm}/?show={quote(url, safe='')}")
    return tab.frame_locator("iframe")


def test_a_whole_call_in_the_crms_frame(
    framed: Site, crm: str, open_context: Callable[..., BrowserContext], hand: Hand
) -> None:
    context, call = open_context(), framed.call()
    page = in_frame(context, crm, framed.link(call))
    page.locator('#stage[data-screen="question"]').wait_for()
    for _ in range(2):
        context.pages[0].wait_for_timeout(350)
        hand.press(page, "1")
    page.locator('#stage[data-screen="ending"]').wait_for()
    context.pages[0].wait_for_timeout(450)
    hand.press(page, "Enter")
    page.locator('#stage[data-screen="done"]').wait_for(timeout=PATIENCE)

    assert framed.outcome(call.id) == "exclude_calls"
    assert framed.trail(call.id)["operator"] == "Петрова Анна"
    (cookie,) = [cookie for cookie in context.cookies() if "visit" in cookie["name"]]
    assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "None")


def test_a_hand_over_in_the_crms_frame(
    framed: Site, crm: str, open_context: Callable[..., BrowserContext], hand: Hand
) -> None:
    context, call = open_context(), framed.call()
    page = in_frame(context, crm, framed.link(call))
    page.locator('#stage[data-screen="question"]').wait_for()
    context.pages[0].wait_for_timeout(350)
    hand.press(page, "1")
    page.locator("#trail-count", has_text="1 ответ").wait_for()
    hand.press(page, "g")
    hand.click(page.locator("#broken button[value=handover]"))
    page.locator('#stage[data-screen="ending"]').wait_for()
    context.pages[0].wait_for_timeout(450)
    hand.press(page, "Enter")
    page.locator('#stage[data-screen="done"]').wait_for(timeout=PATIENCE)

    assert page.locator("#phrase").inner_text() == "Передано координатору"
    (reminder,) = [row["text"] for row in framed.planned(call.id) if row["kind"] == "reminder"]
    assert "Да, имеет отношение" in reminder


def test_where_frames_keep_no_cookies_the_same_call_is_held_in_a_tab(
    framed: Site, crm: str, without_frame_cookies: BrowserContext, hand: Hand
) -> None:
    call = framed.call()
    page = in_frame(without_frame_cookies, crm, framed.link(call))
    tab = hand.follow(without_frame_cookies, page.get_by_role("link", name="Открыть в новой вкладке"))
    screen(tab, "question")
    press(tab, "1", "1", "Enter")
    screen(tab, "done")

    assert framed.outcome(call.id) == "exclude_calls"


def test_a_frame_of_anybody_else_shows_nothing(
    framed: Site, site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    with running_crm() as stranger:
        for one in (framed, site):
            refused = in_frame(open_context(), stranger, one.link(one.call()))
            assert refused.locator("#stage").count() == 0
