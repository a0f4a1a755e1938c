"""Every page of the console on a busy day, on either database: it opens, and what people typed is text on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import PageSettings, Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from tests.plugin.auth.support import KEY, HandClock
from tests.plugin.web.console.busy_day import MARKUP, fill
from tests.plugin.web.console.conftest import RULES
from tests.plugin.web.console.console_site import ConsoleSite
from tests.plugin.web.console.every_page import addresses
from tests.support.databases import migrate

#: Pages that are to refuse.
REFUSED = {"refused": 422, "not there": 404, "rules, no such script": 422}


@pytest.fixture
def on_either(settings: Settings, ledger_url: str) -> Iterator[ConsoleSite]:
    """The console on a ledger of each database."""
    clock = HandClock()
    page = PageSettings(public_url="http://localhost", source="telephony", secret=KEY)
    with closing(Ledger(ledger_url, clock=clock)) as ledger:
        migrate(ledger)
        with closing(ActiveRules(ledger, clock)) as rules:
            rules.activate(Rulebook.load(RULES), "test", "start")
            yield ConsoleSite(ledger, rules, replace(settings, page=page, ledger_url=ledger_url), clock)


def test_every_page_opens_on_either_database_and_shows_what_was_typed_as_text(on_either: ConsoleSite) -> None:
    found = fill(on_either)
    evil = on_either.report(
        "evil", call={"operator": MARKUP, "note": MARKUP}, card={"name": MARKUP, "id": MARKUP, "url": "javascript:x"}
    )
    on_either.park(on_either.deliveries_of(evil)[0], why=MARKUP)
    on_either.person("supervisor", "петрова")
    admin = on_either.person("admin", "главная")
    admin.done("/console/calls/views?state=parked", name=MARKUP)
    pages = addresses(on_either, found) | {
        "call, evil": f"/calls/{evil}",
        "calls, all": "/calls",
        "delivery, evil": f"/deliveries/{on_either.deliveries_of(evil)[0]}",
        "report": "/promises/report?month=2026-11",
    }
    statuses = {}
    for name, path in pages.items():
        shown = admin.get(f"/console{path}")
        statuses[name] = shown.status
        assert len(shown.html.encode()) <= 150_000, name
        assert "<script>alert" not in shown.html, name
        assert "<img src=x" not in shown.html, name
        assert 'href="javascript' not in shown.html, name
    assert statuses == dict.fromkeys(pages, 200) | REFUSED
