"""One running page for many tests: each finds it as if it were new, and one that was changed for good is given up."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import delete, func, select

from plugin.config.load import load_settings
from plugin.ledger.schema import activations, metadata, revisions
from tests.browser.page_site import Site, running_site
from tests.plugin.web.harness import ENVIRON, PLUGIN_TOML

RULES = Path(__file__).parents[2] / "rules"
#: What a page starts with. All else in its ledger was written by tests.
_OF_ITS_OWN = {activations.name, revisions.name}


class KeptSite:
    """Starts pages in ``folder`` from the ledger ``template``; to start one takes longer than many a test."""

    def __init__(self, folder: Path, template: Path) -> None:
        self._folder = folder
        self._template = template
        self._started = 0
        self._running = ExitStack()
        self._site: Site | None = None

    @contextmanager
    def lent(self) -> Iterator[Site]:
        """A page with the shipped rules and an empty ledger, for the length of the block."""
        if self._site is None:
            self._site = self._running.enter_context(self._start())
        yield self._site
        if _has_other_rules(self._site):
            self.close()
        else:
            _empty(self._site)

    def close(self) -> None:
        """End the page that runs."""
        self._site = None
        self._running.close()

    @contextmanager
    def _start(self) -> Iterator[Site]:
        self._started += 1
        folder = self._folder / str(self._started)
        folder.mkdir()
        (folder / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
        shutil.copytree(RULES, folder / "rules")
        shutil.copy(self._template, folder / "ledger.db")
        settings = load_settings(folder / "plugin.toml", ENVIRON)
        with running_site(settings, folder / "rules", f"sqlite:///{folder / 'ledger.db'}") as site:
            yield site


def _has_other_rules(site: Site) -> bool:
    with site.ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(activations)).scalar_one() != 1


def _empty(site: Site) -> None:
    """Calls, accounts and all else go; no call has the number of an earlier one, whatever the page remembers."""
    with site.ledger.write() as connection:
        for table in reversed(metadata.sorted_tables):
            if table.name not in _OF_ITS_OWN:
                connection.execute(delete(table))
