"""How ``optout suppression`` tells whom not to call: Russian, at most 80 columns; and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from plugin.cli.format.calls import phone_text
from plugin.common.moments import clock, clock_or_dash
from plugin.common.russian import counted
from plugin.common.terminal import wrapped
from plugin.promise.suppression_list import SCOPES

if TYPE_CHECKING:
    from plugin.config.settings import PushedDialler
    from plugin.promise.push_list import PushCounts, PushPlan
    from plugin.promise.suppression_list import SuppressionEntry

EMPTY = "Список пуст: ни один номер не исключён."
#: Lines of a file that are named, where they hold no number.
_NAMED = 10


def table(entries: Sequence[SuppressionEntry], zone: ZoneInfo, full: bool, *, more: bool) -> str:
    """One row an entry."""
    if not entries:
        return EMPTY
    lines = [f"{'Номер':17} {'Из чего':9} {'С какого времени':16}  Снято"]
    for entry in entries:
        until = clock_or_dash(entry.until, zone)
        lines.append(f"{phone_text(entry.number, full):17} {SCOPES[entry.scope]:9} {clock(entry.since, zone)}  {until}")
    if more:
        lines.append("Показаны не все: --limit N покажет больше, весь список пишет suppression export.")
    return "\n".join(lines)


def entry_json(entry: SuppressionEntry, full: bool) -> dict[str, Any]:
    """An entry for programs."""
    until = entry.until and entry.until.isoformat()
    shown = {"number": phone_text(entry.number, full), "scope": entry.scope}
    return shown | {"since": entry.since.isoformat(), "until": until}


def number_page(
    number: str, entries: Sequence[SuppressionEntry], said: Sequence[Mapping[str, Any]], zone: ZoneInfo
) -> str:
    """What a number is excluded from, and everything that was said of it."""
    stands = [entry for entry in entries if entry.until is None]
    head = "; ".join(f"{SCOPES[entry.scope]} с {clock(entry.since, zone)}" for entry in stands)
    lines = [f"{number}: исключён ({head})" if stands else f"{number}: не исключён"]
    for row in said:
        lines += wrapped(" ".join(_statement(row, zone)), 2)
    return "\n".join(lines)


def number_json(number: str, entries: Sequence[SuppressionEntry], said: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The same for programs."""
    stands = {entry.scope: {"since": entry.since.isoformat()} for entry in entries if entry.until is None}
    told = [
        {
            "scope": row["scope"],
            "suppresses": row["suppresses"],
            "at": row["at"].isoformat(),
            "call": row["call_ref"],
            "call_id": row["call_id"],
            "by": row["by"],
            "why": row["why"],
            "withdrawn_at": row["withdrawn_at"] and row["withdrawn_at"].isoformat(),
        }
        for row in said
    ]
    return {"number": number, "suppressed": stands, "said": told}


def import_plan(numbers: int, unread: Sequence[int]) -> str:
    """What a file holds."""
    lines = [f"В файле {counted(numbers, 'номер', 'номера', 'номеров')}."]
    if unread:
        named = ", ".join(map(str, unread[:_NAMED])) + (" …" if len(unread) > _NAMED else "")
        lines += wrapped(f"Без номера: {counted(len(unread), 'строка', 'строки', 'строк')} ({named})")
    return "\n".join(lines)


def push_page(
    dialler: PushedDialler,
    counts: PushCounts,
    plan: PushPlan,
    reasons: Sequence[tuple[str, int]],
    zone: ZoneInfo,
    *,
    again: bool,
) -> str:
    """How far a dialler's list is, and what a push of the whole list would change."""
    since = f", самый давний с {clock(counts.oldest, zone)}" if counts.oldest else ""
    lines = [
        f"Обзвон {dialler.name}, список «{SCOPES[dialler.scope]}»:",
        f"  передано {counts.held}, в очереди {counts.open}{since}, отклонено {counts.parked}",
    ]
    for why, number in reasons:
        lines += wrapped(f"{counted(number, 'номер', 'номера', 'номеров')}: {why}", 4)
    lines.append(f"  ещё не поставлено в очередь: добавить {plan.add}, убрать {plan.remove}")
    if again:
        lines.append(f"  с --again проверить заново: {counts.held + counts.parked}")
    if again or plan.add or plan.remove:
        lines.append("Это план. Исполнить: --yes --by ИМЯ --reason ЗАЧЕМ")
    return "\n".join(lines)


def calls_table(rows: Sequence[Any], zone: ZoneInfo, full: bool) -> str:
    """Calls after a refusal, one row a call."""
    if not rows:
        return "Звонков после отказа не замечено."
    lines = [f"{'Когда':16}  {'Номер':13} {'Из чего':9} {'Источник':16} Звонок"]
    for row in rows:
        call = f"№ {row.call_ref}" if row.call_ref else "—"
        number = phone_text(row.number, full)
        lines.append(f"{clock(row.occurred_at, zone)}  {number:13} {SCOPES[row.scope]:9} {row.source[:16]:16} {call}")
    return "\n".join(lines)


def call_json(row: Any, full: bool) -> dict[str, Any]:
    """The same for programs."""
    times = {name: getattr(row, name).isoformat() for name in ("occurred_at", "noticed_at")}
    shown = {"source": row.source, "number": phone_text(row.number, full), "scope": row.scope}
    return shown | times | {"call": row.call_ref, "call_id": row.call_id}


def _statement(row: Mapping[str, Any], zone: ZoneInfo) -> Iterator[str]:
    yield f"{clock(row['at'], zone)}: {'исключён' if row['suppresses'] else 'снова включён'}, {SCOPES[row['scope']]},"
    if row["call_ref"] is None:
        yield f"вручную: {row['by']} ({row['why']})"
    else:
        yield f"звонок № {row['call_ref']} ({row['call_id']})"
    if row["withdrawn_at"]:
        yield f"— взято назад {clock(row['withdrawn_at'], zone)}"
