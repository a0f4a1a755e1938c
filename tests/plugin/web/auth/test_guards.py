"""What stands before every page and route: who is asking, CSRF, cookies, headers, refusals."""

from __future__ import annotations

import pytest
from flask import Flask, request

from plugin.config.settings import PageSettings
from plugin.web.auth.address import client_address
from tests.plugin.auth.support import FULL, KEY, PASSWORD
from tests.plugin.web.auth.browser import FRAMED, PAGE, Browser, Site
from tests.plugin.web.auth.conftest import MakeSite

LOCAL = PageSettings(secret=KEY)
LOCAL_FRAMED = PageSettings(public_url="http://localhost:8080", secret=KEY, frame_ancestors=("http://127.0.0.1:9000",))


# --- who is not let through ------------------------------------------------------------------------


def test_a_page_sends_a_stranger_to_sign_in_and_a_program_gets_401(site: Site) -> None:
    page = site.browser().get("/operator/")
    assert (page.status, page.to) == (303, "/operator/sign-in")
    for answer in (site.browser().save("x"), site.browser().get("/operator/report")):
        assert answer.status == 401
        assert answer.json["error"]["code"] == "not_signed_in"


def test_a_form_that_a_stranger_sent_leads_back_to_its_page_after_signing_in(site: Site) -> None:
    sent = site.browser().ask("POST", "/operator/form?call=c-9", {"csrf": "x"})
    assert sent.to == "/operator/sign-in?next=%2Foperator%2F%3Fcall%3Dc-9"
    assert site.browser().ask("POST", "/operator/form", {}).to == "/operator/sign-in"


def test_operators_do_not_see_what_is_for_admins(site: Site) -> None:
    site.users.add("chief", "admin", PASSWORD)
    operator, admin = site.browser(), site.browser()
    operator.sign_in()
    admin.sign_in("chief")
    assert [browser.get("/operator/admin").status for browser in (operator, admin)] == [403, 200]
    assert [browser.get("/operator/report").status for browser in (operator, admin)] == [403, 200]


@pytest.mark.parametrize("csrf", [None, "", "wrong", "ключ"])
def test_nothing_unsafe_is_taken_without_the_sessions_own_csrf_token(either: Site, csrf: str | None) -> None:
    linked, signed_in = either.opened(FULL), either.browser()
    signed_in.sign_in()
    for browser in (linked, signed_in):
        answer = browser.ask("POST", "/operator/form", {} if csrf is None else {"csrf": csrf})
        assert (answer.status, answer.title) == (403, "Страница устарела")
        encoded = csrf if csrf is None else csrf.encode().decode("latin-1")
        answer = browser.save(encoded)
        assert (answer.status, answer.json["error"]["code"]) == (403, "bad_csrf")


def test_the_csrf_token_of_somebody_else_is_refused(site: Site) -> None:
    mine, theirs = site.opened(FULL), site.opened(FULL)
    assert mine.save(theirs.who()["csrf"]).status == 403
    assert mine.save(mine.who()["csrf"]).status == 200


def test_the_csrf_token_goes_in_the_header_or_in_a_form(site: Site) -> None:
    browser = site.opened(FULL)
    csrf = browser.who()["csrf"]
    assert browser.save(csrf).status == 200
    assert browser.ask("POST", "/operator/form", {"csrf": csrf}).status == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_every_unsafe_method_is_checked_also_where_nothing_is_served(site: Site, method: str) -> None:
    browser = site.opened(FULL)
    assert browser.ask(method, "/operator/nowhere").status == 403
    answer = browser.ask(method, "/operator/nowhere", None, {"X-CSRF-Token": browser.who()["csrf"]})
    assert answer.status == 404


@pytest.mark.parametrize("token", ["", "x", "x" * 5000, "é", "a=b"])
def test_no_made_up_cookie_lets_anybody_in(site: Site, token: str) -> None:
    cookies = {f"__Host-optout_{kind}": token for kind in ("session", "visit", "form")}
    assert Browser(site.port, cookies).get("/operator/").status == 303


def test_a_fault_is_told_as_a_page_without_internals(site: Site) -> None:
    browser = site.opened(FULL)
    answer = browser.get("/operator/broken")
    assert (answer.status, answer.title) == (500, "Не получилось")
    assert "hunter2" not in answer.body


def test_a_ledger_that_is_not_there_is_told_as_a_page_and_to_a_program_as_json(
    make_site: MakeSite, ledger_url: str
) -> None:
    site = make_site(PAGE, ledger_url)
    browser = site.opened(FULL)
    csrf = browser.who()["csrf"]
    with site.ledger.write() as connection:
        connection.exec_driver_sql("ALTER TABLE sessions RENAME TO away")
    try:
        page, program = browser.get("/operator/"), browser.save(csrf)
    finally:
        with site.ledger.write() as connection:
            connection.exec_driver_sql("ALTER TABLE away RENAME TO sessions")
    assert (page.status, page.title) == (503, "Страница сейчас недоступна")
    assert (program.status, program.json["error"]["code"]) == (503, "ledger_unavailable")
    assert page.headers["Retry-After"] == program.headers["Retry-After"] == "5"
    assert browser.who()["call"] == FULL.id


# --- cookies and headers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "name", "attributes"),
    [
        (PAGE, "__Host-optout_", {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"}),
        (FRAMED, "__Host-optout_", {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"}),
        (LOCAL, "optout_", {"HttpOnly", "Path=/", "SameSite=Lax"}),
        (LOCAL_FRAMED, "__Host-optout_", {"Secure", "HttpOnly", "Path=/", "SameSite=None", "Partitioned"}),
    ],
    ids=["https", "framed", "local", "local and framed"],
)
def test_cookies_are_as_strict_as_the_deployment_allows(
    make_site: MakeSite, ledger_url: str, page: PageSettings, name: str, attributes: set[str]
) -> None:
    site = make_site(page, ledger_url)
    browser = site.browser()
    browser.sign_in()
    browser.get(site.link(FULL))
    kept = [header.split("; ") for header in browser.set if "Max-Age=0" not in header]
    names = {cookie.split("=")[0].rstrip("0123456789abcdef") for cookie, *_ in kept}
    assert names == {f"{name}{kind}" for kind in ("form", "session", "visit", "device_")}
    for _, *given in kept:
        # Only that of a known browser outlives the browser's session.
        assert {one for one in given if not one.startswith(("Max-Age=", "Expires="))} == attributes
    browser.ask("POST", "/operator/sign-out", {"csrf": browser.who()["csrf"]})
    dropped = [header.split("; ") for header in browser.set if "Max-Age=0" in header]
    assert {cookie.split("=")[0] for cookie, *_ in dropped} == {
        f"{name}{kind}" for kind in ("form", "session", "visit")
    }
    for _, *given in dropped:
        assert attributes <= set(given)


@pytest.mark.parametrize(
    "path",
    [
        *("/operator", "/operator/", "/operator/sign-in", "/operator/open?call=1&sign=2", "/operator/nowhere"),
        *("/operator/access/access.css", "/operator/frame/testcrm", "/operator/report"),
    ],
)
def test_everything_there_has_the_security_headers(site: Site, path: str) -> None:
    headers = site.browser().get(path).headers
    assert headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == ("no-cache" if path.endswith(".css") else "no-store")


def test_pages_hold_no_script_and_no_style_of_their_own(site: Site) -> None:
    for path in ("/operator/sign-in", "/operator/open?call=1&sign=2"):
        body = site.browser().get(path).body
        assert not any(inline in body for inline in ("<script", "<style", "style=", "onclick", "http://", "https://"))


# --- addresses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, None, "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.9:5555", "203.0.113.9"),
        (1, "[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        (1, '"[2001:db8:1:2::9]:443"', "2001:db8:1:2::/64"),
        (1, "[::ffff:203.0.113.9]:443", "203.0.113.9"),
        (1, "203.0.113.9:", "unknown"),
        (1, "somebody", "unknown"),
        (1, "", "unknown"),
    ],
)
def test_the_clients_address_is_told_by_as_many_proxies_as_are_trusted(
    proxies: int, forwarded: str | None, expected: str
) -> None:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    with Flask("x").test_request_context(headers=headers, environ_base={"REMOTE_ADDR": "192.0.2.1"}):
        assert client_address(request, proxies) == expected
