"""``optout purge``: remove the personal data of calls that are over and old, and keep the anonymous record."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path

import click

from plugin.common.moments import span_of
from plugin.errors import InputError

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
    from plugin.cli.format import purge as text
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
    actor = Actor.signed(by, f"старше {text.days(age)} дн.")
    with ledger_of(settings) as ledger:
        counts = Purge(ledger, utc_now, age).counts()
        with ledger.read() as connection:
            events = count_parked(connection)
        click.echo("\n".join(text.plan(counts, events, age, dry_run=dry_run)))
        if dry_run or not counts.over:
            return 0
        if not yes and sys.stdin.isatty():
            click.confirm("Удалить? Вернуть их будет нельзя", abort=True)
        purged = purge_now(ledger, utc_now, age, actor)
    click.echo(f"Удалены личные данные звонков: {purged}.")
    click.echo("\n".join(text.leftovers(settings.ledger_url)))
    return 0
