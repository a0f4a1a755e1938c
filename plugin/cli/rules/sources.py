"""Which rules a command is about: the working copy, the active revision, a stored one, or another folder."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from plugin.authoring.revisions.archive import find_revision, has_revision, newest_activation, stored_rulebook
from plugin.cli.ledgers import existing_ledger, ledger_if_any
from plugin.config.settings import Settings
from plugin.errors import InputError
from plugin.ledger import Ledger

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from plugin.deciding.decision.compiled_rules import Rulebook

#: What a command calls the revision that decides now. A folder of this name is ``./active``.
ACTIVE = "active"
_PUBLISH_FIRST = "Сначала опубликуйте правила: optout rules publish --by ИМЯ --reason ПРИЧИНА"
_POSSIBLE = "Можно назвать: active, начало редакции из optout rules history или путь к папке правил"


def opened_ledger(settings: Settings) -> AbstractContextManager[Ledger]:
    """The deployment's ledger for the length of the block; makes none. Raises InputError where there is none yet."""
    return existing_ledger(settings, "Журнала ещё нет: ни одна редакция правил не опубликована", _PUBLISH_FIRST)


def rulebook_named(settings: Settings, name: str | None) -> Rulebook:
    """The rules called so, with the texts of their files; the caller closes them.

    None: the working copy. ``active``: the active revision. A stored revision or the only one beginning so (4 digits
    or more). Else a folder; a name with a slash is always one. Raises InputError naming what is possible, RulesError,
    LedgerUnavailable.
    """
    from plugin.deciding.decision.compiled_rules import Rulebook

    if name is None:
        return Rulebook.load(settings.rules_dir)
    if name == ACTIVE:
        with opened_ledger(settings) as ledger, ledger.read() as connection:
            return stored_rulebook(connection, revision_named(connection, name), with_files=True)
    folder = Path(name or os.devnull)
    if os.sep in name or name in (os.curdir, os.pardir):
        return Rulebook.load(folder)
    with ledger_if_any(settings) as found:
        if found is not None:
            with found.read() as connection:
                # A folder goes before the beginning of a revision, a whole revision before a folder.
                if has_revision(connection, name) or not folder.is_dir():
                    return stored_rulebook(connection, find_revision(connection, name), with_files=True)
    if folder.is_dir():
        return Rulebook.load(folder)
    raise InputError(f"Нет ни редакции, ни папки правил «{name[:64]}»", hint=_POSSIBLE)


def rulebook_named_folder(folder: Path) -> Rulebook:
    """The rules of this folder; the caller closes them. Raises RulesError."""
    from plugin.deciding.decision.compiled_rules import Rulebook

    return Rulebook.load(folder)


def has_active(settings: Settings) -> bool:
    """Whether any revision was ever activated; until then the first start takes the folder's. Makes no ledger."""
    with ledger_if_any(settings) as found:
        if found is None:
            return False
        with found.read() as connection:
            return newest_activation(connection) is not None


def revision_named(connection: Connection, name: str) -> str:
    """The stored revision called or beginning so; ``active``: the active one. Raises InputError."""
    if name != ACTIVE:
        return find_revision(connection, name)
    newest = newest_activation(connection)
    if newest is None:
        raise InputError("Активных правил ещё нет", hint=_PUBLISH_FIRST)
    return newest.revision
