"""The way in as a part of the whole application: off without a secret, and silent about clients in the log."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from urllib.parse import unquote

import pytest

from plugin.auth.links import Links
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.common.log import set_up_logging, warnings_only
from plugin.config.settings import PageSettings, Settings
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.web import create_app
from tests.plugin.auth.support import FULL, PASSWORD
from tests.plugin.web.auth.browser import PAGE, Browser, Crm
from tests.plugin.web.harness import serving


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    with warnings_only():
        set_up_logging(json_lines=True, stream=stream)
        yield stream


def browser_of(stack: ExitStack, ledger: Ledger, settings: Settings, rules: ActiveRules, page: PageSettings) -> Browser:
    settings = replace(settings, page=page)
    app = create_app(Intake(ledger, rules, settings, utc_now), ledger, settings, rules, Crm({}))
    return Browser(stack.enter_context(serving(app))[0].port)


@pytest.mark.parametrize(
    "path", ["/operator", "/operator/", "/operator/sign-in", "/operator/open?call=c", "/operator/x/y"]
)
def test_without_a_secret_nothing_is_there_and_the_log_says_why(
    ledger: Ledger, settings: Settings, rules: ActiveRules, log: io.StringIO, path: str
) -> None:
    with ExitStack() as stack:
        browser = browser_of(stack, ledger, settings, rules, PageSettings())
        answers = [browser.get(path), browser.ask("POST", path, {})]
    assert [(answer.status, answer.json["error"]["code"]) for answer in answers] == [(404, "not_found")] * 2
    assert log.getvalue().count("[page] secret") == 2


def test_the_bare_address_leads_to_the_operators_page(ledger: Ledger, settings: Settings, rules: ActiveRules) -> None:
    with ExitStack() as stack:
        answer = browser_of(stack, ledger, settings, rules, PAGE).get("/")
    assert (answer.status, answer.headers["location"]) == (302, "/operator/")


def test_the_whole_application_lets_in_by_password_and_by_link_and_logs_nothing_of_either(
    ledger: Ledger, settings: Settings, rules: ActiveRules, log: io.StringIO
) -> None:
    from plugin.auth.passwords import Passwords
    from plugin.auth.users import Users

    Users(ledger, Passwords(), utc_now).add("ivanova", "operator", PASSWORD)
    link = Links.of(PAGE, utc_now).make("ivanova", FULL).removeprefix(PAGE.public_url)
    with ExitStack() as stack:
        browser = browser_of(stack, ledger, settings, rules, PAGE)
        assert browser.sign_in("ivanova", "a wrong password").status == 403
        assert browser.sign_in("Ivanov Ivan Ivanovich", "a wrong password").status == 403
        assert browser.sign_in().status == 303
        assert browser.get(link).status == 303
        assert browser.get(link[:-1]).status == 403
        assert browser.get(link + "&call=1").status == 403
        assert browser.ask("POST", "/operator/frame/testcrm", {"token": "portal", "card": "42"}).status == 303
        assert browser.ask("POST", "/operator/frame/testcrm", {"token": "a-secret", "card": "42"}).status == 403
        assert browser.ask("POST", "/operator/sign-out", {"csrf": "nonsense"}).status == 403
        secrets = [value for header in browser.set if (value := header.split(";")[0].split("=", 1)[1])]
    said = unquote(log.getvalue())
    assert "page.signed_in" in said
    assert "page.link_refused" in said
    secrets += ["9161234567", "Иванов", "Ivanov", "wrong", PASSWORD, link.split("sign=")[1], "a-secret"]
    assert [secret for secret in secrets if secret in said] == []
