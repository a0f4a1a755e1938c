"""Tells database errors apart: those that pass and are worth another try, and faults of the code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DBAPIError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.exc import InterfaceError as DriverInterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from plugin.errors import LedgerUnavailable

#: PostgreSQL's codes for a table or a column that is not there: the schema is another version's.
_MISSING = frozenset({"42P01", "42703"})


@contextmanager
def translated() -> Iterator[None]:
    """What the sender of an event should try again later, as LedgerUnavailable; the rest is a fault and passes.

    Lost connections, a server that is starting, stopping or only to be read, a full disk, a lock that is not had in
    time, a deadlock: nothing of the transaction is left behind, unless the connection was lost in its very COMMIT,
    when it is not known whether it was; a repeat of the event is then recognised.
    """
    try:
        yield
    except PoolTimeout as error:
        raise LedgerUnavailable("the ledger's connections are all in use") from error
    except (OperationalError, InternalError, DriverInterfaceError) as error:
        raise LedgerUnavailable(f"the ledger cannot be used now: {_said(error)}") from error
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in _MISSING:
            raise
        why = f"the ledger's tables are those of another version (optout db status): {_said(error)}"
        raise LedgerUnavailable(why) from error
    except DBAPIError as error:
        # A damaged or foreign file; the subclasses of DatabaseError are faults of ours, such as a broken constraint.
        if type(error) is not DatabaseError and not error.connection_invalidated:
            raise
        raise LedgerUnavailable(f"the ledger cannot be used now: {_said(error)}") from error


def _said(error: DBAPIError) -> str:
    # PostgreSQL goes on for several lines, quoting the statement and where it stopped.
    lines = str(error.orig).strip().splitlines()
    return lines[0].rstrip() if lines else type(error.orig).__name__
