"""How ``optout alerts list`` lays out alerts, in the language of ``[plugin] language``: at most 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from plugin.common.log import mask_text
from plugin.common.moments import clock, iso
from plugin.common.terminal import wrapped
from plugin.monitoring.listing import Alert
from plugin.monitoring.model import AlertKind
from plugin.monitoring.wording import words_of

_WORDS: Mapping[str, Mapping[str, str]] = {
    "ru": {
        "empty": "Тревог нет.",
        "nobody": "Письма никому не отправляются: в plugin.toml нет [alerts] to.",
        "until": "до {}",
        "stands": "ещё не закончилось",
        "head": "№ {}  {}: с {}, {}",
        "mailed": "письмо отправлено {}",
        "not_mailed": "письмо ещё не отправлено",
    },
    "en": {
        "empty": "There are no alerts.",
        "nobody": "Nobody is mailed: plugin.toml has no [alerts] to.",
        "until": "until {}",
        "stands": "still so",
        "head": "{}  {}: since {}, {}",
        "mailed": "mailed {}",
        "not_mailed": "not mailed yet",
    },
}


def page(found: Sequence[Alert], zone: ZoneInfo, *, told_to_somebody: bool, language: str = "ru") -> str:
    """One paragraph an alert; a sentence where there is none."""
    words, lines = _WORDS[language], list[str]()
    for one in found:
        kind = words_of(AlertKind(one.kind), language)
        state = words["until"].format(clock(one.closed_at, zone)) if one.closed_at else words["stands"]
        lines += wrapped(words["head"].format(one.id, kind.name, clock(one.opened_at, zone), state), after="    ")
        lines += wrapped(mask_text(kind.line(one.about, zone)), 4)
        told = words["mailed"].format(clock(one.notified_at, zone)) if one.notified_at else words["not_mailed"]
        lines += wrapped(told, 4) if told_to_somebody or one.notified_at else []
    if not found:
        return words["empty"]
    return "\n".join(lines if told_to_somebody else [*lines, "", words["nobody"]])


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
