"""``optout rules backtest``: what the ledger's past calls would have come to by other rules."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from plugin.cli.options import full_option, json_option, print_json


@click.command()
@click.argument("name", metavar="[PATH|REVISION]", required=False)
@click.option("--since", metavar="WHEN", default="90d", show_default=True, help="Calls that ended at or after.")
@click.option(
    "--limit", type=click.IntRange(0), default=100, show_default=True, help="List the newest so many; 0 lists all."
)
@full_option
@json_option
@click.pass_obj
def backtest(config: Path | None, name: str | None, since: str, limit: int, full: bool, as_json: bool) -> None:
    """Decide past calls again by the rules folder (or another state of the rules) and list those that would differ.

    Nothing is sent and nothing is written. WHEN is a date, '2026-11-22 10:00', or 24h or 7d ago.
    """
    from plugin.cli.format import rules_backtest as told
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import opened_ledger, rulebook_named
    from plugin.common.clock import utc_now
    from plugin.common.moments import moment_of
    from plugin.operations.backtest import backtest as decide_again

    settings = settings_of(config)
    start = moment_of(since, settings.timezone, utc_now())
    with (
        opened_ledger(settings) as ledger,
        closing(rulebook_named(settings, name)) as candidate,
        ledger.read() as connection,
    ):
        result = decide_again(connection, candidate, since=start, limit=limit or None)
    if as_json:
        print_json(told.as_json(result, candidate.revision, settings.timezone, full))
    else:
        click.echo(told.page(result, candidate.revision, settings.timezone, full))
