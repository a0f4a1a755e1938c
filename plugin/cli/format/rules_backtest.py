"""How ``optout rules backtest`` tells what would have been different: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from plugin.cli.format.calls import phone_json, phone_text
from plugin.common.moments import iso
from plugin.common.russian import counted
from plugin.common.terminal import table, wrapped
from plugin.operations.backtest import Backtest

_WIDTHS = [7, 14, 12, 12, 31]
_HEAD = ("№", "Время", "Звонок", "Телефон", "Было → стало")


def page(result: Backtest, revision: str, zone: ZoneInfo, full: bool) -> str:
    """All of it: the sums first, then the calls, the newest first."""
    return "\n".join(_page(result, revision, zone, full))


def as_json(result: Backtest, revision: str, zone: ZoneInfo, full: bool) -> dict[str, Any]:
    """All of it for tools."""
    return {
        "ruleset": revision,
        "calls": result.calls,
        "different": result.different,
        "refused": result.refused,
        "purged": result.purged,
        "outcomes_only": result.outcomes_only,
        "unheard": list(result.unheard),
        "groups": [
            {"old": old, "new": new, "what": what, "calls": number}
            for (old, new, what), number in result.groups.most_common()
        ],
        "listed": [
            {
                "id": past.id,
                "call": past.call_id,
                "namespace": past.namespace,
                "occurred_at": iso(past.at, zone),
                "phone": phone_json(past.phone, full),
                "script": past.script,
                "old": past.old,
                "new": past.new,
                "what": past.what,
                "refused": past.refused,
            }
            for past in result.listed
        ],
    }


def _page(result: Backtest, revision: str, zone: ZoneInfo, full: bool) -> Iterator[str]:
    if not result.calls:
        yield from _notes(result) if result.purged else ["За это время звонков в журнале нет."]
        return
    calls = counted(result.calls, "звонок", "звонка", "звонков")
    yield from wrapped(f"Решено заново правилами {revision}: {calls}. Ничего не отправлено и не записано.")
    changed = result.different + result.refused
    if not changed:
        yield "Ни один звонок не решился бы иначе."
    else:
        refused = f", из них с неподходящими фактами: {result.refused}" if result.refused else ""
        yield from wrapped(f"Решились бы иначе: {changed}{refused}")
        yield from ["", *_groups(result)]
    yield from _notes(result)
    if changed:
        yield from ["", *_list(result, zone, full)]


def _groups(result: Backtest) -> Iterator[str]:
    for (old, new, what), number in result.groups.most_common():
        yield from wrapped(_change(old, new, what), 2, first=f"{number}: ")


def _notes(result: Backtest) -> Iterator[str]:
    if result.purged:
        purged = counted(result.purged, "звонок", "звонка", "звонков")
        yield from wrapped(f"Заново не решить, личные данные удалены (optout purge): {purged}", first="! ")
    if result.outcomes_only:
        yield from wrapped(
            f"У {result.outcomes_only} сравнён только итог: правила того дня эта версия плагина не читает", first="! "
        )
    if result.unheard:
        told = f"Новые правила слышат поля звонка, которых в журнале нет: {', '.join(result.unheard)}; они неизвестны"
        yield from wrapped(told, first="! ")


def _list(result: Backtest, zone: ZoneInfo, full: bool) -> Iterator[str]:
    rows = [
        [
            str(past.id),
            f"{past.at.astimezone(zone):%d.%m.%y %H:%M}",
            past.call_id,
            phone_text(past.phone, full),
            _change(past.old, past.new, past.what),
        ]
        for past in result.listed
    ]
    yield from table(_HEAD, rows, _WIDTHS, wrap={4})
    left = result.different + result.refused - len(result.listed)
    if left:
        yield from wrapped(f"… и ещё {counted(left, 'звонок', 'звонка', 'звонков')}; все покажет --limit 0")


def _change(old: str, new: str, what: str) -> str:
    if old == new:
        return f"{old}: {what}"
    return f"{old} → {new}" + (f" ({what})" if what else "")
