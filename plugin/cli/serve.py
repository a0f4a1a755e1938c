"""``optout serve``: takes call results in and carries them out, until it is told to stop."""

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
def serve(config: Path | None, port: int | None, port_file: Path | None) -> int:
    """Take call results in and write what follows from them into the CRM.

    Ends on Ctrl-C or SIGTERM after what is in hand, or at once when told again 2 s later. Logs to stderr.
    """
    settings = service_settings(config)
    from plugin.service.run import serve as serve_

    upgrade, tools = upgrade_command(config), console_tools(config)
    return serve_(settings, port=port, port_file=port_file, upgrade_command=upgrade, tools=tools)
