"""What is known of the connected account, noted by the services for commands that do not connect to it."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select, update

from plugin.config.settings import Settings
from plugin.ledger.connected import account_values
from plugin.ledger.database import Ledger
from plugin.ledger.insert_or_lock import insert_if_absent

#: No connector's own value can be called so.
_SENDS_MAIL = "=sends_mail"
_YES, _NO = "yes", "no"

_c = account_values.c


def note_account(ledger: Ledger, account: str, *, sends_mail: bool) -> None:
    """Note whether this account can mail anybody. Raises LedgerUnavailable."""
    value = _YES if sends_mail else _NO
    if _noted(ledger, account) == value:
        return
    row = {"account": account, "name": _SENDS_MAIL, "value": value, "version": 0}
    with ledger.write() as connection:
        insert_if_absent(connection, account_values, row)
        this = (_c.account == account, _c.name == _SENDS_MAIL)
        connection.execute(update(account_values).where(*this).values(value=value))


def with_account(settings: Settings, ledger: Ledger) -> Settings:
    """The settings with what the services have noted of the account. Raises LedgerUnavailable."""
    sends_mail = _noted(ledger, settings.crm.connector) != _NO
    return replace(settings, crm=replace(settings.crm, sends_mail=sends_mail))


def _noted(ledger: Ledger, account: str) -> str | None:
    query = select(_c.value).where(_c.account == account, _c.name == _SENDS_MAIL)
    with ledger.read() as connection:
        return connection.execute(query).scalar_one_or_none()
