"""``optout support-bundle``: what somebody who is asked for help needs to see, without personal data and secrets."""

from __future__ import annotations

import os
from pathlib import Path

import click


@click.command("support-bundle")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.option("--log", metavar="PATH", type=click.Path(path_type=Path), help="Put the end of this log in, too.")
@click.pass_obj
def support_bundle(config: Path | None, /, file: Path, *, log: Path | None) -> None:
    """Write FILE, a ZIP archive: settings without secrets, versions, the doctor's answers, metrics, counts by state.

    Phones, names, addresses and secrets are left out. Nothing is changed; the CRM and the mail server are asked as
    `optout doctor` asks them. FILE must not exist yet.
    """
    from plugin.common.clock import utc_now
    from plugin.doctor.support_bundle import collect

    parts = collect(config, os.environ, utc_now, log)
    parts.write(file)
    click.echo("\n".join([f"wrote {file}:", *(f"  {name}" for name in parts.files)]))
    click.echo("Look through it before you hand it on.")
