"""``optout rules publish``: the rules of a folder, checked and tried, become the ones that decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.errors import RulesError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from plugin.authoring.revisions.publish import Publication
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
    from plugin.cli.rules.sources import settings_of
    from plugin.ledger import Ledger
    from plugin.signature import signed

    settings = settings_of(config)
    folder = folder or settings.rules_dir
    if not dry_run:
        signed(by, reason)
    ledger = Ledger(settings.ledger_url)
    try:
        done = try_out(folder) if dry_run else publish_(ledger, folder, by, reason)
    except RulesError as error:
        click.echo(str(error), err=True)
        click.echo(_still(ledger), err=True)
        return BAD_INPUT
    finally:
        ledger.close()
    click.echo("\n".join(_told(done, settings.timezone)))
    return 0


def _still(ledger: Ledger) -> str:
    from plugin.authoring.revisions.archive import newest_activation

    active = None
    if ledger.exists():
        with ledger.read() as connection:
            active = newest_activation(connection)
    stays = "активных правил по-прежнему нет" if active is None else f"активной остаётся редакция {active.revision}"
    return f"Не опубликовано: {stays}."


def _told(done: Publication, zone: ZoneInfo) -> list[str]:
    from plugin.cli.format.rules import report_told, signature, wrapped

    lines = list(report_told(done.report, done.cases))
    if done.change is None:
        return [*lines, f"Редакция {done.revision} может быть опубликована.", "Это была проба: ничего не изменилось."]
    before = done.change.previous
    if done.change.made is None and before is not None:
        lines += [f"Редакция {done.revision} уже активна: публиковать нечего."]
        return [*lines, *wrapped(f"Активна {signature(before, zone)}.", 2)]
    lines.append(f"Опубликована редакция {done.revision}.")
    if before is None:
        return [*lines, "До неё активных правил не было."]
    lines += wrapped(f"До неё была активна {before.revision} ({signature(before, zone)}).")
    lines.append("Работающие процессы перейдут на неё в течение 2 секунд.")
    return [*lines, "Вернуть прежнюю: optout rules rollback --by ИМЯ --reason ПРИЧИНА"]
