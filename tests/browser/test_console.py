"""The console in a browser: axe on every page in both themes, wide and narrow; by keys alone; without a script."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, expect
from playwright.sync_api import Page as Tab

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import PageSettings, Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.doctor.for_console import setup_tools
from plugin.ledger import Ledger
from plugin.web import WebServer, bind, create_app
from plugin.web.limits import BodyLimits
from tests.browser.test_accessible import AXE, TAGS
from tests.plugin.auth.support import KEY, PASSWORD, HandClock
from tests.plugin.web.console.busy_day import fill
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.console.every_page import addresses
from tests.plugin.web.harness import ENVIRON

RULES = Path(__file__).parents[2] / "rules"
SIZES = {"wide": (1366, 768), "narrow": (360, 740)}


@dataclass
class Shown:
    """A busy day's console, running."""

    url: str
    site: ConsoleSite
    calls: dict[str, int]

    def pages(self) -> dict[str, str]:
        """An address of every kind of page."""
        all_ = addresses(self.site, self.calls)
        # Forms that add something are alike: some of them stand for all.
        forms = {name for name in all_ if name.startswith("rules, +") or name.endswith("of a card")}
        left_out = forms - {"rules, + question", "rules, + step", "rules, answer of a card"}
        return {name: path for name, path in all_.items() if name not in left_out}


@pytest.fixture
def console(settings: Settings, ledger_file: str, tmp_path: Path) -> Iterator[Shown]:
    clock, listener = HandClock(), bind("127.0.0.1", 0)
    url = f"http://localhost:{listener.getsockname()[1]}"
    own = replace(settings, ledger_url=ledger_file, page=PageSettings(public_url=url, source="telephony", secret=KEY))
    ledger = Ledger(ledger_file, clock=clock)
    rules = ActiveRules(ledger, clock)
    rules.activate(Rulebook.load(RULES), "test", "start")
    site = ConsoleSite(ledger, rules, own, clock)
    site.person("supervisor", "петрова")
    site.person("admin", "главная")
    tools = setup_tools(tmp_path / "plugin.toml", ENVIRON, clock)
    app = create_app(site.intake, ledger, own, rules, None, now=clock, tools=tools)
    server = WebServer(app, listener, threads=4, limits=BodyLimits(262_144, 262_144))
    thread = threading.Thread(target=server.run, kwargs={"finish_within": 5.0})
    thread.start()
    yield Shown(url, site, fill(site))
    server.stop()
    thread.join(20)
    rules.close()
    ledger.close()


def sign_in(shown: Shown, tab: Tab, login: str = "главная", path: str = "/console/") -> None:
    """By what is written on the screen, by keys alone."""
    tab.goto(f"{shown.url}{path}")
    # The browser moves the focus with its first picture, which may come after the page is loaded.
    expect(tab.get_by_label("Логин")).to_be_focused()
    tab.keyboard.type(login)
    tab.keyboard.press("Tab")
    tab.keyboard.type(PASSWORD)
    tab.keyboard.press("Enter")
    tab.wait_for_url(f"**{path}")


def faults(tab: Tab, *rules: str) -> list[str]:
    """What axe finds, by these rules only or by all of them."""
    wanted = {"type": "rule", "values": list(rules)} if rules else {"type": "tag", "values": TAGS}
    found: list[dict[str, Any]] = tab.evaluate(
        "wanted => axe.run(document, {runOnly: wanted}).then(found => found.violations)", wanted
    )
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found]


@pytest.mark.parametrize(("size", "first", "second"), [("wide", "light", "dark"), ("narrow", "dark", "light")])
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(
    console: Shown, open_context: Callable[..., BrowserContext], size: str, first: Any, second: Any
) -> None:
    width, height = SIZES[size]
    context = open_context(viewport={"width": width, "height": height}, bypass_csp=True)
    tab = context.new_page()
    sign_in(console, tab)
    found = {}
    for name, path in console.pages().items():
        tab.emulate_media(color_scheme=first)
        tab.goto(f"{console.url}/console{path}")
        tab.evaluate(AXE)
        tab.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        told = faults(tab)
        # The other theme differs in its colours only.
        tab.emulate_media(color_scheme=second)
        told += faults(tab, "color-contrast")
        wider = tab.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if told or wider > 0:
            found[name] = (told, wider)
    assert found == {}


def test_a_stopped_delivery_is_found_and_retried_by_keys_alone(console: Shown, tab: Tab) -> None:
    sign_in(console, tab, "петрова")
    tab.get_by_role("link", name="остановлено").focus()
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", name="Доставки")).to_be_visible()
    tab.get_by_role("link", name="Повторить…").focus()
    tab.keyboard.press("Enter")
    tab.get_by_label("Зачем").focus()
    tab.keyboard.type("CRM починили")
    tab.keyboard.press("Control+Enter")
    expect(tab.get_by_text("Сделано: 1 из 1.")).to_be_visible()
    expect(tab.get_by_text("петрова: CRM починили")).to_be_visible()


def test_a_slash_goes_to_the_search_and_a_call_is_found_by_its_number(console: Shown, tab: Tab) -> None:
    sign_in(console, tab, "петрова", "/console/calls")
    tab.keyboard.press("/")
    tab.keyboard.type("111-22-33")
    tab.keyboard.press("Enter")
    tab.get_by_role("link", name="+7 903 111-22-33").click()
    expect(tab.get_by_text("Обещанный срок прошёл 6 ч назад.")).to_be_visible()
    # A slash that is typed into a field stays one.
    tab.goto(f"{console.url}/console/calls")
    tab.get_by_label("Имя клиента").fill("")
    tab.keyboard.type("/")
    expect(tab.get_by_label("Имя клиента")).to_have_value("/")


def test_without_a_script_everything_is_done_as_well(
    console: Shown, open_context: Callable[..., BrowserContext]
) -> None:
    tab = open_context(java_script_enabled=False).new_page()
    sign_in(console, tab)
    tab.get_by_role("link", name="Исключения").click()
    tab.get_by_label("Номера, по одному в строке").fill("8 916 555-44-33")
    tab.get_by_label("Зачем").fill("звонил юрист")
    tab.get_by_role("button", name="Исключить", exact=True).click()
    expect(tab.get_by_text("Исключён: звонки с")).to_be_visible()
    tab.get_by_role("link", name="Звонки", exact=True).click()
    tab.get_by_label("Имя клиента").fill("ёлкин")
    tab.get_by_role("button", name="Найти").click()
    tab.get_by_role("link", name="+7 926 765-43-21").click()
    expect(tab.get_by_role("heading", name="Почему так")).to_be_visible()


def test_the_operators_page_leads_to_the_console_and_back(console: Shown, tab: Tab) -> None:
    sign_in(console, tab, "петрова", "/operator/")
    tab.get_by_role("link", name="Консоль").click()
    expect(tab.get_by_role("heading", name="Сегодня")).to_be_visible()
    tab.get_by_role("link", name="Страница оператора").click()
    expect(tab.get_by_role("heading", name="Новый звонок")).to_be_visible()
