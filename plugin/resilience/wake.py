"""Wakes the events that waited for an account, as soon as it is back."""

from __future__ import annotations

from sqlalchemy import literal_column, update

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references

_c = kept_references.c
#: Those that wait for a value's mapping wait for an admin, not for the CRM; those with an owner are being resolved.
_WAITING = (_c.state == literal_column("'waiting'"), _c.cause.is_(None), _c.owner.is_(None))


def wake_events(ledger: Ledger, connector: str, now: Now) -> None:
    """Make the kept events of this connector due that wait for the CRM. Raises LedgerUnavailable."""
    with ledger.write() as connection:
        moment = ledger.moment(connection, now)
        late = (*_WAITING, _c.connector == connector, _c.not_before > moment)
        connection.execute(update(kept_references).where(*late).values(not_before=moment))
