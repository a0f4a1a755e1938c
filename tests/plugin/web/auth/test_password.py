"""Somebody who is signed in changes their own password; nobody else does."""

from __future__ import annotations

import pytest

from plugin.auth.visitor import LinkedCall
from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.auth.browser import Answer, Browser, Site

PAGE, NEW = "/operator/password", "другие длинные слова"


def change(browser: Browser, current: str = PASSWORD, new: str = NEW, again: str | None = None) -> Answer:
    csrf = browser.get(PAGE).field("csrf")
    return browser.ask("POST", PAGE, {"csrf": csrf, "current": current, "new": new, "again": again or new})


def signed_in(site: Site, password: str = PASSWORD) -> Browser:
    browser = site.browser()
    assert browser.sign_in(password=password).status == 303
    return browser


@pytest.mark.parametrize(
    ("values", "status", "told"),
    [
        ({"current": "wrong password"}, 403, "Прежний пароль не подошёл."),
        ({"new": "короткий"}, 422, "Пароль короче 12 знаков."),
        ({"new": "qwertyuiop123"}, 422, "Этот пароль знают все: его пробуют первым."),
        ({"again": NEW + "?"}, 422, "Новый пароль набран по-разному."),
    ],
)
def test_a_change_that_is_not_taken_says_why_and_changes_nothing(
    site: Site, values: dict[str, str], status: int, told: str
) -> None:
    answer = change(signed_in(site), **values)
    assert (answer.status, told in answer.body) == (status, True)
    assert not any(value in answer.body for value in (PASSWORD, NEW))
    signed_in(site)


def test_guessing_the_present_password_is_slowed_here_too(site: Site) -> None:
    browser = signed_in(site)
    assert [change(browser, "wrong password").status for _ in range(6)] == [403] * 5 + [429]


def test_without_the_forms_token_nothing_is_changed(site: Site) -> None:
    browser = signed_in(site)
    assert browser.ask("POST", PAGE, {"current": PASSWORD, "new": NEW, "again": NEW}).status == 403
    signed_in(site)


def test_whoever_came_by_a_link_or_not_at_all_is_sent_to_sign_in(site: Site) -> None:
    for browser in (site.browser(), site.opened(LinkedCall("c-1"))):
        answer = browser.get(PAGE)
        assert answer.status == 303
        assert answer.to.startswith("/operator/sign-in")


def test_after_a_change_this_browser_stays_and_others_are_out(either: Site) -> None:
    browser, other = signed_in(either), signed_in(either)
    answer = change(browser)
    assert (answer.status, "Пароль изменён" in answer.body) == (200, True)
    assert browser.get("/operator/").status == 200
    assert other.get("/operator/").status == 303
    assert either.browser().sign_in().status == 403
    signed_in(either, NEW)
