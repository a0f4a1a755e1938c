"""How ``optout token list`` tells of the tokens of other programs: Russian; and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from plugin.common.moments import clock_or_dash

if TYPE_CHECKING:
    from plugin.auth.api_tokens import ApiToken

EMPTY = "Токенов ещё нет. Выдать: optout token add ИМЯ --scope suppression"


def table(found: Sequence[ApiToken], zone: ZoneInfo) -> str:
    """One row a token; names are never cut."""
    width = max(len("Токен"), *(len(one.name) for one in found))
    lines = [f"{'Токен':{width}}  {'На что':20}  {'Последний запрос':16}  Состояние"]
    for one in found:
        state = f"отозван {clock_or_dash(one.revoked_at, zone)}" if one.revoked_at else "действует"
        lines.append(f"{one.name:{width}}  {', '.join(one.scopes):20}  {clock_or_dash(one.used_at, zone):16}  {state}")
    return "\n".join(lines)


def to_json(one: ApiToken) -> dict[str, Any]:
    """A token for programs."""
    times = {name: getattr(one, name) for name in ("created_at", "used_at", "revoked_at")}
    shown = {name: moment and moment.isoformat(timespec="seconds") for name, moment in times.items()}
    return {"name": one.name, "scopes": list(one.scopes)} | shown
