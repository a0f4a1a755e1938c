"""``optout alerts``: what the admins have to hear of, in Russian, at most 80 columns wide."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.group(short_help="What the admins have to look at: alerts that stand, and past ones.")
def alerts() -> None:
    """What the admins have to look at."""


@alerts.command("list")
@click.option("--all", "all_", is_flag=True, help="Past ones too.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="The newest so many.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
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
        for one in found:
            click.echo(json.dumps(text.as_json(one, zone), ensure_ascii=False))
    else:
        click.echo(
            text.page(found, zone, told_to_somebody=bool(settings.alerts.to or settings.alerts.webhook))
            if found
            else text.EMPTY
        )
