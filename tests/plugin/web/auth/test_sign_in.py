"""Signing in and out, as a browser does it."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher

from plugin.auth.passwords import Passwords, PasswordsBusy
from plugin.auth.users import Users
from plugin.config.settings import Settings
from tests.plugin.auth.support import PASSWORD
from tests.plugin.web.auth.browser import PAGE, Browser, Site
from tests.plugin.web.auth.conftest import MakeSite

SIGN_IN = "/operator/sign-in"
ELSEWHERE = [
    "https://evil.example.org/",
    "//evil.example.org/operator/",
    "/\\evil.example.org/operator/",
    "/operator/\\\\evil.example.org",
    "/operator//evil.example.org",
    "/operator/%2f/evil.example.org",
    "/operator/%5cevil.example.org",
    "/operator/\t/evil.example.org",
    "/operator/../docs/",
    "/operator/%2e%2e/docs/",
    "/operator/./../docs/",
    "/operatorevil",
    "javascript:alert(1)",
    "/docs/",
    "\n/operator/",
    "/operator/\r\nSet-Cookie: a=b",
    "/operator/" + "x" * 3000,
    "",
]


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("login", "password"), [("ivanova", "wrong password"), ("petrov", PASSWORD), ("x" * 999, "wrong")]
)
def test_a_wrong_name_and_a_wrong_password_are_answered_alike(site: Site, login: str, password: str) -> None:
    answer = site.browser().sign_in(login, password)
    assert answer.status == 403
    assert "Логин или пароль не подошли." in answer.body
    assert password not in answer.body


def test_a_disabled_user_is_answered_as_an_unknown_one(site: Site) -> None:
    unknown = site.browser().sign_in("petrov").body.replace("petrov", "")
    site.users.disable("ivanova")
    disabled = site.browser().sign_in("ivanova").body.replace("ivanova", "")
    assert without_tokens(disabled) == without_tokens(unknown)


def test_the_right_password_of_a_disabled_user_counts_as_a_failure(site: Site) -> None:
    site.users.disable("ivanova")
    assert [site.browser().sign_in().status for _ in range(6)] == [403] * 5 + [429]


def without_tokens(page: str) -> str:
    return page.replace(page.split('name="csrf" value="')[1].split('"', maxsplit=1)[0], "")


def test_an_empty_form_is_sent_back_and_counts_as_no_failure(site: Site) -> None:
    browser = site.browser()
    for _ in range(10):
        assert browser.sign_in("ivanova", "").status == 422
        assert browser.sign_in(" ", PASSWORD).status == 422
    assert browser.sign_in().status == 303


def test_failures_are_slowed_for_everybody_alike_and_the_right_password_has_to_wait_too(either: Site) -> None:
    for login in ("ivanova", "petrov"):
        browser = either.browser()
        assert [browser.sign_in(login, "wrong password").status for _ in range(5)] == [403] * 5
        answer = browser.sign_in(login)
        assert (answer.status, answer.headers["Retry-After"]) == (429, "5")
        assert "Подождите 5 с." in answer.body
    either.clock.forward(seconds=5)
    assert either.browser().sign_in("ivanova").status == 303
    assert either.browser().sign_in("petrov").status == 403


def test_a_browser_that_has_signed_its_owner_in_is_not_kept_out_by_strangers(either: Site) -> None:
    owner = either.browser()
    assert owner.sign_in().status == 303
    let_in = []
    for minute in range(50):
        stranger = [either.browser().sign_in("ivanova", f"guess {minute}").status for _ in range(2)]
        assert minute < 3 or 429 in stranger
        let_in.append(over_night(owner).sign_in().status)
        either.clock.forward(seconds=20)
    assert set(let_in) == {303}


def over_night(browser: Browser) -> Browser:
    """The browser with nothing but what it keeps when it is closed."""
    return Browser(browser.port, {name: value for name, value in browser.cookies.items() if "device" in name})


def test_an_owners_sign_in_gives_strangers_no_more_tries(site: Site) -> None:
    owner = site.browser()
    owner.sign_in()
    assert [site.browser().sign_in("ivanova", "guess").status for _ in range(6)] == [403] * 5 + [429]
    assert over_night(owner).sign_in().status == 303
    assert site.browser().sign_in("ivanova", "guess").status == 429


def test_a_known_browser_is_slowed_by_its_own_failures(site: Site) -> None:
    owner = site.browser()
    owner.sign_in()
    assert [over_night(owner).sign_in("ivanova", "guess").status for _ in range(6)] == [403] * 5 + [429]
    # Other browsers have their own count.
    assert site.browser().sign_in().status == 303


@pytest.mark.parametrize("token", ["", ".", "..", "a.1.b", "a.9999999999.", "ы.9999999999.ы", "a" * 100])
def test_a_forged_or_foreign_token_of_a_browser_proves_nothing(site: Site, token: str) -> None:
    owner = site.browser()
    owner.sign_in()
    site.users.add("petrov", "operator", PASSWORD)
    (name,) = [name for name in owner.cookies if "device" in name]
    other = site.browser()
    other.sign_in("petrov")
    (own,) = [value for name, value in other.cookies.items() if "device" in name]
    for _ in range(5):
        site.browser().sign_in("ivanova", "guess")
    for given in (token, own, owner.cookies[name] + "0"):
        assert Browser(site.port, {name: quote(given)}).sign_in().status == 429


def test_a_known_browser_is_forgotten_in_the_end(site: Site) -> None:
    owner = site.browser()
    owner.sign_in()
    site.clock.forward(days=181)
    for _ in range(5):
        site.browser().sign_in("ivanova", "guess")
    assert over_night(owner).sign_in().status == 429


def test_a_browser_that_many_share_keeps_some_of_them(site: Site) -> None:
    shared = site.browser()
    for number in range(23):
        site.users.add(f"user{number}", "operator", PASSWORD)
        shared = over_night(shared)
        assert shared.sign_in(f"user{number}").status == 303
    assert len([name for name in shared.cookies if "device" in name]) == 20


def test_whoever_waited_too_long_for_a_turn_is_asked_to_come_back(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Passwords, "verify", _busy)
    answer = site.browser().sign_in()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "3")
    assert "Сейчас входят многие" in answer.body
    monkeypatch.undo()
    # Nothing was counted.
    assert [site.browser().sign_in("ivanova", "guess").status for _ in range(5)] == [403] * 5


def _busy(*_: object) -> bool:
    raise PasswordsBusy


@pytest.mark.slow
def test_a_flood_of_sign_ins_holds_up_no_other_request(site: Site) -> None:
    statuses: list[int] = []
    forms = [site.browser() for _ in range(24)]
    threads = [
        threading.Thread(target=lambda one=one: statuses.append(one.sign_in("x", "guess").status)) for one in forms
    ]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    assert site.browser().get("/operator/").status == 303
    assert time.monotonic() - started < 10
    for thread in threads:
        thread.join(60)
    assert set(statuses) <= {403, 429, 503}


def test_failures_are_counted_for_the_address_that_the_proxy_tells(site: Site) -> None:
    for number in range(30):
        assert site.browser().sign_in(f"user{number}", "wrong password", X_Forwarded_For=f"203.0.113.{number}").status
    # No proxy is trusted: all of them came from here.
    assert site.browser().sign_in().status == 429


def test_behind_a_trusted_proxy_one_client_does_not_slow_another(make_site: MakeSite, settings: Settings) -> None:
    site = make_site(replace(PAGE, trusted_proxies=1), settings.ledger_url)
    for number in range(30):
        # What a client writes into the header itself stands before what the proxy adds.
        forged = f"198.51.100.{number}, 203.0.113.1"
        assert site.browser().sign_in(f"user{number}", "wrong password", X_Forwarded_For=forged).status == 403
    assert site.browser().sign_in(X_Forwarded_For="198.51.100.99, 203.0.113.1").status == 429
    assert site.browser().sign_in(X_Forwarded_For="203.0.113.2").status == 303


def test_a_form_of_another_site_signs_nobody_in(site: Site) -> None:
    values = {"login": "ivanova", "password": PASSWORD, "next": "/operator/"}
    own = site.browser()
    own.get(SIGN_IN)
    stolen = site.browser().get(SIGN_IN).field("csrf")
    for browser, csrf in ((site.browser(), ""), (site.browser(), stolen), (own, stolen), (own, ""), (own, "\u0448")):
        answer = browser.ask("POST", SIGN_IN, values | {"csrf": csrf})
        assert answer.status == 400
        assert "устарела" in answer.body
        assert not any("session" in name for name in browser.cookies)


@pytest.mark.parametrize("back", ELSEWHERE, ids=lambda back: back[:30])
def test_nobody_is_sent_on_to_another_place(site: Site, back: str) -> None:
    browser = site.browser()
    form = browser.get(f"{SIGN_IN}?next={quote(back)}")
    assert form.field("next") == "/operator/"
    values = {"login": "ivanova", "password": PASSWORD, "csrf": form.field("csrf"), "next": back}
    assert browser.ask("POST", SIGN_IN, values).to == "/operator/"
    assert browser.get(f"{SIGN_IN}?next={quote(back)}").to == "/operator/"


def test_what_was_typed_or_asked_for_is_text_on_the_page(site: Site) -> None:
    attack = "\"'><script>alert(1)</script>"
    page = site.browser().sign_in(attack, "wrong password", back=f"/operator/?call={attack}").body
    assert "<script" not in page
    assert "&#34;&#39;&gt;&lt;script&gt;" in page


# --- signing in ------------------------------------------------------------------------------------


def test_who_signs_in_gets_where_they_wanted_to(site: Site) -> None:
    browser = site.browser()
    asked = browser.get("/operator/?call=c-77&x=%D0%B0")
    assert asked.status == 303
    answer = browser.ask("GET", asked.to)
    assert answer.field("next") == "/operator/?call=c-77&x=%D0%B0"
    assert browser.sign_in(" IVANOVA ", back="/operator/?call=c-77").to == "/operator/?call=c-77"
    assert browser.who()["operator"] == "ivanova"
    assert browser.who("any call")["call"] is None


def test_a_new_session_begins_with_every_sign_in_and_a_planted_token_is_worth_nothing(either: Site) -> None:
    attacker, victim = either.browser(), either.browser()
    either.users.add("petrov", "operator", PASSWORD)
    attacker.sign_in("petrov")
    planted = attacker.cookies["__Host-optout_session"]
    for token in (planted, "made-up"):
        victim.cookies = {"__Host-optout_session": token}
        # The form is not shown to whoever is signed in already: a page opened before.
        form = either.browser()
        csrf = form.get(SIGN_IN).field("csrf")
        victim.cookies |= form.cookies
        values = {"login": "ivanova", "password": PASSWORD, "csrf": csrf}
        assert victim.ask("POST", SIGN_IN, values).status == 303
        assert victim.cookies["__Host-optout_session"] != token
        assert victim.who()["operator"] == "ivanova"
    assert attacker.get("/operator/").status == 303


@pytest.mark.parametrize("out", ["disabled", "another password"])
def test_whoever_is_disabled_or_gets_another_password_is_out_at_the_next_request(either: Site, out: str) -> None:
    browser = either.browser()
    browser.sign_in()
    csrf = browser.who()["csrf"]
    assert browser.save(csrf).status == 200
    if out == "disabled":
        either.users.disable("ivanova")
    else:
        either.users.change_password("ivanova", PASSWORD + "!")
    assert browser.get("/operator/").status == 303
    assert browser.save(csrf).status == 401


def test_signing_out_ends_the_session_for_whoever_has_its_token(either: Site) -> None:
    browser = either.browser()
    browser.sign_in()
    thief = Browser(either.port, dict(browser.cookies))
    assert browser.ask("POST", "/operator/sign-out", {"csrf": "wrong"}).status == 403
    assert thief.get("/operator/").status == 200
    assert browser.ask("POST", "/operator/sign-out", {"csrf": browser.who()["csrf"]}).to == SIGN_IN
    assert [name for name in browser.cookies if "device" not in name] == []
    assert thief.get("/operator/").status == 303


def test_a_session_that_is_not_used_ends_and_use_prolongs_it(site: Site) -> None:
    browser = site.browser()
    browser.sign_in()
    for _ in range(2):
        site.clock.forward(hours=7)
        assert browser.get("/operator/").status == 200
    site.clock.forward(hours=12)
    assert browser.get("/operator/").status == 303


def test_a_password_of_older_parameters_is_hashed_again_when_its_user_signs_in(site: Site) -> None:
    older = Passwords(PasswordHasher(time_cost=2, memory_cost=8, parallelism=1))
    Users(site.ledger, older, site.clock).change_password("ivanova", PASSWORD)
    for _ in range(2):
        assert site.browser().sign_in().status == 303
        user = site.users.find("ivanova")
        assert user is not None
        assert "t=1" in user.password_hash
