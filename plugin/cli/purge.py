"""``optout purge``: remove the personal data of calls that are over and old, and keep the anonymous record."""

from __future__ import annotations

import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.common.moments import span_of
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import Settings

_SHORTEST = timedelta(days=1)


@click.command()
@click.option("--older-than", metavar="SPAN", help="Such as 365d; by default [ledger] retention_days of plugin.toml.")
@click.option("--person", metavar="NUMBER", help="All of this number instead, however old, at its owner's request.")
@click.option("--dry-run", is_flag=True, help="Only count them.")
@click.option("--by", metavar="NAME", default="optout purge", show_default=True, help="Who does it, for the record.")
@click.option("--yes", is_flag=True, help="Do not ask, where there is somebody to ask.")
@click.pass_obj
def purge(
    config: Path | None, /, *, older_than: str | None, person: str | None, dry_run: bool, by: str, yes: bool
) -> int:
    """Remove phones, names, notes, cards, free answers and texts of calls that are over and older than this.

    Times, outcomes, states and revisions stay, and so does what repeated events are recognised by. Calls with
    deliveries that are not done, parked ones among them, are kept. Cannot be undone. With --person a number that is
    excluded stays excluded: it is kept for that with when, by whom and why it was.
    """
    from plugin.cli.format import purge as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.common.clock import utc_now
    from plugin.events.inbox_by_hand import count_parked
    from plugin.ledger.audit import Actor
    from plugin.operations.purge import Purge
    from plugin.operations.retention import purge_now

    settings = settings_of(config)
    if person is not None:
        if older_than is not None:
            raise InputError("--older-than и --person вместе не понять", hint="Назовите одно из них")
        return _purge_person(settings, person, by, dry_run=dry_run, yes=yes)
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


def _purge_person(settings: Settings, given: str, by: str, *, dry_run: bool, yes: bool) -> int:
    from connectors.kit.phones import numbers_in
    from plugin.cli.format import purge as text
    from plugin.cli.ledgers import ledger_of
    from plugin.common.clock import utc_now
    from plugin.ledger.audit import Actor
    from plugin.operations.purge_person import plan_person_purge, purge_person

    numbers = numbers_in(given)
    if len(numbers) != 1:
        raise InputError(f"«{given[:40]}» не один номер телефона", hint="Например: +79161234567, 8 916 123-45-67")
    with ledger_of(settings) as ledger:
        with ledger.read() as connection:
            plan = plan_person_purge(connection, numbers[0])
        click.echo("\n".join(text.person_plan(plan, dry_run=dry_run)))
        if dry_run or plan.is_empty:
            return 0
        if not yes and sys.stdin.isatty():
            click.confirm("Удалить? Вернуть их будет нельзя", abort=True)
        done = purge_person(ledger, utc_now, numbers[0], Actor.signed(by, "по просьбе владельца номера"))
    click.echo(f"Удалены личные данные звонков: {len(done.calls)}.")
    click.echo("\n".join(text.leftovers(settings.ledger_url)))
    return 0
