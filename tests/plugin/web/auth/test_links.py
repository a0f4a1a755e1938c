"""Links and plain buttons of a CRM, opened in a browser."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from connectors.base import CardRef
from plugin.auth.visitor import LinkedCall
from tests.plugin.auth.support import FULL
from tests.plugin.web.auth.browser import Browser, Site

OTHER = LinkedCall("c-78", "+79160000000")


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda link: link.replace("operator=ivanova", "operator=admin"),
        lambda link: link.replace("call=c-77", "call=c-78"),
        lambda link: link[:-1],
        lambda link: link.split("&sign=")[0] + "&sign=",
        lambda link: link + "&call=c-78",
        lambda link: link.replace("expires=1", "expires=2"),
    ],
    ids=["operator", "call", "cut off", "without a signature", "a second call", "later"],
)
def test_a_forged_link_opens_nothing_and_says_nothing_of_why(site: Site, change: object) -> None:
    browser = site.browser()
    answer = browser.get(change(site.link(FULL)))  # type: ignore[operator]
    assert (answer.status, answer.title) == (403, "Ссылка недействительна")
    assert browser.cookies == {}
    assert "ivanova" not in answer.body


def test_a_link_that_is_too_old_says_so_and_what_to_do(site: Site) -> None:
    link = site.link(FULL)
    site.clock.forward(minutes=31)
    answer = site.browser().get(link)
    assert (answer.status, answer.title) == (410, "Ссылка больше не действует")
    assert "откройте страницу оттуда ещё раз" in answer.body


@pytest.mark.parametrize("path", ["/operator/answers?call=c-78", "/operator/calls/c-78/answers"])
def test_a_link_to_one_call_touches_no_other(either: Site, path: str) -> None:
    browser = either.opened(FULL)
    csrf = browser.who()["csrf"]
    answer = browser.ask("POST", path, None, {"X-CSRF-Token": csrf}, {})
    assert (answer.status, answer.json["error"]["code"]) == (403, "other_call")


def test_a_page_of_another_call_is_refused_as_a_page(either: Site) -> None:
    answer = either.opened(FULL).get("/operator/?call=c-78")
    assert (answer.status, answer.title) == (403, "Эта страница — для другого звонка")


def test_a_call_named_in_the_body_is_held_to_the_link_too(site: Site) -> None:
    browser = site.opened(FULL)
    csrf = {"X-CSRF-Token": browser.who()["csrf"]}
    assert browser.ask("POST", "/operator/by-body", None, csrf, {"call": OTHER.id}).status == 403
    assert browser.ask("POST", "/operator/by-body", None, csrf, {"call": FULL.id}).json["call"] == FULL.id


def test_a_link_makes_nobody_an_admin(site: Site) -> None:
    browser = site.opened(FULL)
    assert browser.get("/operator/admin").title == "Эта страница — для администратора"
    assert browser.get("/operator/report").json["error"]["code"] == "not_admin"


def test_the_session_of_a_link_ends_too(site: Site) -> None:
    browser = site.opened(FULL)
    site.clock.forward(hours=12)
    assert browser.get(f"/operator/?{urlencode({'call': FULL.id})}").status == 303


def test_the_token_of_one_kind_of_session_is_none_of_the_other(site: Site) -> None:
    browser = site.opened(FULL)
    token = browser.cookies["__Host-optout_visit"]
    assert Browser(site.port, {"__Host-optout_session": token}).get("/operator/").status == 303


# --- opening ---------------------------------------------------------------------------------------


def test_a_link_leads_to_the_page_of_its_call_and_leaves_nothing_of_itself_in_the_address(either: Site) -> None:
    browser = either.browser()
    answer = browser.get(either.link(FULL))
    assert (answer.status, answer.to) == (303, "/operator/?call=c-77%2F8")
    assert answer.body.count("sign") == 0
    assert browser.get(answer.to).json | {"csrf": ""} == {
        "operator": "ivanova",
        "role": "operator",
        "call": FULL.id,
        "known": [FULL.id, FULL.phone, FULL.name],
        "csrf": "",
    }


def test_a_link_may_be_opened_again_in_its_time_also_elsewhere(site: Site) -> None:
    link = site.link(FULL)
    first, second = site.browser(), site.browser()
    for browser in (first, first, second):
        assert browser.get(link).status == 303
        assert browser.who()["call"] == FULL.id


def test_a_call_that_is_open_in_a_tab_can_be_saved_after_the_next_link_was_opened(either: Site) -> None:
    browser = either.opened(FULL)
    csrf = browser.who()["csrf"]
    browser.get(either.link(OTHER))
    assert browser.save(csrf, FULL.id).json["call"] == FULL.id
    assert browser.save(csrf, OTHER.id).json["call"] == OTHER.id
    assert browser.who()["call"] == OTHER.id


def test_the_link_of_another_operator_takes_over_nothing(site: Site) -> None:
    browser = site.opened(FULL)
    csrf = browser.who()["csrf"]
    browser.get(site.link(OTHER, "petrov"))
    assert browser.who()["operator"] == "petrov"
    assert browser.get(f"/operator/?{urlencode({'call': FULL.id})}").status == 403
    assert browser.save(csrf, OTHER.id).status == 403


def test_who_is_signed_in_and_opens_a_link_has_both(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    session = browser.who()["csrf"]
    browser.get(site.link(FULL, "petrov"))
    assert (browser.who(FULL.id)["operator"], browser.who()["operator"]) == ("petrov", "ivanova")
    assert browser.save(session, "another call").json["operator"] == "ivanova"
    assert browser.save(browser.who(FULL.id)["csrf"], FULL.id).json["operator"] == "petrov"


def test_a_plain_button_needs_somebody_signed_in_and_fills_the_page_for_them(either: Site) -> None:
    button = "/operator/open?" + urlencode(
        {"call": "c-9", "phone": "+79161234567", "card": "contact:42", "name": "Иванов"}
    )
    browser = either.browser()
    asked = browser.get(button)
    assert asked.to.startswith("/operator/sign-in?next=")
    back = browser.ask("GET", asked.to).field("next")
    assert browser.sign_in(back=back).to == button
    answer = browser.get(button)
    assert answer.to == "/operator/?call=c-9"
    assert browser.who("c-9")["known"] == ["c-9", "+79161234567", "Иванов"]
    assert browser.who("c-9")["call"] is None


def test_a_plain_button_does_nothing_for_who_came_by_a_link(site: Site) -> None:
    assert site.opened(FULL).get("/operator/open?call=c-9").to.startswith("/operator/sign-in?next=")


def test_a_plain_button_that_cannot_be_read_says_so(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    for query in ("", "?call=c&url=javascript:x", "?call=c&call=d"):
        assert browser.get(f"/operator/open{query}").title == "Ссылка недействительна"


def test_a_link_holds_a_card_as_the_page_needs_it(site: Site) -> None:
    from datetime import timedelta

    from plugin.auth.sessions import Sessions

    browser = site.opened(FULL)
    sessions = Sessions(site.ledger, site.clock, timedelta(hours=1), b"key")
    session = sessions.find(browser.cookies["__Host-optout_visit"])
    assert session is not None
    call = sessions.call(session, FULL.id)
    assert call == FULL
    assert call is not None
    assert call.card == CardRef("contact", "42")


def test_a_link_of_a_disabled_operator_opens_nothing_and_ends_what_is_open(site: Site) -> None:
    browser = site.opened(LinkedCall("c-1"))
    who = browser.who("c-1")
    site.users.disable("ivanova")
    assert browser.save(who["csrf"], "c-1").status == 401
    answer = site.browser().get(site.link(LinkedCall("c-2")))
    assert (answer.status, answer.title) == (403, "Вам закрыт доступ к этой странице")
