"""``optout web``: takes call results in and leaves it to other processes to carry them out."""

from __future__ import annotations

from pathlib import Path

import click

from plugin.cli.services import console_tools, service_settings, upgrade_command


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), help="Instead of the one in plugin.toml; 0 takes any free port.")
@click.option(
    "--port-file", metavar="FILE", type=click.Path(path_type=Path), help="Write the port's number here once it listens."
)
@click.pass_obj
def web(config: Path | None, port: int | None, port_file: Path | None) -> int:
    """Take call results in, and only that: `optout deliver` or `optout serve` on the same ledger carries them out.

    Any number of these may run, on several machines where the ledger is PostgreSQL. Ends like `optout serve`.
    """
    settings = service_settings(config)
    from plugin.service.run import serve

    upgrade, tools = upgrade_command(config), console_tools(config)
    return serve(settings, port=port, port_file=port_file, delivers=False, upgrade_command=upgrade, tools=tools)
