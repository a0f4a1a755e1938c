"""``optout rules publish``: the rules of a folder, checked and tried, become the ones that decide."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option("--by", metavar="NAME", default="", help="Who publishes; required.")
@click.option("--reason", metavar="TEXT", default="", help="What for, in a phrase; required.")
@click.option("--dry-run", is_flag=True, help="Check and try them only; nothing is published.")
@click.option("--yes", is_flag=True, help="Also where calls would stay unfinished, actions vanish, or the like.")
@click.option(
    "--over", metavar="REVISION", default="", help="Keep the folder's values where this active one has others."
)
@click.option("--emergency", is_flag=True, help="Without another person's approval; the admins are told.")
@click.pass_obj
def publish(
    config: Path | None,
    folder: Path | None,
    by: str,
    reason: str,
    *,
    dry_run: bool,
    yes: bool,
    over: str,
    emergency: bool,
) -> int:
    """Check the working copy (or the rules folder PATH), run its cases, and make it what decides.

    What others published since the folder was begun is merged field by field; where both changed a field, nothing is
    published and both values are shown. What would change is shown before. Every running process follows within 2
    seconds. Rules with a fault change nothing; exit status 2.
    """
    from plugin.authoring.revisions.publish import ready_folder
    from plugin.cli.format.rules_publish import trial_told
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.going_live import go_live, refusing, show, show_shadow
    from plugin.ledger import Ledger
    from plugin.ledger.audit import Actor

    settings = settings_of(config)
    folder = folder or settings.rules_dir
    if not dry_run:
        Actor.signed(by, reason)
    with closing(Ledger(settings.ledger_url)) as ledger:

        def do() -> int:
            with ready_folder(ledger, folder, keep_over=over) as ready:
                if not dry_run:
                    return go_live(ledger, ready, settings, (by, reason), yes=yes, emergency=emergency)
                show(ledger, ready)
                show_shadow(ledger, ready.revision, settings)
                click.echo("\n".join(trial_told(ready.revision)))
                return 0

        return refusing(ledger, do)
