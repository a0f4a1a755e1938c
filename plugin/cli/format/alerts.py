"""How ``optout alerts list`` lays out alerts: Russian, at most 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from plugin.cli.format.calls import clean
from plugin.common.log import mask_text
from plugin.monitoring.definitions import kind_name, line
from plugin.monitoring.listing import Alert

WIDTH = 80
EMPTY = "Тревог нет."
_NOBODY = "Письма никому не отправляются: в plugin.toml нет [alerts] to."


def page(found: Sequence[Alert], zone: ZoneInfo, *, told_to_somebody: bool) -> str:
    """One paragraph an alert."""
    lines: list[str] = []
    for one in found:
        state = f"до {_clock(one.closed_at, zone)}" if one.closed_at else "ещё не закончилось"
        lines += _wrapped(f"№ {one.id}  {kind_name(one.kind)}: с {_clock(one.opened_at, zone)}, {state}", 0)
        lines += _wrapped(mask_text(line(one.kind, one.about, zone)), 4)
        told = f"письмо отправлено {_clock(one.notified_at, zone)}" if one.notified_at else "письмо ещё не отправлено"
        lines += _wrapped(told, 4) if told_to_somebody or one.notified_at else []
    return "\n".join(lines if told_to_somebody else [*lines, "", _NOBODY])


def as_json(one: Alert, zone: ZoneInfo) -> dict[str, Any]:
    """An alert for programs."""
    times = {"opened_at": one.opened_at, "notified_at": one.notified_at, "closed_at": one.closed_at}
    return {
        "id": one.id,
        "kind": one.kind,
        "cause": one.cause,
        "about": dict(one.about),
        **{name: at and at.astimezone(zone).isoformat(timespec="seconds") for name, at in times.items()},
    }


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%d.%m.%Y %H:%M}"


def _wrapped(text: str, indent: int) -> list[str]:
    pad = " " * indent
    return textwrap.wrap(clean(text), WIDTH, initial_indent=pad, subsequent_indent=pad + ("" if indent else "    "))
