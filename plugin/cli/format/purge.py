"""How ``optout purge`` tells what it removes: Russian."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from plugin.common.terminal import wrapped
from plugin.ledger.sqlite_file import empty_log, sqlite_path
from plugin.operations.purge import PurgeCounts
from plugin.promise.suppression_list import SCOPES

if TYPE_CHECKING:
    from plugin.operations.purge_person import PersonPurge


def plan(counts: PurgeCounts, events: int, age: timedelta, *, dry_run: bool) -> list[str]:
    """How many calls there are, and which of them stay. ``events``: parked ones, which stay as well."""
    lines = [f"Закончены и старше {days(age)} дн., звонков: {counts.over}"]
    if counts.undone:
        lines.append(f"Ещё не закончены, останутся как есть: {counts.undone}")
    if counts.parked:
        lines.append(f"  из них с остановленными доставками: {counts.parked}")
        lines.append("  их показывает optout deliveries list --state parked")
    if events:
        lines.append(f"Остановленные события CRM останутся как есть: {events}")
        lines.append("  их показывает optout events list --state parked")
    if dry_run:
        lines.append("Это проба: ничего не изменилось.")
    return lines


def leftovers(ledger_url: str) -> list[str]:
    """Where what was removed may still be, and what to do about it."""
    copies = "Резервные копии хранят прежние данные: удалите и старые копии."
    path = sqlite_path(ledger_url)
    if path is None:
        return ["Место освободит сам PostgreSQL (autovacuum).", copies]
    lines = ["В файле журнала удалённое затёрто; место займут новые записи."]
    if not empty_log(path):
        lines.append(f"В {path.name}-wal оно останется до остановки работающих процессов.")
    return [*lines, "Сжать сам файл: остановить процессы, sqlite3 ФАЙЛ VACUUM", copies]


def days(age: timedelta) -> str:
    """The age in days."""
    return f"{age / timedelta(days=1):g}"


def person_plan(plan: PersonPurge, *, dry_run: bool) -> list[str]:
    """What a purge of one number removes, and what stays and why."""
    lines = [f"Звонков этого номера, которые закончены: {len(plan.calls)}"]
    lines.append(f"Разговоров на странице оператора: {plan.trails}, звонков после отказа: {plan.called}")
    if plan.kept:
        numbers = ", ".join(map(str, plan.kept[:10]))
        lines += wrapped(f"Ещё не закончены, останутся как есть: {len(plan.kept)} (звонки № {numbers})")
    if plan.scopes:
        scopes = ", ".join(SCOPES[scope] for scope in plan.scopes)
        kept = "Хранится он и то, когда, кем и почему исключён."
        lines += wrapped(f"Номер останется исключённым ({scopes}): без этого ему снова позвонят. {kept}")
    if dry_run:
        lines.append("Это проба: ничего не изменилось.")
    return lines
