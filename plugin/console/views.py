"""Saved views: the filters of a list under a name of a person's own. What names a client is left out of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from plugin.common.clock import Now
from plugin.errors import InputError
from plugin.ledger import Ledger
from plugin.ledger.views import saved_views

#: Views of one person on one list, and signs of a name.
_MOST, _LONGEST = 50, 60
_V = saved_views.c


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view: its number, its name and the filters of the address."""

    id: int
    name: str
    filters: Mapping[str, str]


class SavedViews:
    """One person's views of one list. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, owner: str, of: str, now: Now) -> None:
        self._ledger = ledger
        self._mine: Any = (_V.owner == owner) & (_V.list == of)
        self._row = {"owner": owner, "list": of}
        self._now = now

    def all(self) -> Sequence[SavedView]:
        """By their names."""
        query = select(_V.id, _V.name, _V.filters).where(self._mine)
        with self._ledger.read() as connection:
            found = [SavedView(*row) for row in connection.execute(query)]
        return sorted(found, key=lambda view: view.name.casefold())

    def keep(self, name: str, filters: Mapping[str, str]) -> None:
        """Keep these filters under a name; one that has it already becomes this one. Raises InputError (Russian)."""
        name = " ".join(name.split())[:_LONGEST]
        if not name:
            raise InputError("Вид не назван", hint="Впишите, как он называется")
        if not filters:
            raise InputError(
                "Сохранять нечего", hint="Выберите условия; номер, имя и карточка клиента в вид не сохраняются"
            )
        with self._ledger.write() as connection:
            connection.execute(delete(saved_views).where(self._mine, _V.name == name))
            known = connection.execute(select(_V.id).where(self._mine)).all()
            if len(known) >= _MOST:
                raise InputError(f"Видов уже {_MOST}", hint="Уберите те, что больше не нужны")
            row = self._row | {"name": name, "filters": dict(filters), "saved_at": self._now()}
            connection.execute(insert(saved_views), row)

    def drop(self, id_: int) -> None:
        """A view less."""
        with self._ledger.write() as connection:
            connection.execute(delete(saved_views).where(self._mine, _V.id == id_))
