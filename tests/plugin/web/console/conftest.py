"""The console as it is served: the whole application on SQLite, and browsers that are signed in by role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.settings import PageSettings, Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger import Ledger
from tests.plugin.auth.support import KEY, HandClock
from tests.plugin.web.console.console_site import ConsoleSite
from tests.support.databases import migrate

RULES = Path(__file__).parents[4] / "rules"


@pytest.fixture
def console(settings: Settings) -> Iterator[ConsoleSite]:
    clock = HandClock()
    ledger = Ledger(settings.ledger_url, clock=clock)
    migrate(ledger)
    rules = ActiveRules(ledger, clock)
    rules.activate(Rulebook.load(RULES), "test", "start")
    page = PageSettings(public_url="http://localhost", source="telephony", secret=KEY)
    yield ConsoleSite(ledger, rules, replace(settings, page=page), clock)
    rules.close()
    ledger.close()
