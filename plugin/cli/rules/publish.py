"""``optout rules publish``: the rules of a folder, checked and tried, become the ones that decide."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.errors import RulesError

if TYPE_CHECKING:
    from plugin.authoring.shadow.records import ShadowReport
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger

BAD_INPUT = 2


@click.command()
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--by", metavar="NAME", default="", help="Who publishes; required.")
@click.option("--reason", metavar="TEXT", default="", help="What for, in a phrase; required.")
@click.option("--dry-run", is_flag=True, help="Check and try them only; nothing is published.")
@click.pass_obj
def publish(config: Path | None, folder: Path | None, by: str, reason: str, dry_run: bool) -> int:
    """Check the working copy (or the rules folder PATH), run its cases, and make it what decides.

    Every running process follows within 2 seconds. Rules with a fault change nothing; exit status 2.
    """
    from plugin.authoring.revisions.publish import publish as publish_
    from plugin.authoring.revisions.publish import try_out
    from plugin.cli.format.rules_publish import lines
    from plugin.cli.format.rules_shadow import evidence
    from plugin.cli.ledgers import settings_of
    from plugin.ledger import Ledger
    from plugin.ledger.audit import Actor

    settings = settings_of(config)
    folder = folder or settings.rules_dir
    if not dry_run:
        Actor.signed(by, reason)
    with closing(Ledger(settings.ledger_url)) as ledger:
        try:
            done = try_out(folder) if dry_run else publish_(ledger, folder, by, reason)
        except RulesError as error:
            click.echo(str(error), err=True)
            click.echo(_still(ledger), err=True)
            return BAD_INPUT
        shown = evidence(_shadowed(ledger, done.revision, settings), settings.timezone)
    click.echo("\n".join([*lines(done, settings.timezone), *shown]))
    return 0


def _shadowed(ledger: Ledger, revision: str, settings: Settings) -> ShadowReport | None:
    """What the revision's newest shadow came to."""
    from plugin.authoring.shadow.records import newest_shadow, report_of

    if not ledger.exists() or ledger.schema().pending:
        return None
    with ledger.read() as connection:
        shadow = newest_shadow(connection, revision)
        page = settings.source_of(settings.page.source).recorded_as
        return None if shadow is None else report_of(connection, shadow, page)


def _still(ledger: Ledger) -> str:
    from plugin.authoring.revisions.archive import newest_activation

    active = None
    if ledger.exists():
        with ledger.read() as connection:
            active = newest_activation(connection)
    stays = "активных правил по-прежнему нет" if active is None else f"активной остаётся редакция {active.revision}"
    return f"Не опубликовано: {stays}."
