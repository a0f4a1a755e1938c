"""``optout rules rollback``: an earlier state of the rules decides again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("revision", metavar="[REVISION]", required=False)
@click.option("--by", metavar="NAME", default="", help="Who takes the rules back; required.")
@click.option("--reason", metavar="TEXT", default="", help="What for, in a phrase; required.")
@click.option("--as-of", metavar="WHEN", help="The rules of then: 2026-11-22 (its end), '2026-11-22 10:00' or 7d ago.")
@click.option("--dry-run", is_flag=True, help="Show what would change; nothing is changed.")
@click.option("--yes", is_flag=True, help="Also where actions would vanish, or a script.")
@click.option("--people-too", is_flag=True, help="The roles' people of that revision as well, instead of today's.")
@click.option("--folder", "along", is_flag=True, help="Bring the rules folder along.")
@click.pass_obj
def rollback(
    config: Path | None,
    revision: str | None,
    by: str,
    reason: str,
    *,
    as_of: str | None,
    dry_run: bool,
    yes: bool,
    people_too: bool,
    along: bool,
) -> int:
    """Make an earlier revision decide again: the one before the active one, or REVISION (its beginning will do).

    With --as-of: the one that decided then.

    What would change is shown before. The roles keep the people that they have today. It is a change like any other,
    on record, and rolling back once more undoes it. The rules folder is not touched unless --folder is given.
    """
    from plugin.authoring.revisions.archive import active_at
    from plugin.authoring.revisions.publish import ready_rollback
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.going_live import bring_folder_along, go_live, refusing, show
    from plugin.cli.rules.sources import opened_ledger
    from plugin.common.clock import utc_now
    from plugin.common.moments import end_of
    from plugin.errors import InputError
    from plugin.ledger.audit import Actor

    if as_of and revision:
        raise InputError("--as-of: REVISION is given besides", hint="Give one of them")
    settings = settings_of(config)
    if not dry_run:
        Actor.signed(by, reason)
    moment = end_of("--as-of", as_of, settings.timezone, utc_now())
    with opened_ledger(settings) as ledger:
        if moment is not None:
            with ledger.read() as connection:
                revision = active_at(connection, moment)

        def do() -> int:
            with ready_rollback(ledger, revision, people_too=people_too) as ready:
                if dry_run:
                    show(ledger, ready, calls=False)
                    click.echo("Это была проба: ничего не изменилось.")
                    return 0
                status = go_live(ledger, ready, settings, (by, reason), yes=yes)
                if status == 0:
                    bring_folder_along(ledger, settings, wanted=along)
                return status

        return refusing(ledger, do)
