"""How ``optout sessions list`` tells who is on the operators' page: Russian; and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from plugin.common.moments import clock

if TYPE_CHECKING:
    from plugin.auth.open_sessions import OpenSession

#: How somebody came in, in words.
KINDS = {"sign_in": "паролем", "crm": "из CRM"}
EMPTY = "На странице оператора сейчас никого нет."


def table(found: Sequence[OpenSession], zone: ZoneInfo) -> str:
    """One row a session; names are never cut."""
    width = max(len("Оператор"), *(len(one.operator) for one in found))
    lines = [f"{'Оператор':{width}}  {'Вход':8}  {'Начат':16}  {'До':16}  Звонков"]
    for one in found:
        times = f"{clock(one.created_at, zone):16}  {clock(one.expires_at, zone):16}"
        lines.append(f"{one.operator:{width}}  {KINDS[one.kind]:8}  {times}  {one.calls}")
    return "\n".join(lines)


def to_json(one: OpenSession) -> dict[str, Any]:
    """A session for programs."""
    times = {name: getattr(one, name).isoformat(timespec="seconds") for name in ("created_at", "expires_at")}
    return {"operator": one.operator, "kind": one.kind, "calls": one.calls} | times
