"""What is known of the connected account, noted by the services for commands that do not connect to it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import bindparam, select, update

from plugin.config.settings import Settings
from plugin.ledger.connected import account_values
from plugin.ledger.database import Ledger
from plugin.ledger.insert import lock_or_insert

#: No connector's own value can be called so.
_SENDS_MAIL = "=sends_mail"
_YES, _NO = "yes", "no"

_KEY = (account_values.c.account == bindparam("of"), account_values.c.name == bindparam("called"))
_THIS = select(account_values.c.value).where(*_KEY)
_CHANGE = update(account_values).where(*_KEY)


def note_account(ledger: Ledger, account: str, *, sends_mail: bool) -> None:
    """Note whether this account can mail anybody. Raises LedgerUnavailable."""
    value = _YES if sends_mail else _NO
    if _noted(ledger, account) == value:
        return
    key = {"of": account, "called": _SENDS_MAIL}
    row = {"account": account, "name": _SENDS_MAIL, "value": value, "version": 0}
    with ledger.write() as connection:
        lock_or_insert(connection, account_values, _THIS.with_for_update(), key, lambda: row)
        connection.execute(_CHANGE, key | {"value": value})


def with_account(settings: Settings, ledger: Ledger) -> Settings:
    """The settings with what the services have noted of the account. Raises LedgerUnavailable."""
    sends_mail = _noted(ledger, settings.crm.connector) != _NO
    return replace(settings, crm=replace(settings.crm, sends_mail=sends_mail))


def _noted(ledger: Ledger, account: str) -> str | None:
    with ledger.read() as connection:
        return connection.execute(_THIS, {"of": account, "called": _SENDS_MAIL}).scalar_one_or_none()
