"""The operator's page as it runs: a real ledger, the shipped rules, the way in, waitress; and what an operator does."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from playwright.sync_api import Page as Tab
from sqlalchemy import select

from connectors.base import CardRef, Connector
from plugin.auth.links import Links
from plugin.auth.users import Users
from plugin.auth.visitor import LinkedCall
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.settings import PageSettings, Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.ledger.schema import calls, decisions, deliveries, events
from plugin.ledger.trails import trails
from plugin.web import WebServer, bind, create_app
from plugin.web.limits import BodyLimits
from tests.plugin.auth.support import cheap_passwords
from tests.support.chromium import PATIENCE

KEY = base64.b64encode(b"a signing key of the tests, long enough to be one").decode()
CALL = LinkedCall(
    "c-77", "+79161234567", CardRef("contact", "42"), "Иванов Иван Иванович", "https://crm.example.org/contact/42"
)
OPERATOR = "Петрова Анна"
PASSWORD = "верная лошадь батарея"


@dataclass
class Site:
    """A running page and what is behind it."""

    url: str
    ledger: Ledger
    rules: ActiveRules
    settings: Settings
    links: Links
    folder: Path
    users: Users
    _made: int = field(default=0)

    def link(self, call: LinkedCall = CALL, operator: str = OPERATOR) -> str:
        """A signed link to a call."""
        return self.links.make(operator, call)

    def call(self, **changes: Any) -> LinkedCall:
        """Another call each time."""
        self._made += 1
        return replace(CALL, **{"id": f"c-{self._made}", **changes})

    def rows(self, table: Any, **where: Any) -> list[Mapping[str, Any]]:
        """The rows of a table of the ledger."""
        query = select(table).where(*(table.c[name] == value for name, value in where.items())).order_by(table.c.id)
        with self.ledger.read() as connection:
            return [dict(row._mapping) for row in connection.execute(query)]

    def outcome(self, call_id: str) -> str | None:
        """What is recorded of a call; None: nothing is."""
        found = self.rows(calls, call_id=call_id)
        return found[-1]["outcome"] if found else None

    def facts(self, call_id: str) -> Mapping[str, Any]:
        """The facts of the call's last decision."""
        (call,) = self.rows(calls, call_id=call_id)
        return dict(self.rows(decisions, call_ref=call["id"])[-1]["facts"])

    def events(self, call_id: str) -> list[Mapping[str, Any]]:
        """What was reported of a call."""
        return [event for call in self.rows(calls, call_id=call_id) for event in self.rows(events, call_ref=call["id"])]

    def rows_of_calls(self, call_id: str) -> list[Mapping[str, Any]]:
        """The call's rows."""
        return self.rows(calls, call_id=call_id)

    def planned(self, call_id: str) -> list[Mapping[str, Any]]:
        """What goes to the CRM and by mail."""
        found = self.rows(calls, call_id=call_id)
        return [row for call in found for row in self.rows(deliveries, call_ref=call["id"])]

    def trail(self, call_id: str) -> Mapping[str, Any]:
        """The call's trail."""
        return self.rows(trails, call_id=call_id)[-1]

    def publish(self, old: str, new: str, file: str = "rules.toml", script: str = "survey_opt_out") -> str:
        """Make rules with this change the active ones; their revision."""
        place = self.folder / script / file
        text = place.read_text(encoding="utf-8")
        assert old in text
        place.write_text(text.replace(old, new), encoding="utf-8")
        book = Rulebook.load(self.folder)
        self.rules.activate(book, "test", "change")
        return book.revision


@contextmanager
def running_site(
    settings: Settings,
    rules_folder: Path,
    ledger_url: str,
    *,
    threads: int = 8,
    connector: Connector | None = None,
    **page: Any,
) -> Iterator[Site]:
    """The page for the length of the block; ``page``: settings of ``[page]`` besides the key."""
    first = Rulebook.load(rules_folder)
    listener = bind("127.0.0.1", 0)
    port = listener.getsockname()[1]
    public = page.pop("public_url", f"http://localhost:{port}")
    own = replace(
        settings, ledger_url=ledger_url, page=PageSettings(public_url=public, source="telephony", secret=KEY, **page)
    )
    ledger = Ledger(ledger_url)
    ledger.upgrade()
    rules = ActiveRules(ledger, utc_now)
    rules.activate(first, "test", "start")
    app = create_app(Intake(ledger, rules, own, utc_now), ledger, own, rules, connector)
    server = WebServer(app, listener, threads=threads, limits=BodyLimits(262_144, 262_144))
    thread = threading.Thread(target=server.run, kwargs={"finish_within": 5.0})
    thread.start()
    links = Links([KEY], f"{public}/operator/open", _minutes(own), utc_now)
    try:
        users = Users(ledger, cheap_passwords(), utc_now)
        yield Site(public, ledger, rules, own, links, rules_folder, users)
    finally:
        server.stop()
        thread.join(20)
        rules.close()
        ledger.close()


def _minutes(settings: Settings) -> Any:
    from datetime import timedelta

    return timedelta(minutes=settings.page.link_minutes)


#: The page takes an answer 300 ms after a phrase has come, a confirmation after 400; the key itself takes a moment.
_UNSEEN = 320.0
_TOO_SOON = 420.0

# --- what an operator does -------------------------------------------------------------------------


def phrase(tab: Tab) -> str:
    """The words on the screen that are read out or found out."""
    return tab.locator("#phrase").inner_text()


def press(tab: Tab, *keys: str) -> None:
    """Press keys one after the other, as fast as the page shows what they are for."""
    for key in keys:
        if key == "Enter":
            _confirm(tab)
            continue
        if key.isdigit():
            seen(tab)
        tab.keyboard.press(key)


def seen(tab: Tab) -> None:
    """Wait until the page takes an answer to its screen."""
    _let_stand(tab, _UNSEEN)


def _confirm(tab: Tab) -> None:
    """Press Enter once the screen has stood long enough: the page takes none that was meant for the one before."""
    while True:
        _let_stand(tab, _TOO_SOON)
        ending = tab.locator('#stage[data-screen="ending"]').count() == 1
        tab.keyboard.press("Enter")
        # The server's own words may have come in between, and with them the screen anew.
        anew = ending and tab.locator('#stage[data-screen="ending"]:not(:has(.notice.warn))').count() == 1
        if not anew or _stood(tab) >= _TOO_SOON:
            return


def _let_stand(tab: Tab, milliseconds: float) -> None:
    """Wait until the screen has been there for so long; one that comes in between counts anew."""
    while (left := milliseconds - _stood(tab)) > 0:
        tab.wait_for_timeout(left)


def _stood(tab: Tab) -> float:
    """For how many milliseconds this screen has been there."""
    stood: float = tab.evaluate("performance.now() - Number(document.getElementById('stage').dataset.shown)")
    return stood


def type_answer(tab: Tab, text: str) -> None:
    """Type into the answer that has the focus."""
    tab.keyboard.type(text)
    seen(tab)
    tab.keyboard.press("Enter")


def screen(tab: Tab, name: str) -> None:
    """Wait for a kind of screen."""
    tab.locator(f'#stage[data-screen="{name}"]').wait_for(timeout=PATIENCE)


def exact(tab: Tab) -> None:
    """Wait until the end shows what the server is going to write."""
    tab.locator('.result[data-exact="true"]').wait_for()


def saved(tab: Tab) -> None:
    """Wait until the server has the trail."""
    tab.locator('#link[data-state="saved"]').wait_for(timeout=PATIENCE)
