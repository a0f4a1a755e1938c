"""``optout deliver``: writes what call results came to into the CRM, and takes none in."""

from __future__ import annotations

from pathlib import Path

import click

from plugin.cli.services import service_settings, upgrade_command


@click.command()
@click.pass_obj
def deliver(config: Path | None) -> int:
    """Write what is due into the CRM, and only that: `optout web` or `optout serve` takes the call results in.

    Any number of these may run, on several machines where the ledger is PostgreSQL; they share the CRM account's quota.
    Ends like `optout serve`.
    """
    settings = service_settings(config)
    from plugin.service.run import deliver as deliver_

    return deliver_(settings, upgrade_command=upgrade_command(config))
