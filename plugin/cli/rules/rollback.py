"""``optout rules rollback``: an earlier state of the rules decides again."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("revision", metavar="[REVISION]", required=False)
@click.option("--by", metavar="NAME", default="", help="Who takes the rules back; required.")
@click.option("--reason", metavar="TEXT", default="", help="What for, in a phrase; required.")
@click.pass_obj
def rollback(config: Path | None, revision: str | None, by: str, reason: str) -> None:
    """Make an earlier revision decide again: the one before the active one, or REVISION (its beginning will do).

    It is a change like any other, on record, and rolling back once more undoes it. The rules folder is not touched.
    """
    from plugin.authoring.revisions.publish import roll_back
    from plugin.cli.format.rules import signature
    from plugin.cli.ledgers import settings_of
    from plugin.cli.rules.sources import opened_ledger
    from plugin.common.terminal import paragraph

    settings = settings_of(config)
    with opened_ledger(settings) as ledger:
        change = roll_back(ledger, revision, by, reason)
    before = change.previous
    assert before is not None
    if change.made is None:
        lines = [f"Редакция {before.revision} уже активна: возвращать нечего."]
        lines += paragraph(f"Активна {signature(before, settings.timezone)}.", 2)
    else:
        lines = [f"Снова активна редакция {change.made.revision}."]
        lines += paragraph(f"До этого была активна {before.revision} ({signature(before, settings.timezone)}).")
        lines += ["Работающие процессы перейдут на неё в течение 2 секунд."]
        lines += ["Отменить возврат: optout rules rollback --by ИМЯ --reason ПРИЧИНА"]
        lines += ["Папка правил не изменилась; взять файлы этой редакции:"]
        lines += [f"  optout rules export {change.made.revision} ПАПКА"]
    click.echo("\n".join(lines))
