"""Behind a reverse proxy that serves the plugin below a path, whether it takes the path off or leaves it in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from waitress.adjustments import Adjustments

from plugin.auth.links import Links
from plugin.auth.users import Users
from plugin.auth.visitor import LinkedCall
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.settings import PageSettings, Settings
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.web import create_app
from plugin.web.lanes import lane_of
from plugin.web.request_parser import BoundedParser
from tests.plugin.auth.support import FULL, PASSWORD, cheap_passwords
from tests.plugin.web.auth.browser import FRAMED, PAGE, Answer, Browser, Crm
from tests.plugin.web.harness import CRM_LIMIT, LIMIT, PATH_SECRET, Site, call_result, serving, signed

BELOW = "/apps/optout"
ADMIN_PAGE = replace(PAGE, admin_second_factor=True)


class Proxied(Browser):
    """A browser whose proxy passes on what lies below the path; ``strips``: without it."""

    strips = False

    def ask(self, method: str, path: str, *args: object, **more: object) -> Answer:
        assert path.startswith(f"{BELOW}/"), f"the proxy serves something else at {path}"
        return super().ask(method, path.removeprefix(BELOW) if self.strips else path, *args, **more)  # type: ignore[arg-type]

    def follow(self, answer: Answer) -> Answer:
        assert answer.status in (302, 303, 308), answer.body
        return self.get(answer.to)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture(params=[False, True], ids=["left in", "taken off"])
def strips(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def site_of(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, page: PageSettings = PAGE
) -> Site:
    settings = replace(settings, page=page, web=replace(settings.web, path=BELOW))
    app = create_app(Intake(ledger, rules, settings, utc_now), ledger, settings, rules, Crm({}))
    return Site(stack.enter_context(serving(app, path=BELOW))[0].port, ledger, rules, settings)


def person(site: Site, strips: bool, role: str = "operator") -> Proxied:
    browser = Proxied(site.port)
    browser.strips = strips
    Users(site.ledger, cheap_passwords(), utc_now).add("ivanova", role, PASSWORD)
    return browser


def sign_in(browser: Proxied, back: str = "") -> Answer:
    form = browser.get(f"{BELOW}/operator/sign-in" + (f"?{urlencode({'next': back})}" if back else ""))
    action = re.search(r'action="([^"]+)"', form.body)
    assert action is not None
    values = {"login": "ivanova", "password": PASSWORD, "csrf": form.field("csrf"), "next": form.field("next")}
    return browser.ask("POST", action[1], values)


def test_a_stranger_signs_in_and_comes_back_to_the_call_that_was_asked_for(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, strips: bool
) -> None:
    browser = person(site_of(stack, ledger, settings, rules), strips)
    asked = browser.get(f"{BELOW}/operator/?call=c-1")
    assert asked.to == f"{BELOW}/operator/sign-in?next=%2Foperator%2F%3Fcall%3Dc-1"
    came = sign_in(browser, "/operator/?call=c-1")
    assert (came.status, came.to) == (303, f"{BELOW}/operator/?call=c-1")
    assert browser.follow(came).status == 200


def test_every_address_in_the_pages_and_every_redirect_lies_below_the_path(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, strips: bool
) -> None:
    browser = person(site_of(stack, ledger, settings, rules), strips)
    assert browser.get(f"{BELOW}/").to == f"{BELOW}/operator/"
    assert browser.get(f"{BELOW}/operator").to == f"{BELOW}/operator/"
    assert sign_in(browser).to == f"{BELOW}/operator/"
    home = browser.get(f"{BELOW}/operator/")
    csrf = home.field("csrf")
    begun = browser.ask("POST", f"{BELOW}/operator/start", {"phone": "+79161234567", "csrf": csrf})
    pages = [home, browser.follow(begun)]
    pages += [browser.get(f"{BELOW}/operator/{name}") for name in ("password", "second-factor", "sign-in?other=1")]
    pages += [browser.get(f"{BELOW}/operator/open?sign=x")]
    for page in pages:
        found = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.body)
        assert found
        assert [address for address in found if not address.startswith(f"{BELOW}/operator")] == []
        for address in found:
            assert browser.get(address.replace("&amp;", "&")).status not in (404, 500), address
    assert f'"root":"{BELOW}/operator/"' in pages[1].body.replace(" ", "")
    out = browser.ask("POST", f"{BELOW}/operator/sign-out", {"csrf": csrf})
    assert out.to == f"{BELOW}/operator/sign-in"


def test_an_admin_without_a_second_factor_is_led_to_it_below_the_path(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    browser = person(site_of(stack, ledger, settings, rules, ADMIN_PAGE), False, "admin")
    assert browser.follow(sign_in(browser)).to == f"{BELOW}/operator/second-factor"


def test_a_link_leads_below_the_path_of_the_public_host(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, strips: bool
) -> None:
    browser = person(site_of(stack, ledger, settings, rules), strips)
    link = Links.of(PAGE, utc_now, BELOW).make("ivanova", FULL)
    assert link.startswith(f"{PAGE.public_url}{BELOW}/operator/open?")
    opened = browser.get(link.removeprefix(PAGE.public_url))
    assert opened.to.startswith(f"{BELOW}/operator/?call=")
    assert browser.follow(opened).status == 200


def test_a_frame_whose_cookie_is_not_kept_offers_a_link_below_the_path(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    browser = person(site_of(stack, ledger, settings, rules, FRAMED), False)
    link = Links.of(FRAMED, utc_now, BELOW).make("ivanova", LinkedCall("c-1", "+79161234567"))
    tried = browser.get(link.removeprefix(FRAMED.public_url), Sec_Fetch_Dest="iframe")
    assert tried.to.startswith(f"{BELOW}/operator/open?")
    assert tried.to.endswith("&tried=1")
    browser.cookies.clear()
    assert f'href="{BELOW}/operator/open?' in browser.get(tried.to).body


@pytest.mark.parametrize(
    ("page", "prefix"),
    [(PAGE, "__Secure-"), (FRAMED, "__Secure-"), (replace(PAGE, public_url="http://127.0.0.1:8080"), "")],
    ids=["https", "framed", "local"],
)
def test_cookies_are_for_the_path_alone_so_that_its_neighbours_are_not_sent_them(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, page: PageSettings, prefix: str
) -> None:
    browser = person(site_of(stack, ledger, settings, rules, page), False)
    browser.follow(sign_in(browser))
    assert browser.set
    for header in browser.set:
        assert header.startswith(f"{prefix}optout_")
        assert f"Path={BELOW}/" in header.split("; ")


def test_events_probes_and_the_api_page_are_found_with_the_path_and_without_it(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    site = site_of(stack, ledger, settings, rules)
    for path in (BELOW, ""):
        body, headers = signed(call_result(f"e{len(path)}"))
        assert site.ask("POST", f"{path}/events/call-result", body, headers).status == 202
        body = b'{"calls": [], "references": []}'
        assert site.ask("POST", f"{path}/events/testcrm/{PATH_SECRET}", body).status == 200
        assert [site.ask("GET", f"{path}/{probe}").status for probe in ("healthz", "readyz", "metrics")] == [200] * 3
    assert site.ask("GET", f"{BELOW}/docs").headers["location"] == f"{BELOW}/docs/"
    page = site.ask("GET", f"{BELOW}/docs/").body.decode()
    for address in re.findall(r'(?:href|src)="([^"]+)"', page):
        assert address.startswith(f"{BELOW}/docs/")
        assert site.ask("GET", address).status == 200
    assert f'"{BELOW}/openapi.json"' in page
    assert site.ask("GET", f"{BELOW}/openapi.json").json["servers"] == [{"url": BELOW}]


@pytest.mark.parametrize(
    "path", [f"{BELOW}s/healthz", "/apps/healthz", f"{BELOW}{BELOW}/healthz", "/apps", f"{BELOW}x"]
)
def test_what_only_looks_like_the_path_is_not_found(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, path: str
) -> None:
    assert site_of(stack, ledger, settings, rules).ask("GET", path).status == 404


def test_limits_and_lanes_go_by_what_comes_after_the_path(
    stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules
) -> None:
    site = site_of(stack, ledger, settings, rules)
    body = b"x" * (LIMIT + 1)
    assert LIMIT < CRM_LIMIT
    assert site.ask("POST", f"{BELOW}/events/call-result", body).status == 413
    assert site.ask("POST", f"{BELOW}/events/testcrm/{PATH_SECRET}", body).status == 400


@pytest.mark.parametrize(
    ("path", "lane"), [("/operator/sign-in", "passwords"), ("/operator/", "pages"), ("", "events")]
)
def test_threads_are_chosen_by_what_comes_after_the_path(path: str, lane: str) -> None:
    class Parser(BoundedParser):
        below = BELOW

    parser = Parser(Adjustments())
    parser.received(f"POST {BELOW}{path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
    assert (parser.path, lane_of(parser.command, parser.path)) == (path or "/", lane)
