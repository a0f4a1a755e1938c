"""The way in as Chromium sees it: in a frame of another site, by keyboard alone, on a phone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from flask import Flask, request

from plugin.config.settings import PageSettings, Settings
from tests.plugin.auth.support import FULL, KEY, PASSWORD
from tests.plugin.web.auth.browser import Site
from tests.plugin.web.auth.conftest import MakeSite
from tests.plugin.web.harness import serving

pytestmark = pytest.mark.slow

AXE = (Path(__file__).parents[3] / "browser" / "vendor" / "axe.min.js").read_text(encoding="utf-8")

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FrameLocator
    from playwright.sync_api import Page as Tab


class Window:
    """A tab, and the complaints of its console: nothing may be refused by our own policy."""

    def __init__(self, tab: Tab, site: Site) -> None:
        self.tab = tab
        # Another site than 127.0.0.1, and as trustworthy, so that Secure cookies are kept without TLS.
        self.url = f"http://localhost:{site.port}"
        self.complaints: list[str] = []
        tab.on("console", lambda message: self.complaints.append(message.text))

    @property
    def violations(self) -> list[str]:
        return [text for text in self.complaints if "Content Security Policy" in text or "Content-Security" in text]

    def wait_for_violation(self) -> None:
        """The browser reports it after the page has loaded."""
        for _ in range(100):
            if self.violations:
                return
            self.tab.wait_for_timeout(50)


@pytest.fixture
def crm() -> Iterator[str]:
    """Another site: it shows a frame of ``?src=``, or sends a form to ``?post=`` in one, as a CRM does."""
    app = Flask("crm", static_folder=None)

    @app.get("/")
    def card() -> str:
        source, target = request.args.get("src", ""), request.args.get("post", "")
        frame = f'<iframe name="f" width="600" height="500" {f"src={escape(source)!r}" if source else ""}></iframe>'
        form = (
            f"<form id='o' method='post' target='f' action='{escape(target)}'>"
            "<input name='token' value='portal'><input name='call' value='c-1'></form><script>o.submit()</script>"
        )
        return f"<!doctype html><title>CRM</title>{frame}{form if target else ''}"

    with serving(app) as (server, _):
        yield f"http://127.0.0.1:{server.port}"


@pytest.fixture
def framed_by(make_site: MakeSite, settings: Settings, crm: str) -> Site:
    page = PageSettings(public_url="http://localhost", secret=KEY, frame_ancestors=(crm,))
    return make_site(page, settings.ledger_url)


@pytest.fixture
def window(browser: Browser, framed_by: Site) -> Iterator[Window]:
    with ExitStack() as stack:
        context = browser.new_context(viewport={"width": 1280, "height": 740}, locale="ru-RU")
        stack.callback(context.close)
        context.set_default_timeout(10_000)
        yield Window(context.new_page(), framed_by)


def frame(window: Window) -> FrameLocator:
    return window.tab.frame_locator("iframe")


# --- refusals --------------------------------------------------------------------------------------


def test_a_site_that_is_not_named_cannot_show_the_page(
    browser: Browser, make_site: MakeSite, settings: Settings, crm: str
) -> None:
    page = PageSettings(public_url="http://localhost", secret=KEY, frame_ancestors=("http://crm.example.org",))
    site = make_site(page, settings.ledger_url)
    window = Window(browser.new_page(), site)
    try:
        window.tab.goto(f"{crm}/?src={window.url}/operator/sign-in")
        window.wait_for_violation()
        assert "frame-ancestors" in "".join(window.violations)
        assert window.tab.frames[1].locator("h1", has_text="Вход").count() == 0
    finally:
        window.tab.close()


# --- in a frame ------------------------------------------------------------------------------------


def test_a_link_opens_in_the_frame_of_another_site_and_its_cookie_is_kept_there(
    window: Window, framed_by: Site, crm: str
) -> None:
    from urllib.parse import quote

    window.tab.goto(f"{crm}/?src={quote(window.url + framed_by.link(FULL), safe='')}")
    body = frame(window).locator("body")
    body.get_by_text('"call":"c-77/8"').wait_for()
    # By the cookie alone, from within the frame.
    own = window.tab.frames[1]
    again = own.evaluate("async () => (await (await fetch('/operator/?call=c-77%2F8')).json())")
    assert (again["operator"], again["call"]) == ("ivanova", FULL.id)
    csrf = {"X-CSRF-Token": again["csrf"]}
    saved = own.evaluate(
        "async headers => (await fetch('/operator/answers?call=c-77%2F8', {method: 'POST', headers})).status", csrf
    )
    assert saved == 200
    # A frame's cookies are apart from those of the same site in a tab of its own.
    window.tab.goto(window.url + "/operator/")
    assert window.tab.locator("h1").inner_text() == "Вход"


def test_a_crm_opens_the_page_by_a_form_sent_into_a_frame(window: Window, crm: str) -> None:
    from urllib.parse import quote

    window.tab.goto(f"{crm}/?post={quote(window.url + '/operator/frame/testcrm', safe='')}")
    frame(window).locator("body").get_by_text('"call":"c-1"').wait_for()
    assert window.tab.frames[1].url == window.url + "/operator/?call=c-1"


def test_signing_in_works_in_a_frame_by_keyboard_alone(window: Window, crm: str) -> None:
    window.tab.goto(f"{crm}/?src={window.url}/operator/sign-in")
    frame(window).locator("#login").focus()
    for keys in ("ivanova", "Tab", PASSWORD, "Enter"):
        window.tab.keyboard.press(keys) if keys in {"Tab", "Enter"} else window.tab.keyboard.type(keys)
    frame(window).locator("body").get_by_text('"operator":"ivanova"').wait_for()
    assert window.violations == []


def test_another_site_can_send_nothing_in_the_name_of_who_is_signed_in(
    browser: Browser, make_site: MakeSite, settings: Settings, crm: str
) -> None:
    site = make_site(PageSettings(public_url="http://localhost", secret=KEY), settings.ledger_url)
    context = browser.new_context()
    try:
        window = Window(context.new_page(), site)
        window.tab.goto(window.url + site.link(FULL))
        window.tab.goto(crm)
        sent = "fetch(url, {method: 'POST', mode: 'no-cors', credentials: 'include'})"
        script = f"url => {sent}.then(() => 'answered', () => 'refused')"
        # By Cross-Origin-Resource-Policy the browser does not even show that there was an answer.
        assert window.tab.evaluate(script, window.url + "/operator/answers") == "refused"
    finally:
        context.close()


# --- on its own ------------------------------------------------------------------------------------


def test_signing_in_by_keyboard_alone_leads_to_where_one_wanted(window: Window) -> None:
    window.tab.goto(window.url + "/operator/?call=c-9")
    window.tab.locator("#login:focus").wait_for()
    window.tab.keyboard.type("ivanova")
    window.tab.keyboard.press("Tab")
    window.tab.keyboard.type("wrong password")
    window.tab.keyboard.press("Enter")
    alert = window.tab.get_by_role("alert")
    alert.wait_for()
    assert alert.inner_text() == "Логин или пароль не подошли."
    assert window.tab.get_by_label("Пароль").get_attribute("aria-describedby") == "fault"
    # The name is kept, and the password is asked for again.
    window.tab.locator("#password:focus").wait_for()
    window.tab.keyboard.type(PASSWORD)
    window.tab.keyboard.press("Enter")
    window.tab.wait_for_url("**/operator/?call=c-9")
    assert window.violations == []


def test_an_operator_can_sign_in_as_an_admin_where_that_is_asked_for(window: Window, framed_by: Site) -> None:
    framed_by.users.add("chief", "admin", PASSWORD)
    for login in ("ivanova", "chief"):
        window.tab.goto(window.url + "/operator/admin")
        if login == "chief":
            window.tab.get_by_role("link", name="Войти").click()
        window.tab.get_by_label("Логин").fill(login)
        window.tab.get_by_label("Пароль").fill(PASSWORD)
        window.tab.get_by_role("button", name="Войти").click()
        window.tab.wait_for_url("**/operator/admin*")
    assert '"role":"admin"' in window.tab.locator("body").inner_text()


@pytest.mark.parametrize("path", ["/operator/sign-in", "/operator/open?call=1&sign=2"])
@pytest.mark.parametrize("font", [16, 32])
def test_nothing_is_cut_off_on_a_narrow_screen(window: Window, path: str, font: int) -> None:
    window.tab.set_viewport_size({"width": 360, "height": 640})
    window.tab.goto(window.url + path)
    # As the browser's own setting does it: our policy refuses styles that are written into the page.
    window.tab.evaluate("size => { document.documentElement.style.fontSize = `${size}px` }", font)
    assert window.tab.evaluate("document.documentElement.scrollWidth") <= 360
    boxes = [element.bounding_box() for element in window.tab.locator("main *:visible").all()]
    assert boxes
    assert all(box is None or (box["x"] >= 0 and box["x"] + box["width"] <= 360) for box in boxes)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/operator/sign-in", "/operator/open?call=1&sign=2", "/operator/admin"])
def test_nothing_stands_in_the_way_of_who_sees_hears_or_moves_otherwise(
    browser: Browser, framed_by: Site, scheme: Literal["light", "dark"], path: str
) -> None:
    # Our own policy keeps axe-core out as it keeps out everybody's scripts.
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    try:
        window = Window(context.new_page(), framed_by)
        if path == "/operator/admin":
            window.tab.goto(window.url + framed_by.link(FULL))
        window.tab.goto(window.url + path)
        if path == "/operator/sign-in":
            window.tab.get_by_label("Логин").fill("ivanova")
            window.tab.get_by_label("Пароль").fill("wrong password")
            window.tab.get_by_role("button").click()
            window.tab.get_by_role("alert").wait_for()
        window.tab.evaluate(AXE)
        found = window.tab.evaluate("async () => (await axe.run()).violations")
        passed = window.tab.evaluate("async () => (await axe.run()).passes.length")
    finally:
        context.close()
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []
    assert passed > 10
