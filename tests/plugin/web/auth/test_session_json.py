"""The session as the page's script asks for it, and signing in without leaving the page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.auth.browser import Answer, Browser, Site

PATH = "/operator/session"
HERE = {"X-CSRF-Token": "whatever the page had"}


def sign_in(browser: Browser, body: Any, headers: dict[str, str] | None = None) -> Answer:
    return browser.ask("POST", PATH, None, HERE if headers is None else headers, body)


def test_without_anybody_there_is_no_session(site: Site) -> None:
    answer = site.browser().ask("GET", PATH)

    assert (answer.status, answer.json["error"]["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize("headers", [{}, {**HERE, "Sec-Fetch-Site": "cross-site"}, {**HERE, "Sec-Fetch-Site": "none"}])
def test_another_site_signs_nobody_in(site: Site, headers: dict[str, str]) -> None:
    browser = site.browser()
    answer = sign_in(browser, {"login": "ivanova", "password": PASSWORD}, headers)

    assert answer.status == 403
    assert browser.cookies == {}


@pytest.mark.parametrize(
    "body", [{}, [], {"login": "ivanova"}, {"login": 1, "password": 2}, {"login": "ivanova", "password": "wrong one"}]
)
def test_what_does_not_fit_signs_nobody_in(site: Site, body: Any) -> None:
    browser = site.browser()
    answer = sign_in(browser, body)

    assert (answer.status, answer.json["error"]["code"]) == (403, "wrong_password")
    assert browser.cookies == {}


def test_too_many_failures_are_slowed(site: Site) -> None:
    answers = [sign_in(site.browser(), {"login": "ivanova", "password": "wrong"}) for _ in range(7)]

    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_signed_in_here_the_new_token_is_that_of_the_session(site: Site) -> None:
    browser = site.browser()
    answer = sign_in(browser, {"login": " Ivanova ", "password": PASSWORD})

    assert (answer.status, answer.json["operator"]) == (200, "ivanova")
    assert browser.ask("GET", PATH).json == answer.json
    assert browser.save(answer.json["csrf"]).status == 200
