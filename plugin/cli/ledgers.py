"""The deployment's settings and ledger for commands: opened for the length of a block, and never made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.common.terminal import clean
from plugin.config.load import load_settings
from plugin.errors import InputError
from plugin.ledger import Ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from plugin.config.settings import Settings

_CALL_HINT = "Номера печатает optout calls list"


def settings_of(config: Path | None) -> Settings:
    """This deployment's settings without its secrets. Raises ConfigError."""
    return load_settings(config, os.environ, secrets=False)


@contextmanager
def ledger_if_any(settings: Settings) -> Iterator[Ledger | None]:
    """The ledger; None where there is none yet."""
    with closing(Ledger(settings.ledger_url)) as ledger:
        yield ledger if ledger.exists() else None


@contextmanager
def existing_ledger(settings: Settings, missing: str, hint: str) -> Iterator[Ledger]:
    """The ledger, whatever version its tables are of. Raises InputError in these words where there is none yet."""
    with ledger_if_any(settings) as ledger:
        if ledger is None:
            raise InputError(missing, hint=hint)
        yield ledger


@contextmanager
def ledger_of(settings: Settings) -> Iterator[Ledger]:
    """The ledger, its tables those of this version.

    Raises InputError where there is none yet, ConfigError for tables of another version.
    """
    with existing_ledger(settings, "Журнала ещё нет", "Его заводит первый запуск optout serve") as ledger:
        ledger.make_ready()
        yield ledger


def calls_named(connection: Connection, given: str, hint: str = _CALL_HINT) -> list[int]:
    """The ids of the calls that are meant, by number or the CRM's id. Raises InputError where there is none."""
    from plugin.ledger.history import find_calls

    found = find_calls(connection, given)
    if not found:
        raise no_such_call(given, hint)
    return found


def no_such_call(given: str, hint: str = _CALL_HINT) -> InputError:
    """No call is meant by this number or id."""
    return InputError(f"Звонок «{clean(given[:40])}» не найден", hint=hint)
