"""``optout rules status``: what decides, whether the working copy says the same, and what the plugin ships besides."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.cli.options import json_option, print_json
from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import Settings


@click.command()
@click.option("--diff", is_flag=True, help="Show the differences line by line.")
@json_option
@click.option("--shipped-seen", is_flag=True, help="Note that the shipped rules of this version were looked through.")
@click.pass_obj
def status(config: Path | None, *, diff: bool, as_json: bool, shipped_seen: bool) -> None:
    """Print which rules decide, how the working copy differs from them, and what changed in the shipped rules.

    The shipped rules are compared with those that `optout init` laid out, or that --shipped-seen last noted.
    """
    from plugin.authoring.revisions.status import rules_status
    from plugin.cli.format.rules_status import diffs, page, to_json
    from plugin.cli.ledgers import settings_of

    settings = settings_of(config)
    if shipped_seen:
        _note_shipped(settings)
    found = rules_status(settings)
    if as_json:
        print_json(to_json(found, settings.timezone))
        return
    click.echo("\n".join(page(found, settings.timezone)))
    if diff:
        click.echo("\n".join(diffs(found)))


def _note_shipped(settings: Settings) -> None:
    from plugin.authoring.revisions.shipped import is_shipped, note_base, shipped_rules

    if is_shipped(settings.rules_dir):
        raise InputError("Это и есть правила из поставки", hint="Своя копия: optout init ПАПКА")
    try:
        note_base(settings.rules_dir, shipped_rules())
    except OSError as error:
        raise InputError(f"{settings.rules_dir}: не записать ({error.strerror})", hint="Проверьте права") from error
