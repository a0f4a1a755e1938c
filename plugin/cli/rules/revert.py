"""``optout rules revert``: one publication's changes are taken out of the active rules; later ones stay."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("revision", metavar="REVISION")
@click.option("--by", metavar="NAME", default="", help="Who takes the change back; required.")
@click.option("--reason", metavar="TEXT", default="", help="What for, in a phrase; required.")
@click.option("--dry-run", is_flag=True, help="Show what would change; nothing is changed.")
@click.option("--yes", is_flag=True, help="Also where calls would stay unfinished, actions vanish, or the like.")
@click.option("--folder", "along", is_flag=True, help="Bring the rules folder along.")
@click.option("--emergency", is_flag=True, help="Without another person's approval; the admins are told.")
@click.pass_obj
def revert(
    config: Path | None,
    revision: str,
    by: str,
    reason: str,
    *,
    dry_run: bool,
    yes: bool,
    along: bool,
    emergency: bool,
) -> int:
    """Take what REVISION (its beginning will do, or: active) changed when it was published out of the active rules.

    What was published later stays. Where that changed the same fields, nothing is done and both values are shown.
    """
    from plugin.authoring.revisions.publish import ready_revert
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.going_live import bring_folder_along, go_live, refusing, show
    from plugin.cli.rules.sources import opened_ledger, revision_named
    from plugin.ledger.audit import Actor

    settings = settings_of(config)
    if not dry_run:
        Actor.signed(by, reason)
    with opened_ledger(settings) as ledger:

        def do() -> int:
            with ledger.read() as connection:
                name = revision_named(connection, revision)
            with ready_revert(ledger, name) as ready:
                if dry_run:
                    show(ledger, ready)
                    click.echo("Это была проба: ничего не изменилось.")
                    return 0
                status = go_live(ledger, ready, settings, (by, reason), yes=yes, emergency=emergency)
                if status == 0:
                    bring_folder_along(ledger, settings, wanted=along)
                return status

        return refusing(ledger, do, reverting=True)
