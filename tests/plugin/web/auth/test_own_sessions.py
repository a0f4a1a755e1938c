"""Somebody who is signed in sees where else they are on the page, and ends that; nobody sees anybody else."""

from __future__ import annotations

from plugin.auth.visitor import LinkedCall
from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.auth.browser import Answer, Browser, Site

PAGE = "/operator/sessions"


def signed_in(site: Site, login: str = "ivanova") -> Browser:
    browser = site.browser()
    assert browser.sign_in(login).status == 303
    return browser


def end_others(browser: Browser) -> Answer:
    return browser.ask("POST", PAGE, {"csrf": browser.get(PAGE).field("csrf")})


def test_whoever_came_by_a_link_or_not_at_all_is_sent_to_sign_in(site: Site) -> None:
    for browser in (site.browser(), site.opened(LinkedCall("c-1"))):
        answer = browser.get(PAGE)
        assert (answer.status, answer.to.split("?")[0]) == (303, "/operator/sign-in")


def test_without_the_forms_token_nothing_ends(site: Site) -> None:
    browser, other = signed_in(site), signed_in(site)

    assert browser.ask("POST", PAGE, {}).status == 403
    assert other.get("/operator/").status == 200


def test_all_own_sessions_are_shown_with_their_times_and_only_those(site: Site) -> None:
    site.users.add("petrova", "operator", PASSWORD)
    browser, _, _ = signed_in(site), signed_in(site), signed_in(site, "petrova")
    site.opened(LinkedCall("c-1"))
    body = browser.get(PAGE).body

    assert (body.count("Вход по паролю"), body.count("Открыто из CRM"), body.count("этот браузер")) == (2, 1, 1)
    assert "закончится" in body


def test_the_others_end_and_this_one_and_other_peoples_stay(either: Site) -> None:
    either.users.add("petrova", "operator", PASSWORD)
    browser, other, stranger = signed_in(either), signed_in(either), signed_in(either, "petrova")
    visit = either.opened(LinkedCall("c-1"))
    answer = end_others(browser)

    assert "Остальные входы завершены." in answer.body
    assert "Завершить остальные" not in answer.body
    assert [one.get("/operator/").status for one in (browser, other, stranger)] == [200, 303, 200]
    assert visit.save(None, "c-1").status == 401


def test_alone_there_is_nothing_to_end(site: Site) -> None:
    assert "Завершить остальные" not in signed_in(site).get(PAGE).body
