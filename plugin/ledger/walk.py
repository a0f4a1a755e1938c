"""Walks through tables by their ids, each for all processes together: no row is left out, and each is taken once."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, bindparam, select, update

from plugin.ledger.insert import lock_or_insert
from plugin.ledger.suppression import positions

_POSITION = select(positions.c.position).where(positions.c.name == bindparam("called"))
_LOCKED = _POSITION.with_for_update()
_MOVE = update(positions).where(positions.c.name == bindparam("called")).values(position=bindparam("to"))


def position(connection: Connection, name: str) -> int:
    """How far the walk of this name is; 0 where it has not begun."""
    return connection.execute(_POSITION, {"called": name}).scalar_one_or_none() or 0


def lock_position(connection: Connection, name: str, first: int) -> int:
    """The same, locked; one that has not begun begins at ``first``."""
    row = lock_or_insert(connection, positions, _LOCKED, {"called": name}, lambda: {"name": name, "position": first})
    return int(row.position)


def move_position(connection: Connection, name: str, to: int) -> None:
    """From now on it is there. The position is locked."""
    connection.execute(_MOVE, {"called": name, "to": to})


class TableWalk:
    """One process's share of a walk. ``newest`` asks for the highest id that there is.

    A row may be committed later than those of higher ids: what was the newest at the last look is settled by this one.
    """

    def __init__(self, name: str, newest: Select[Any]) -> None:
        self._name = name
        self._newest = newest
        self._seen: int | None = None

    def settled(self, connection: Connection) -> int | None:
        """Up to which id rows may be taken; None at the first look, after which ``begin`` is called."""
        before, self._seen = self._seen, connection.execute(self._newest).scalar_one() or 0
        return before

    def begin(self, connection: Connection) -> None:
        """What was there before the first walk is not taken."""
        lock_position(connection, self._name, self._seen or 0)

    def is_past(self, connection: Connection, until: int) -> bool:
        """Whether there is nothing left up to this id."""
        return position(connection, self._name) >= until

    def after(self, connection: Connection, until: int) -> int:
        """The last id that was taken, locked until the end of the transaction."""
        return lock_position(connection, self._name, until)

    def move(self, connection: Connection, after: int, to: int) -> None:
        """Rows up to ``to`` were taken, from ``after`` on. A walk never goes back."""
        move_position(connection, self._name, max(after, to))
