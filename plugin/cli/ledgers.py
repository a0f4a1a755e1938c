"""The deployment's ledger for commands that act on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.config.load import load_settings
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger


def settings_of(config: Path | None) -> Settings:
    """This deployment's settings without its secrets. Raises ConfigError."""
    return load_settings(config, os.environ, secrets=False)


@contextmanager
def ledger_of(settings: Settings) -> Iterator[Ledger]:
    """The ledger, its tables those of this version, for the length of the block; makes none.

    Raises InputError where there is none yet, ConfigError for tables of another version.
    """
    from plugin.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        if not ledger.exists():
            raise InputError("Журнала ещё нет", hint="Его заводит первый запуск optout serve")
        ledger.make_ready()
        yield ledger
    finally:
        ledger.close()
