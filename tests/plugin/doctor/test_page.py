"""The doctor remarks on clients of the operators' page that cannot be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from plugin.auth.throttle import Throttle, throttle_key
from plugin.config.load import load_settings
from plugin.config.settings import Settings
from plugin.doctor.page import clients_told_apart
from plugin.ledger import Ledger
from tests.plugin.auth.support import KEY, HandClock
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML
from tests.support.databases import migrate


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
    loaded = load_settings(tmp_path / "plugin.toml", ENVIRON)
    return replace(loaded, page=replace(loaded.page, secret=KEY))


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def ledger(settings: Settings, clock: HandClock) -> Iterator[Ledger]:
    ledger = Ledger(settings.ledger_url, clock=clock)
    yield ledger
    ledger.close()


def test_without_a_page_or_tables_there_is_nothing_to_say(settings: Settings, ledger: Ledger, clock: HandClock) -> None:
    off = replace(settings, page=replace(settings.page, secret=None))
    assert list(clients_told_apart(ledger, off, clock)) == []
    assert list(clients_told_apart(ledger, settings, clock)) == []


def test_an_unreadable_address_is_remarked_on_for_a_day(settings: Settings, ledger: Ledger, clock: HandClock) -> None:
    migrate(ledger)
    throttle = Throttle(ledger, throttle_key(KEY), clock)
    throttle.begin("ivanova", "192.0.2.1")
    (point,) = clients_told_apart(ledger, settings, clock)
    assert (point.ok, point.remedy) == (True, "")
    throttle.begin("ivanova", "unknown")
    (point,) = clients_told_apart(ledger, settings, clock)
    assert point.ok
    assert "trusted_proxies" in point.remedy
    clock.forward(hours=25)
    (point,) = clients_told_apart(ledger, settings, clock)
    assert point.remedy == ""
