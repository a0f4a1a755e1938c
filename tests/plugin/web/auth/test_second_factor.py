"""Signing in by password and code, and setting that up."""

from __future__ import annotations

import re
from base64 import b32decode
from dataclasses import replace

import pytest

from plugin.auth.second_factor import reset_second_factor
from plugin.auth.totp import code_at
from plugin.auth.visitor import LinkedCall
from plugin.config.settings import Settings
from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.auth.browser import PAGE, Answer, Browser, Site
from tests.plugin.web.auth.conftest import MakeSite

SET_UP, SIGN_IN = "/operator/second-factor", "/operator/sign-in"


def code(site: Site, secret: bytes) -> str:
    site.clock.forward(seconds=60)
    return code_at(secret, int(site.clock().timestamp()) // 30)


def secret_on(page: Answer) -> bytes:
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.body)
    assert found, page.body
    return b32decode(found[1])


def change(browser: Browser, code: str, password: str = PASSWORD) -> Answer:
    csrf = browser.get(SET_UP).field("csrf")
    return browser.ask("POST", SET_UP, {"csrf": csrf, "password": password, "code": code})


def set_up(site: Site) -> tuple[Browser, bytes, list[str]]:
    browser = site.browser()
    assert browser.sign_in().status == 303
    secret = secret_on(browser.get(SET_UP))
    answer = change(browser, code(site, secret))
    assert "Включено" in answer.body
    return browser, secret, re.findall(r"<code>([a-z2-7-]{19})</code>", answer.body)


def second_step(browser: Browser, page: Answer, code: str) -> Answer:
    values = {"csrf": page.field("csrf"), "next": page.field("next"), "pending": page.field("pending"), "code": code}
    return browser.ask("POST", SIGN_IN, values)


def test_the_password_alone_opens_no_session(either: Site) -> None:
    set_up(either)
    browser = either.browser()
    page = browser.sign_in(back="/operator/?call=c-1")
    assert (page.status, page.title) == (200, "Код подтверждения")
    assert not any("session" in name or "device" in name for name in browser.cookies)
    assert browser.get("/operator/").status == 303


def test_password_and_code_sign_in_and_lead_on(either: Site) -> None:
    _, secret, _ = set_up(either)
    browser = either.browser()
    page = browser.sign_in(back="/operator/?call=c-1")
    wrong = second_step(browser, page, "000000")
    assert (wrong.status, "Код не подошёл." in wrong.body) == (403, True)
    typed = code(either, secret)
    assert second_step(browser, wrong, typed).to == "/operator/?call=c-1"
    assert browser.get("/operator/").status == 200
    # Seen over a shoulder, it is of no use any more.
    other = either.browser()
    assert second_step(other, other.sign_in(), typed).status == 403


def test_a_recovery_code_signs_in_once(site: Site) -> None:
    _, _, recovery = set_up(site)
    for expected in (303, 403):
        browser = site.browser()
        assert second_step(browser, browser.sign_in(), recovery[0]).status == expected


def test_guessing_codes_is_slowed(site: Site) -> None:
    set_up(site)
    browser = site.browser()
    page = browser.sign_in()
    assert [second_step(browser, page, f"00000{number}").status for number in range(6)] == [403] * 5 + [429]


@pytest.mark.parametrize("pending", ["", ".", "a.b.c.d", "ы.9999999999.1.0.ivanova", "x" * 5000])
def test_a_made_up_first_step_is_none(site: Site, pending: str) -> None:
    _, secret, _ = set_up(site)
    browser = site.browser()
    form = browser.get(SIGN_IN)
    values = {"csrf": form.field("csrf"), "next": "", "pending": pending, "code": code(site, secret)}
    assert browser.ask("POST", SIGN_IN, values).status == 400


def test_the_first_step_of_another_browser_or_an_older_password_is_none(site: Site) -> None:
    _, secret, _ = set_up(site)
    browser, thief = site.browser(), site.browser()
    page = browser.sign_in()
    form = thief.get(SIGN_IN)
    values = {"csrf": form.field("csrf"), "next": "", "pending": page.field("pending"), "code": code(site, secret)}
    assert thief.ask("POST", SIGN_IN, values).status == 400
    site.users.change_password("ivanova", PASSWORD + " новый")
    assert second_step(browser, page, code(site, secret)).status == 400
    page = browser.sign_in(password=PASSWORD + " новый")
    site.users.disable("ivanova")
    assert second_step(browser, page, code(site, secret)).status == 400


def test_it_is_set_up_by_password_and_code_only(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    secret = secret_on(browser.get(SET_UP))
    assert change(browser, code(site, secret), "wrong password").status == 403
    assert change(browser, "000000").status == 403
    assert browser.ask("POST", SET_UP, {"password": PASSWORD, "code": code(site, secret)}).status == 403
    assert site.browser().sign_in().status == 303
    page = change(browser, code(site, secret))
    assert page.headers["Cache-Control"] == "no-store"
    assert len(set(re.findall(r"<code>([a-z2-7-]{19})</code>", page.body))) == 10


def test_it_is_switched_off_by_password_and_code_or_by_an_admin(site: Site) -> None:
    browser, secret, _ = set_up(site)
    assert change(browser, "000000").status == 403
    assert secret_on(change(browser, code(site, secret))) != secret
    assert site.browser().sign_in().status == 303
    set_up(site)
    assert reset_second_factor(site.ledger, "ivanova")
    assert browser.get("/operator/").status == 303
    assert site.browser().sign_in().status == 303


def test_whoever_came_by_a_link_sets_nothing_up(site: Site) -> None:
    for browser in (site.browser(), site.opened(LinkedCall("c-1"))):
        assert browser.get(SET_UP).to.startswith(SIGN_IN)


def test_admins_get_nothing_before_they_have_set_it_up_where_it_is_required(
    make_site: MakeSite, settings: Settings
) -> None:
    site = make_site(replace(PAGE, admin_second_factor=True), settings.ledger_url)
    site.users.add("chief", "admin", PASSWORD)
    admin, operator = site.browser(), site.browser()
    assert admin.sign_in("chief").status == 303
    assert operator.sign_in().status == 303
    assert operator.get("/operator/").status == 200
    assert admin.get("/operator/").to == SET_UP
    page = admin.get(SET_UP)
    assert "Администраторам здесь нужен код" in page.body
    csrf = page.field("csrf")
    assert admin.save(csrf, "c-1").json["error"]["code"] == "second_factor_needed"
    assert change(admin, code(site, secret_on(page))).status == 200
    assert admin.get("/operator/admin").status == 200


def test_over_the_page_the_password_alone_opens_no_session_either(either: Site) -> None:
    _, secret, _ = set_up(either)
    browser = either.browser()

    def sign_in_here(**more: str) -> Answer:
        body = {"login": "ivanova", "password": PASSWORD, **more}
        return browser.ask("POST", "/operator/session", None, {"X-CSRF-Token": "of the page"}, body)

    for given, why in (({}, "code_needed"), ({"code": ""}, "code_needed"), ({"code": "000000"}, "wrong_code")):
        answer = sign_in_here(**given)
        assert (answer.status, answer.json["error"]["code"]) == (403, why)
        assert browser.cookies == {}
    typed = code(either, secret)
    assert sign_in_here(code=typed).json["operator"] == "ivanova"
    assert browser.get("/operator/").status == 200
