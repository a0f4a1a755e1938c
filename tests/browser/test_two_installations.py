"""Two installations below paths of one host: a browser shares its storage between them."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page as Tab
from playwright.sync_api import Route

import plugin.web.operator_page

STATIC = Path(plugin.web.operator_page.__file__).parent / "static"
KEEP = "([at, call]) => import(at).then((m) => new m.LocalStore(call, () => {}).put({pending: call}))"
STORED = "(at) => import(at).then((m) => m.stored().map(({call}) => call))"


def module(installation: str) -> str:
    return f"http://127.0.0.1{installation}/operator/page/1/local_store.js"


@pytest.fixture
def host(tab: Tab) -> Tab:
    """A host that serves the page's modules below any path."""

    def serve(route: Route) -> None:
        name = route.request.url.rpartition("/")[2]
        if name.endswith(".js"):
            route.fulfill(path=STATIC / name, content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    tab.route("http://127.0.0.1/**", serve)
    tab.goto("http://127.0.0.1/")
    return tab


@pytest.mark.parametrize("others", [("/east", "/west"), ("", "/west"), ("/east", "")])
def test_what_one_installation_keeps_the_other_neither_sees_nor_sends(host: Tab, others: tuple[str, str]) -> None:
    for at in others:
        host.evaluate(KEEP, [module(at), f"call of {at}"])

    for at in others:
        assert host.evaluate(STORED, module(at)) == [f"call of {at}"]


def test_what_the_installation_at_the_root_kept_before_is_still_found(host: Tab) -> None:
    host.evaluate("localStorage.setItem('optout:c-1', JSON.stringify({pending: 1, kept: Date.now()}))")

    assert host.evaluate(STORED, module("")) == ["c-1"]
