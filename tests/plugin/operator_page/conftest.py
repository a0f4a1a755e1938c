"""Page sessions on each database in turn, with the shipped rules and a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plugin.authoring.revisions.active import ActiveRules
from plugin.config.load import load_settings
from plugin.config.settings import PageSettings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.operator_page.sessions import PageSessions
from tests.plugin.auth.support import HandClock
from tests.plugin.operator_page.pages import RULES, PageHarness
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML


@pytest.fixture
def pages(ledger_url: str, tmp_path: Path) -> Iterator[PageHarness]:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    settings = load_settings(tmp_path / "plugin.toml", ENVIRON)
    settings = replace(
        settings, page=PageSettings("http://localhost", "telephony", "a key that is long enough for a test")
    )
    clock = HandClock()
    ledger = Ledger(ledger_url, clock=clock)
    rules = ActiveRules(ledger, clock)
    rules.activate(Rulebook.load(RULES), "test", "start")
    intake = Intake(ledger, rules, settings, clock)
    yield PageHarness(PageSessions(ledger, rules, intake, settings, clock), ledger, rules, clock, settings)
    rules.close()
    ledger.close()
