"""How ``optout alerts list`` lays out alerts: Russian, at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from plugin.cli.format.moments import clock, iso
from plugin.common.log import mask_text
from plugin.common.terminal import wrapped
from plugin.monitoring.definitions import kind_name, line
from plugin.monitoring.listing import Alert

EMPTY = "Тревог нет."
_NOBODY = "Письма никому не отправляются: в plugin.toml нет [alerts] to."


def page(found: Sequence[Alert], zone: ZoneInfo, *, told_to_somebody: bool) -> str:
    """One paragraph an alert."""
    lines: list[str] = []
    for one in found:
        state = f"до {clock(one.closed_at, zone)}" if one.closed_at else "ещё не закончилось"
        lines += wrapped(f"№ {one.id}  {kind_name(one.kind)}: с {clock(one.opened_at, zone)}, {state}", after="    ")
        lines += wrapped(mask_text(line(one.kind, one.about, zone)), 4)
        told = f"письмо отправлено {clock(one.notified_at, zone)}" if one.notified_at else "письмо ещё не отправлено"
        lines += wrapped(told, 4) if told_to_somebody or one.notified_at else []
    return "\n".join(lines if told_to_somebody else [*lines, "", _NOBODY])


def as_json(one: Alert, zone: ZoneInfo) -> dict[str, Any]:
    """An alert for programs."""
    times = {"opened_at": one.opened_at, "notified_at": one.notified_at, "closed_at": one.closed_at}
    return {
        "id": one.id,
        "kind": one.kind,
        "cause": one.cause,
        "about": dict(one.about),
        **{name: at and iso(at, zone) for name, at in times.items()},
    }
