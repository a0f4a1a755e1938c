"""How ``optout user list`` tells who may sign in: Russian; and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from plugin.auth.visitor import ROLE_WORDS
from plugin.common.moments import clock_or_dash

if TYPE_CHECKING:
    from plugin.auth.users import User

EMPTY = "Пользователей ещё нет. Добавить: optout user add ЛОГИН"


def table(found: Sequence[User], zone: ZoneInfo) -> str:
    """One row a user; logins are never cut."""
    width = max(len("Логин"), *(len(one.login) for one in found))
    lines = [f"{'Логин':{width}}  {'Роль':13}  {'Последний вход':16}  Состояние"]
    for one in found:
        state = f"отключён с {clock_or_dash(one.disabled_at, zone)}" if one.disabled_at else "работает"
        lines.append(
            f"{one.login:{width}}  {ROLE_WORDS[one.role]:13}  {clock_or_dash(one.signed_in_at, zone):16}  {state}"
        )
    return "\n".join(lines)


def to_json(one: User) -> dict[str, str | None]:
    """A user for programs."""
    times = {name: getattr(one, name) for name in ("created_at", "password_at", "signed_in_at", "disabled_at")}
    shown = {name: moment and moment.isoformat(timespec="seconds") for name, moment in times.items()}
    return {"login": one.login, "role": one.role} | shown
