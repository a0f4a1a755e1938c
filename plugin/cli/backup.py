"""``optout backup``: a consistent copy of the ledger while it is in use."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from plugin.errors import InputError


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@click.pass_obj
def backup(config: Path | None, /, file: Path) -> None:
    """Copy the ledger to FILE, which must not exist yet, while services go on; the copy is checked.

    It holds personal data, and only its owner may read it. For PostgreSQL the command to run is named instead.
    """
    from plugin.cli.ledgers import ledger_of, settings_of
    from plugin.ledger.sqlite_file import copy_to, count_rows, sqlite_path

    settings = settings_of(config)
    source = sqlite_path(settings.ledger_url)
    if source is None:
        hint = f"Копию PostgreSQL делает: {_pg_dump(settings.ledger_url, file)}"
        raise InputError("Журнал в PostgreSQL, его копирует pg_dump", hint=hint)
    with ledger_of(settings):
        copy_to(source, file)
    size = file.stat().st_size / 1_000_000
    click.echo(f"Копия проверена: {file}")
    click.echo(f"  звонков: {count_rows(file, 'calls')}, доставок: {count_rows(file, 'deliveries')}, {size:.1f} МБ")
    click.echo("В ней личные данные: храните её как сам журнал.")


def _pg_dump(url: str, file: Path) -> str:
    """The command, without the password: pg_dump asks for it, or takes PGPASSWORD or ~/.pgpass."""
    from sqlalchemy.engine import URL, make_url

    given = make_url(url)
    # URL.set leaves a password as it is where it is given None.
    named = URL.create("postgresql", given.username, None, given.host, given.port, given.database, given.query)
    return shlex.join(["pg_dump", "--format=custom", f"--file={file}", named.render_as_string()])
