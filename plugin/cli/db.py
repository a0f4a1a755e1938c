"""``optout db``: which version the ledger's tables are of, and bringing them to this one's, for the integrator."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.services import upgrade_command

BEHIND = 1


@click.group()
def db() -> None:
    """The ledger's database: the version of its tables."""


@db.command()
@click.pass_obj
def status(config: Path | None) -> int:
    """Show which version the tables are of. Changes nothing.

    The exit status is 1 where they are to be upgraded, 2 where a newer version of the plugin has done so.
    """
    from plugin.cli.ledgers import settings_of
    from plugin.ledger import Ledger
    from plugin.ledger.versions import HEAD

    with closing(Ledger(settings_of(config).ledger_url)) as ledger:
        state = ledger.schema()
        state.refuse_unknown()
        click.echo(f"ledger: {ledger.kind}, " + (f"version {state.current}" if state.current else "no tables yet"))
        if not state.pending:
            click.echo("up to date")
            return 0
        click.echo(f"to be upgraded to {HEAD}: {', '.join(state.pending)}")
        by_itself = "" if ledger.is_shared else " (or simply: optout serve)"
        click.echo(f"run: {upgrade_command(config)}{by_itself}")
        return BEHIND


@db.command()
@click.pass_obj
def upgrade(config: Path | None) -> None:
    """Bring the tables to this version, or create them.

    On PostgreSQL stop the services of the older version first, and make a backup; what they took in stays. Several of
    these at once are no harm: one does it, the others wait for it. On SQLite every start does so by itself.
    """
    from plugin.cli.ledgers import settings_of
    from plugin.ledger import Ledger
    from plugin.ledger.versions import HEAD

    with closing(Ledger(settings_of(config).ledger_url)) as ledger:
        before = ledger.upgrade()
        if not before.pending:
            click.echo(f"ledger: {ledger.kind}, version {HEAD} already")
        elif before.current is None:
            click.echo(f"ledger: {ledger.kind}, tables of version {HEAD} created")
        else:
            click.echo(f"ledger: {ledger.kind}, upgraded from version {before.current} to {HEAD}")
