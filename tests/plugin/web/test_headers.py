"""Every answer says what a browser may do with it; redirects lead to this server, and the docs are for this machine."""

from __future__ import annotations

import base64
import hashlib
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from plugin.common.clock import utc_now
from plugin.config.settings import Settings
from plugin.events.intake import Intake
from plugin.web import create_app
from tests.plugin.web.harness import Crm, Heard, Site, serving

WANTED = (
    "content-security-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "referrer-policy",
    "x-content-type-options",
)


@pytest.fixture
def with_page(site: Site, settings: Settings) -> Iterator[Callable[..., Site]]:
    """Makes a site whose operators' page is on."""

    def make(**web: object) -> Site:
        page = replace(settings.page, secret="k" * 40)
        own = replace(settings, page=page, web=replace(settings.web, **web))  # type: ignore[arg-type]
        intake = Intake(site.ledger, site.rules, own, utc_now)
        server, _ = stack.enter_context(serving(create_app(intake, site.ledger, own, site.rules, Crm({}))))
        return Site(server.port, site.ledger, site.rules, own)

    with ExitStack() as stack:
        yield make


def ask_raw(port: int, request: bytes) -> Heard:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as peer:
        peer.sendall(request)
        received = b""
        while part := peer.recv(65536):
            received += part
    head, _, body = received.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Heard(int(lines[0].split()[1]), headers, body)


PATHS = ["/", "/docs", "/docs/", "/docs/swagger-ui.css", "/openapi.json", "/healthz", "/readyz", "/metrics", "/nothing"]
PATHS += ["/events/call-result", "/operator", "/operator/", "/operator/sign-in", "/operator/open", "/operator/nothing"]
PATHS += ["/operator/frame/testcrm", "/operator/access/access.css"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_answer_has_every_security_header(with_page: Callable[..., Site], method: str) -> None:
    site = with_page()
    for path in PATHS:
        headers = site.ask(method, path).headers
        assert [name for name in WANTED if name not in headers] == [], path


@pytest.mark.parametrize("request_", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n"])
def test_what_the_server_refuses_by_itself_has_them_too(site: Site, request_: bytes) -> None:
    headers = ask_raw(site.port, request_).headers
    assert [name for name in WANTED if name not in headers] == []


def test_without_a_page_everything_under_it_has_them_too(site: Site) -> None:
    headers = site.ask("GET", "/operator/").headers
    assert [name for name in WANTED if name not in headers] == []


# --- redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/", "/docs", "/operator", "//evil.example/docs", "/docs//", "/operator//sign-in"])
def test_no_redirect_takes_the_host_headers_word_or_is_kept(with_page: Callable[..., Site], target: str) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    heard = ask_raw(with_page().port, request.encode())
    if 300 <= heard.status < 400:
        assert re.match(r"/(?![/\\])", heard.headers["location"])
        assert heard.headers["cache-control"] == "no-store"
        assert b"evil.example" not in heard.body
    assert heard.status in {301, 302, 303, 308, 404}


def test_a_missing_slash_is_still_added(with_page: Callable[..., Site]) -> None:
    site = with_page()
    assert site.ask("GET", "/operator?call=c-1").headers["location"] == "/operator/?call=c-1"
    assert site.ask("GET", "/docs").headers["location"] == "/docs/"


# --- /docs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/docs", "/docs/", "/docs/swagger-ui-bundle.js", "/openapi.json"])
def test_the_docs_are_for_this_machine_or_by_a_setting(with_page: Callable[..., Site], path: str) -> None:
    proxied = {"X-Forwarded-For": "198.51.100.7"}
    closed, opened = with_page(), with_page(docs=True)
    assert closed.ask("GET", path).status < 400
    assert closed.ask("GET", path, headers=proxied).status == 404
    assert opened.ask("GET", path, headers=proxied).status < 400


def test_the_script_within_the_docs_is_allowed_by_its_digest_and_no_other(site: Site) -> None:
    page = site.ask("GET", "/docs/")
    script = re.findall(rb"<script>(.*?)</script>", page.body, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0]).digest()).decode()
    policy = page.headers["content-security-policy"]
    assert f"script-src 'self' 'sha256-{digest}';" in policy
    assert len(script) == 1
