"""``optout rules merge``: what others published comes into the working copy, and nothing is published."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", metavar="[PATH]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--over", metavar="REVISION", default="", help="Keep the folder's values where this active one has others."
)
@click.pass_obj
def merge(config: Path | None, folder: Path | None, over: str) -> int:
    """Bring what others published since into the working copy (or the rules folder PATH); its own changes stay.

    Nothing is published. Where both changed a field, the folder is left as it is and both values are shown.
    """
    from plugin.authoring.revisions.follow import follow_active
    from plugin.cli.format.rules_merge import merged_told
    from plugin.cli.format.rules_publish import conflict_told
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.going_live import BAD_INPUT
    from plugin.cli.rules.sources import opened_ledger
    from plugin.common.terminal import paragraph
    from plugin.errors import InputError, RulesConflict

    settings = settings_of(config)
    folder = folder or settings.rules_dir
    with opened_ledger(settings) as ledger:
        try:
            done = follow_active(ledger, folder, keep_over=over)
        except RulesConflict as error:
            told = [*conflict_told(error, command="merge"), "Папка правил не изменилась."]
            click.echo("\n".join(told), err=True)
            return BAD_INPUT
    if done.left_behind is not None:
        raise InputError(f"Папка правил осталась прежней: {done.left_behind}")
    lines = list(merged_told(done.candidate)) or ["В активных правилах нет ничего, чего не было бы в папке."]
    if done.candidate.brought:
        lines += paragraph("Теперь это есть и в папке. Проверьте её: optout rules check и optout rules test.")
    click.echo("\n".join(lines))
    return 0
