"""``optout purge``: remove the personal data of calls that are over and old, and keep the anonymous record."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.format.moments import span_of
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.operations.purge import PurgeCounts

_SHORTEST = timedelta(days=1)


@click.command()
@click.option("--older-than", metavar="SPAN", help="Such as 365d; by default [ledger] retention_days of plugin.toml.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--by", metavar="NAME", default="optout purge", show_default=True, help="Who does it, for the record.")
@click.option("--yes", is_flag=True, help="Do not ask, where there is somebody to ask.")
@click.pass_obj
def purge(config: Path | None, /, *, older_than: str | None, dry_run: bool, by: str, yes: bool) -> int:
    """Remove phones, names, notes, cards, free answers and texts of calls that are over and older than this.

    Times, outcomes, states and revisions stay, and so does what repeated events are recognised by. Calls with
    deliveries that are not done, parked ones among them, are kept. Cannot be undone.
    """
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.events.inbox_by_hand import count_parked
    from plugin.ledger.audit import Actor
    from plugin.operations.purge import Purge
    from plugin.operations.retention import purge_now

    settings = settings_of(config)
    age = span_of("--older-than", older_than) if older_than else timedelta(days=settings.retention.days)
    if age < _SHORTEST:
        raise InputError("--older-than: меньше суток", hint="Обещание клиенту дано на сутки: назовите больший срок")
    actor = Actor.signed(by, f"старше {_days(age)} дн.")
    with ledger_of(settings) as ledger:
        counts = Purge(ledger, utc_now, age).counts()
        with ledger.read() as connection:
            events = count_parked(connection)
        click.echo("\n".join(_told(counts, events, age, dry_run=dry_run)))
        if dry_run or not counts.over:
            return 0
        if not yes and sys.stdin.isatty():
            click.confirm("Удалить? Вернуть их будет нельзя", abort=True)
        purged = purge_now(ledger, utc_now, age, actor)
    click.echo(f"Удалены личные данные звонков: {purged}.")
    click.echo("\n".join(_leftovers(settings)))
    return 0


def _told(counts: PurgeCounts, events: int, age: timedelta, *, dry_run: bool) -> list[str]:
    lines = [f"Закончены и старше {_days(age)} дн., звонков: {counts.over}"]
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


def _leftovers(settings: Settings) -> list[str]:
    from plugin.ledger.sqlite_file import empty_log, sqlite_path

    copies = "Резервные копии хранят прежние данные: удалите и старые копии."
    path = sqlite_path(settings.ledger_url)
    if path is None:
        return ["Место освободит сам PostgreSQL (autovacuum).", copies]
    lines = ["В файле журнала удалённое затёрто; место займут новые записи."]
    if not empty_log(path):
        lines.append(f"В {path.name}-wal оно останется до остановки работающих процессов.")
    return [*lines, "Сжать сам файл: остановить процессы, sqlite3 ФАЙЛ VACUUM", copies]


def _days(age: timedelta) -> str:
    return f"{age / timedelta(days=1):g}"
