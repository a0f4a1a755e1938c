"""The web side as it runs: a real ledger, the shipped rules, and waitress on a free loopback port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.load import load_settings
from plugin.config.settings import Settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.web import create_app
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML, Crm, Site, serving
from tests.support.databases import migrate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    return load_settings(tmp_path / "plugin.toml", ENVIRON)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    ledger = Ledger(settings.ledger_url, busy_seconds=0.2)
    migrate(ledger)
    yield ledger
    ledger.close()


@pytest.fixture
def rules(ledger: Ledger, settings: Settings) -> Iterator[ActiveRules]:
    rules = ActiveRules(ledger, utc_now)
    rules.activate(Rulebook.load(settings.rules_dir), "test", "start")
    yield rules
    rules.close()


@pytest.fixture
def make_site(ledger: Ledger, settings: Settings, rules: ActiveRules) -> Iterator[Callable[[ActiveRules], Site]]:
    """Makes a site with other rules than the fixture's."""
    open_: list[Any] = []

    def make(rules: ActiveRules) -> Site:
        app = create_app(Intake(ledger, rules, settings, utc_now), ledger, settings, rules, Crm({}))
        running = serving(app)
        server, _ = running.__enter__()
        open_.append(running)
        return Site(server.port, ledger, rules, settings)

    yield make
    for running in open_:
        running.__exit__(None, None, None)


@pytest.fixture
def site(make_site: Callable[[ActiveRules], Site], rules: ActiveRules) -> Site:
    return make_site(rules)
