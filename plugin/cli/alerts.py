"""``optout alerts``: the admins' alerts, at most 80 columns wide."""

from __future__ import annotations

from pathlib import Path

import click

from plugin.cli.options import json_lines_option, limit_option, print_json_lines


@click.group(short_help="What the admins have to look at: alerts that stand, and past ones.")
def alerts() -> None:
    """What the admins have to look at."""


@alerts.command("list")
@click.option("--all", "all_", is_flag=True, help="Past ones too.")
@limit_option(50)
@json_lines_option
@click.pass_obj
def list_(config: Path | None, *, all_: bool, limit: int, as_json: bool) -> None:
    """Print alerts, the newest first."""
    from plugin.cli.format import alerts as text
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.monitoring.listing import newest_alerts

    settings = settings_of(config)
    with ledger_of(settings) as ledger, ledger.read() as connection:
        found = newest_alerts(connection, limit, standing_only=not all_)
    zone = settings.timezone
    if as_json:
        print_json_lines(text.as_json(one, zone) for one in found)
    else:
        told = bool(settings.alerts.to or settings.alerts.webhook)
        click.echo(text.page(found, zone, told_to_somebody=told, language=settings.language))
