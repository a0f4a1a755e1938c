"""The samples for nginx and Caddy, run before the plugin: at a host's root and below a path."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask

from plugin.auth.users import Users
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.common.log import set_up_logging, warnings_only
from plugin.config.load import load_settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.web import create_app
from tests.deploy.proxies import Proxy, proxy
from tests.plugin.auth.support import PASSWORD, cheap_passwords
from tests.plugin.web.auth.browser import PAGE, Answer, Browser, Crm
from tests.plugin.web.harness import (
    CRM_LIMIT,
    ENVIRON,
    LIMIT,
    PATH_SECRET,
    PLUGIN_TOML,
    call_result,
    serving,
    signed,
)
from tests.support.databases import migrate
from tests.support.processes import free_port, wait_until

# A proxy is started once for all of them.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("reverse-proxy")]

HOSTS = {"": "optout.example.org", "/optout": "crm.example.org"}


class Through(Browser):
    """A browser that asks the proxy over TLS."""

    host = ""
    proxy: Proxy

    def ask(
        self, method: str, path: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> Answer:  # fmt: skip
        sent = {"Host": self.host, **(headers or {})}
        if self.cookies:
            sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if form is not None:
            body, sent["Content-Type"] = urlencode(form), "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", self.proxy.tls, timeout=30)
        connection.sock = tls(self.proxy, self.host)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            heard = Answer(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()
        self._keep(heard.headers.get_all("Set-Cookie") or [])
        return heard


def tls(own: Proxy, host: str) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", own.tls), timeout=30)
    return own.trust.wrap_socket(plain, server_hostname=host)


@dataclass
class House:
    """A proxy, the plugin behind it, and how both are asked."""

    proxy: Proxy
    path: str
    log: io.StringIO
    app: Flask
    port: int
    running: ExitStack

    @property
    def browser(self) -> Through:
        browser = Through(0)
        browser.proxy, browser.host = self.proxy, HOSTS[self.path]
        return browser

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return self.browser.ask(method, self.path + path, None, headers, body)

    def start(self) -> None:
        """Start the plugin on its port."""
        self.running.enter_context(serving(self.app, path=self.path, port=self.port))

    @contextmanager
    def without_the_plugin(self) -> Iterator[None]:
        self.running.close()
        yield
        self.start()


@pytest.fixture(scope="module", params=[(name, path) for name in ("nginx", "caddy") for path in HOSTS], ids=str)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    name, path = request.param
    folder = tmp_path_factory.mktemp("house")
    (folder / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    settings = load_settings(folder / "plugin.toml", ENVIRON)
    page = replace(PAGE, public_url=f"https://{HOSTS[path]}", trusted_proxies=1)
    settings = replace(settings, page=page, web=replace(settings.web, path=path, docs=True))
    ledger, log = Ledger(settings.ledger_url), io.StringIO()
    migrate(ledger)
    rules = ActiveRules(ledger, utc_now)
    rules.activate(Rulebook.load(settings.rules_dir), "test", "start")
    Users(ledger, cheap_passwords(), utc_now).add("ivanova", "operator", PASSWORD)
    app = create_app(Intake(ledger, rules, settings, utc_now), ledger, settings, rules, Crm({}))
    with ExitStack() as stack:
        stack.callback(ledger.close)
        stack.callback(rules.close)
        stack.enter_context(warnings_only())
        set_up_logging(json_lines=True, stream=log)
        port = free_port()
        own = House(stack.enter_context(proxy(name, folder, port, below=bool(path))), path, log, app, port, ExitStack())
        stack.callback(own.running.close)
        own.start()
        yield own


def test_events_come_in_and_a_lost_plugin_is_503_with_retry_after(house: House) -> None:
    body, headers = signed(call_result("e-1"))
    assert house.ask("POST", "/events/call-result", body, headers).status == 202
    with house.without_the_plugin():
        for path in ("/events/call-result", "/operator/"):
            away = house.ask("POST", path, body, headers)
            assert (away.status, away.json["error"]["code"]) == (503, "unavailable")
            assert away.headers["Retry-After"] == "10"
        page = house.ask("GET", "/operator/?call=1", headers={"Accept": "text/html,application/xhtml+xml;q=0.9"})
        assert (page.status, page.title) == (503, "Страница сейчас недоступна")
        assert page.headers["Content-Type"].startswith("text/html")
        assert page.headers["Retry-After"] == "10"
    # It is known by then.
    assert house.ask("POST", "/events/call-result", body, headers).status == 200


def test_the_plugin_itself_refuses_what_is_too_large_up_to_what_the_proxy_takes(house: House) -> None:
    to_crm = f"/events/testcrm/{PATH_SECRET}"
    assert house.ask("POST", to_crm, b" " * (CRM_LIMIT - 100)).status == 400
    told = house.ask("POST", to_crm, b" " * (CRM_LIMIT + 1))
    assert (told.status, told.json["error"]["code"]) == (413, "too_large")
    assert "max_crm_event_bytes" in told.json["error"]["hint"]
    assert house.ask("POST", "/events/call-result", b" " * (LIMIT + 1)).status == 413
    told = house.ask("POST", to_crm, b" " * (9 * 1024 * 1024))
    assert (told.status, told.json["error"]["code"]) == (413, "too_large")
    assert ("client_max_body_size" in told.json["error"]["hint"]) == (house.proxy.name == "nginx")


def test_an_operator_signs_in_begins_a_call_and_gets_every_file_of_its_page(house: House) -> None:
    browser = house.browser
    home = browser.get(f"{house.path}/")
    assert home.to == f"{house.path}/operator/"
    form = browser.get(browser.get(home.to).to)
    action = re.search(r'action="([^"]+)"', form.body)
    assert action is not None
    values = {"login": "ivanova", "password": PASSWORD, "csrf": form.field("csrf"), "next": form.field("next")}
    start = browser.get(browser.ask("POST", action[1], values).to)
    begun = browser.ask("POST", f"{house.path}/operator/start", {"phone": "+79161234567", "csrf": start.field("csrf")})
    page = browser.get(begun.to)
    assert page.status == 200
    files = re.findall(r'(?:href|src)="(/[^"]+\.(?:js|css))"', page.body)
    assert files
    assert {browser.get(file).status for file in files} == {200}
    assert {"Secure", f"Path={house.path}/"} <= set(browser.set[0].split("; "))


def test_the_client_is_who_asked_the_proxy_whatever_the_client_says(house: House) -> None:
    browser = house.browser
    form = browser.get(f"{house.path}/operator/sign-in")
    values = {"login": "ivanova", "password": "wrong" * 4, "csrf": form.field("csrf"), "next": form.field("next")}
    forged = {"X-Forwarded-For": "203.0.113.9"}
    assert browser.ask("POST", f"{house.path}/operator/sign-in", values, forged).status == 403
    (line,) = [line for line in map(json.loads, house.log.getvalue().splitlines()) if "sign_in_failed" in line["event"]]
    assert line["client"] == "127.0.0.1"


def test_what_is_for_this_machine_only_does_not_get_out(house: House) -> None:
    paths = ["/metrics", "/metrics/", "/docs", "/docs/", "/docs/index.css", "/openapi.json", "/healthz", "/readyz"]
    assert {path: house.ask("GET", path).status for path in paths} == dict.fromkeys(paths, 404)


def test_a_header_that_does_not_end_is_not_waited_for(house: House) -> None:
    with tls(house.proxy, HOSTS[house.path]) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        assert not connection.recv(4096).startswith(b"HTTP/1.1 200")


def test_http_leads_to_https_and_browsers_are_told_to_stay_there(house: House) -> None:
    if house.path:
        assert house.browser.get(house.path).to == f"{house.path}/"
        return
    assert house.ask("GET", "/operator/").headers["Strict-Transport-Security"] == "max-age=31536000"
    if house.proxy.name == "caddy":
        return  # by itself, with the certificates that it gets; the test brings its own
    connection = http.client.HTTPConnection("127.0.0.1", house.proxy.plain, timeout=30)
    connection.request("GET", "/operator/?call=1", headers={"Host": HOSTS[""]})
    answer = connection.getresponse()
    connection.close()
    assert (answer.status, answer.headers["Location"]) == (308, f"https://{HOSTS['']}/operator/?call=1")


def test_a_proxy_logs_no_secret_number_or_name_of_an_address_though_the_plugin_is_away(house: House) -> None:
    def ask() -> None:
        house.ask("POST", f"/events/testcrm/{PATH_SECRET}", b"{}")
        house.ask("GET", "/operator/open?phone=%2B79161234567&name=Ivanov")

    def logged() -> str:
        return "".join(file.read_text(encoding="utf-8") for file in house.proxy.log.parent.glob("*.log"))

    line = '"POST /events/testcrm" '
    before = logged().count(line)
    ask()
    with house.without_the_plugin():
        ask()
    if house.proxy.name == "nginx" and not house.path:
        wait_until(lambda: logged().count(line) == before + 2)
    told = [line for line in logged().splitlines() if re.search(f"{PATH_SECRET}|9161234567|Ivanov", line)]
    assert told == []
