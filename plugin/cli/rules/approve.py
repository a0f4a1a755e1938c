"""``optout rules approve``: another person's word, where plugin.toml wants it before rules are published."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugin.authoring.revisions.publish import ReadyRules
    from plugin.config.settings import Settings
    from plugin.ledger import Ledger


@click.command()
@click.argument("name", metavar="[REVISION|PATH]", required=False)
@click.option("--by", metavar="NAME", default="", help="Who agrees; required. Not who wants to publish.")
@click.option("--reason", metavar="TEXT", default="", help="What was looked at, in a phrase; required.")
@click.option("--dry-run", is_flag=True, help="Show what would change; nothing is agreed to.")
@click.pass_obj
def approve(config: Path | None, name: str | None, by: str, reason: str, *, dry_run: bool) -> int:
    """Show what REVISION (or the rules folder PATH) would change, and agree to exactly that.

    Without a name the revisions that wait are listed. An edit, or another publication meanwhile, needs it anew.
    """
    from plugin.authoring.revisions.reviews import approve as approve_
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.going_live import refusing, show
    from plugin.cli.rules.sources import opened_ledger
    from plugin.common.clock import utc_now
    from plugin.ledger.audit import Actor

    settings = settings_of(config)
    with opened_ledger(settings) as ledger:
        ledger.make_ready()
        if name is None:
            _list(ledger, settings)
            return 0

        def do() -> int:
            actor = None if dry_run else Actor.signed(by, reason)
            with _ready(ledger, name) as ready:
                show(ledger, ready)
                if actor is None:
                    return 0
                over = ready.candidate.over
                approve_(ledger, ready.checked.rulebook, actor, utc_now(), over=over.id if over else None)
                click.echo(f"Согласовано: редакция {ready.revision}.")
            return 0

        return refusing(ledger, do)


@contextmanager
def _ready(ledger: Ledger, name: str) -> Iterator[ReadyRules]:
    """The rules called so, as their author would publish them."""
    from plugin.authoring.revisions.publish import ready_folder, ready_submitted

    if os.sep in name or name in (os.curdir, os.pardir):
        with ready_folder(ledger, Path(name)) as ready:
            yield ready
    else:
        with ready_submitted(ledger, name) as ready:
            yield ready


def _list(ledger: Ledger, settings: Settings) -> None:
    from plugin.authoring.revisions.reviews import waiting
    from plugin.cli.format.rules_status import waiting_told

    with ledger.read() as connection:
        found = waiting(connection)
    click.echo("\n".join(waiting_told(found, settings.timezone)) if found else "Согласия ничто не ждёт.")
