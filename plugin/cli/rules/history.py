"""``optout rules history``: who made which rules active, when and why."""

from __future__ import annotations

from pathlib import Path

import click

from plugin.cli.options import json_lines_option, limit_option, print_json_lines


@click.command()
@limit_option(20, 100_000)
@json_lines_option
@click.pass_obj
def history(config: Path | None, limit: int, as_json: bool) -> None:
    """Print the changes of the active rules, the newest (the active one) first."""
    from plugin.authoring.revisions.archive import full_history
    from plugin.cli.format import rules_history as text
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import opened_ledger

    settings = settings_of(config)
    with opened_ledger(settings) as ledger, ledger.read() as connection:
        # One more than is shown tells whether there are more.
        found = full_history(connection, limit + 1)
    shown = found[:limit]
    if as_json:
        print_json_lines(text.to_json(one, one is shown[0], settings.timezone) for one in shown)
    elif shown:
        click.echo("\n".join(text.lines(shown, settings.timezone, more=len(found) > limit)))
    else:
        click.echo("Активных правил ещё не было.")
