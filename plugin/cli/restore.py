"""``optout restore``: puts a copy of the ledger back, so that nothing is written twice; in Russian."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from plugin.errors import InputError

if TYPE_CHECKING:
    from plugin.config.settings import Settings
    from plugin.operations.restore import Restored


@click.command()
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--mark", "only_mark", is_flag=True, help="The ledger was put back by other means: only mark it.")
@click.option("--yes", is_flag=True, help="Do it; without this only the plan is shown.")
@click.pass_obj
def restore(config: Path | None, /, file: Path | None, *, only_mark: bool, yes: bool) -> None:
    """Put FILE, made by `optout backup`, back in the ledger's place; the ledger of before is kept beside it.

    From then on everything up to now is looked for in the CRM before it is sent, also what events of the lost time come
    to that are sent again. For PostgreSQL: pg_restore, then --mark, before anything is started.
    """
    from plugin.cli.ledgers import settings_of
    from plugin.common.clock import utc_now
    from plugin.ledger.sqlite_file import sqlite_path

    if only_mark == (file is not None):
        raise InputError("Назовите копию или --mark, одно из двух", hint="optout restore /backups/ledger.db")
    settings = settings_of(config)
    place = sqlite_path(settings.ledger_url)
    if file is None:
        _mark(settings, yes=yes)
        return
    if place is None:
        hint = "Сначала pg_restore, затем optout restore --mark --yes"
        raise InputError("Журнал в PostgreSQL, его возвращает pg_restore", hint=hint)
    from plugin.operations.restore import contents_of, restore

    found = contents_of(file)
    heard = f"{found.last_event.astimezone(settings.timezone):%d.%m.%Y %H:%M}" if found.last_event else "не было"
    click.echo(f"В копии звонков: {found.calls}, последнее событие: {heard}.")
    if not yes:
        click.echo(f"В CRM сначала будут искать доставки из копии: {found.open_deliveries},")
        click.echo("и всё, что повторные события добавят за потерянное время.")
        click.echo("Ничего ещё не сделано. Остановите все процессы и повторите с --yes.")
        return
    _tell(restore(file, place, utc_now))


def _mark(settings: Settings, *, yes: bool) -> None:
    from plugin.cli.ledgers import ledger_of
    from plugin.common.clock import utc_now
    from plugin.operations.restore import mark

    with ledger_of(settings) as ledger:
        if yes:
            _tell(mark(ledger, utc_now))
            return
    click.echo("Всё, что старше этой минуты, перед отправкой будут искать в CRM.")
    click.echo("Ничего ещё не сделано. Остановите все процессы и повторите с --yes.")


def _tell(done: Restored) -> None:
    if done.aside is not None:
        click.echo(f"Прежний журнал: {done.aside}")
    click.echo(f"Сначала ищутся в CRM, а потом отправляются доставки: {done.looked_for},")
    click.echo("и так же всё, что добавят повторные события о прежних звонках.")
    if done.tokens and done.taken_over:
        click.echo(f"Обновлённые ключи ({', '.join(done.tokens)}) взяты из прежнего журнала.")
    elif done.tokens:
        click.echo(f"Обновлённые ключи ({', '.join(done.tokens)}) — из копии. Если CRM с тех пор выдала")
        click.echo("новые, старых она больше не примет: подключите учётную запись заново")
        click.echo("и проверьте: optout doctor")
    click.echo("Теперь можно запускать процессы, в любом порядке; пусть источники повторят")
    click.echo("всё, что прислали после копии. Письма за это время могут прийти второй раз")
    click.echo("(с тем же Message-ID); в CRM ничего не появится дважды.")
