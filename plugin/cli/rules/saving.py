"""Writes what commands make into a file or to standard output."""

from __future__ import annotations

import os
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


def save(where: str, data: bytes, what: str, *, private: bool = False) -> None:
    """Write a file whole and say so, or write to standard output, which then holds nothing else.

    ``private``: it holds personal data, so that its owner alone may read it.
    Raises InputError (Russian) where the file cannot be written.
    """
    if where == STDOUT:
        click.echo(data, nl=False)
        return
    try:
        if private:
            _write_private(Path(where), data)
        else:
            Path(where).write_bytes(data)
    except OSError as error:
        reason = _REASONS.get(type(error), error.strerror)
        raise InputError(f"{where}: файл не записать ({reason})", hint="Выберите другой путь") from error
    click.echo(f"Записано: {where} ({what})")


def _write_private(path: Path, data: bytes) -> None:
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        # Of a file that was there before, too.
        os.fchmod(file.fileno(), 0o600)
        file.write(data)
