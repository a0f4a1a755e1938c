"""The way in as it runs: a ledger on each database in turn, and waitress on a free loopback port."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from plugin.auth.users import Users
from plugin.config.settings import PageSettings, Settings
from plugin.ledger import Ledger
from tests.plugin.auth.support import PASSWORD, HandClock, cheap_passwords
from tests.plugin.web.auth.browser import FRAMED, PAGE, Site, guarded_app
from tests.plugin.web.harness import serving
from tests.support.databases import migrate

MakeSite = Callable[..., Site]


@pytest.fixture
def make_site(settings: Settings) -> Iterator[MakeSite]:
    """Makes a site with this ``[page]`` on the ledger at this url, with a user ivanova."""
    with ExitStack() as stack:

        def make(page: PageSettings, url: str) -> Site:
            clock = HandClock()
            ledger = Ledger(url, clock=clock)
            stack.callback(ledger.close)
            migrate(ledger)
            users = Users(ledger, cheap_passwords(), clock)
            if users.find("ivanova") is None:
                users.add("ivanova", "operator", PASSWORD)
            server, _ = stack.enter_context(serving(guarded_app(ledger, replace(settings, page=page), clock)))
            return Site(server.port, ledger, page, users, clock)

        yield make


@pytest.fixture
def site(make_site: MakeSite, settings: Settings) -> Site:
    return make_site(PAGE, settings.ledger_url)


@pytest.fixture
def framed(make_site: MakeSite, settings: Settings) -> Site:
    return make_site(FRAMED, settings.ledger_url)


@pytest.fixture
def either(make_site: MakeSite, ledger_url: str) -> Site:
    """A site on each of the databases."""
    return make_site(PAGE, ledger_url)
