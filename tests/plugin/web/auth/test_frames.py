"""The page in a frame of the CRM: who may show it, and how the CRM proves that it opened it."""

from __future__ import annotations

from html import unescape
from urllib.parse import urlencode

import pytest
from sqlalchemy import insert

from plugin.ledger.trails import trails
from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.auth.browser import Site

FRAME = "/operator/frame/testcrm"


@pytest.mark.parametrize(
    ("form", "status", "title"),
    [
        ({}, 403, "CRM не подтвердила, что страницу открыла она"),
        ({"token": "forged", "call": "c-1"}, 403, "CRM не подтвердила, что страницу открыла она"),
        ({"token": "portal"}, 400, "CRM не подтвердила, что страницу открыла она"),
        ({"token": "slow"}, 503, "CRM сейчас не отвечает"),
        ({"token": "rightless"}, 502, "CRM не показывает этот звонок"),
    ],
)
def test_what_the_crm_does_not_prove_is_refused_as_a_page(
    framed: Site, form: dict[str, str], status: int, title: str
) -> None:
    browser = framed.browser()
    answer = browser.ask("POST", FRAME, form)
    assert (answer.status, answer.title) == (status, title)
    assert browser.cookies == {}
    assert answer.headers["Retry-After"] == ("7" if status == 503 else None)


def test_a_crm_that_is_not_connected_has_no_frame(framed: Site) -> None:
    answer = framed.browser().ask("POST", "/operator/frame/othercrm", {"token": "portal", "call": "c-1"})
    assert (answer.status, answer.title) == (404, "Эта CRM не подключена")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_frame_opens_the_call_that_the_crm_tells_and_no_other(framed: Site, method: str) -> None:
    browser = framed.browser()
    query = "?token=portal&call=c-1"
    answer = browser.ask(method, FRAME + query if method == "GET" else FRAME, {"token": "portal", "call": "c-1"})
    assert (answer.status, answer.to) == (303, "/operator/?call=c-1")
    who = browser.get(answer.to).json
    assert (who["operator"], who["call"], who["known"]) == ("ivanova", "c-1", ["c-1", "+79161234567", None])
    assert browser.save(who["csrf"], "c-2").status == 403


def test_a_card_without_a_call_gets_one_that_is_gone_on_with_when_it_is_opened_again(framed: Site) -> None:
    browser = framed.browser()

    def opened(card: str) -> str:
        return browser.ask("POST", FRAME, {"token": "portal", "card": card}).to

    first = opened("42")
    assert first.startswith("/operator/?call=page-")
    assert opened("42") == first
    assert opened("43") != first
    assert framed.browser().ask("POST", FRAME, {"token": "portal", "card": "42"}).to != first
    framed.clock.forward(hours=1)
    assert opened("42") != first


def begin(framed: Site, call: str, operator: str, card: str | None) -> None:
    """A call that somebody has begun on the page."""
    about = {"card": {"type": "contact", "id": card}} if card else {}
    now = framed.clock()
    row = {"namespace": framed.page.source, "call_id": call, "generation": 1, "script": "s", "revision": "r", "seq": 1}
    row |= {"operator": operator, "about": about, "entries": [], "state": "open", "started_at": now, "updated_at": now}
    with framed.ledger.write() as connection:
        connection.execute(insert(trails), row)


@pytest.mark.parametrize(
    ("operator", "card", "form", "goes_on"),
    [
        ("ivanova", None, {}, True),
        ("petrov", "42", {}, False),
        ("petrov", "42", {"card": "43", "seen": "1"}, False),
        ("petrov", "42", {"card": "42"}, False),
        ("petrov", "42", {"card": "42", "seen": "1"}, True),
        ("petrov", None, {"card": "42", "seen": "1"}, False),
    ],
)
def test_a_call_that_somebody_else_has_begun_goes_on_only_where_the_crm_shows_its_card(
    framed: Site, operator: str, card: str | None, form: dict[str, str], goes_on: bool
) -> None:
    begin(framed, "c-1", operator, card)
    answer = framed.browser().ask("POST", FRAME, {"token": "portal", "call": "c-1"} | form)
    assert answer.status == 303
    assert (answer.to == "/operator/?call=c-1") is goes_on


def test_only_the_named_origins_may_show_the_page_in_a_frame(framed: Site, site: Site) -> None:
    within = framed.browser().get("/operator/sign-in").headers
    assert "frame-ancestors https://crm.example.org" in within["Content-Security-Policy"]
    assert within["X-Frame-Options"] is None
    alone = site.browser().get("/operator/sign-in").headers
    assert "frame-ancestors 'none'" in alone["Content-Security-Policy"]
    assert alone["X-Frame-Options"] == "DENY"


IFRAME = {"Sec-Fetch-Dest": "iframe"}
TAB = "Откройте страницу в новой вкладке"


@pytest.mark.parametrize("keeps_cookies", [True, False])
def test_a_frame_whose_browser_keeps_no_cookies_offers_the_same_link_in_a_tab(
    framed: Site, keeps_cookies: bool
) -> None:
    browser = framed.browser()
    answer = browser.ask("POST", FRAME, {"token": "portal", "call": "c-1"}, IFRAME)
    assert answer.status == 303
    if not keeps_cookies:
        browser.cookies.clear()
    answer = browser.ask("GET", answer.to.removeprefix(framed.page.public_url), None, IFRAME)

    if keeps_cookies:
        assert (answer.status, answer.to) == (303, "/operator/?call=c-1")
        return
    assert (answer.status, answer.title) == (200, TAB)
    link = unescape(answer.body.split('<a class="button" href="')[1].split('"')[0])
    tab = framed.browser()
    assert tab.get(link).to == "/operator/?call=c-1"


@pytest.mark.parametrize("headers", [IFRAME, {}], ids=["in a frame", "in a tab"])
def test_who_signs_in_without_cookies_is_not_asked_again_and_again_for_no_reason(
    framed: Site, headers: dict[str, str]
) -> None:
    browser, back = framed.browser(), "/operator/open?call=c-1&phone=%2B79161234567"
    form = browser.get(f"/operator/sign-in?{urlencode({'next': back})}")
    browser.cookies.clear()
    values = {"login": "ivanova", "password": PASSWORD, "csrf": form.field("csrf"), "next": form.field("next")}
    answer = browser.ask("POST", "/operator/sign-in", values, headers)

    if not headers:
        assert (answer.status, "разрешите cookie для этого адреса" in answer.body) == (400, True)
        return
    assert (answer.status, answer.title) == (200, TAB)
    assert unescape(answer.body.split('<a class="button" href="')[1].split('"')[0]) == back
