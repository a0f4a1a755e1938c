"""Writes what the rules commands make into a file or to standard output."""

from __future__ import annotations

from pathlib import Path

import click

from plugin.errors import InputError

#: Standard output, where a file's name is expected.
STDOUT = "-"
_REASONS = {
    IsADirectoryError: "это папка",
    FileNotFoundError: "нет такой папки",
    NotADirectoryError: "нет такой папки",
    PermissionError: "нет прав",
}


def save(where: str, data: bytes, what: str) -> None:
    """Write a file whole and say so, or write to standard output, which then holds nothing else.

    Raises InputError (Russian) where the file cannot be written.
    """
    if where == STDOUT:
        click.echo(data, nl=False)
        return
    try:
        Path(where).write_bytes(data)
    except OSError as error:
        reason = _REASONS.get(type(error), error.strerror)
        raise InputError(f"{where}: файл не записать ({reason})", hint="Выберите другой путь") from error
    click.echo(f"Записано: {where} ({what})")
