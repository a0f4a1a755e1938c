"""A stored revision as a rules folder again: its files to the byte as they were published, and the same revision."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from plugin.authoring.revisions.archive import stored_content, stored_files
from plugin.common.toml.writer import to_toml
from plugin.deciding.ruleset import digest, read_folder
from plugin.errors import InputError, RulesError


def export(connection: Connection, revision: str, folder: Path) -> bool:
    """Write the revision's files into ``folder``, which must be new or empty; whether they are the very texts.

    The texts of revisions stored by the first version of the plugin were not kept: their files say the same, without
    comments. Raises InputError (Russian) for a folder with something in it, one that cannot be written, or a damaged
    record; nothing is left behind then.
    """
    content, files = stored_content(connection, revision), stored_files(connection, revision)
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise InputError(f"{folder}: уже существует, и там что-то есть", hint="Назовите новую папку")
    folder = folder.absolute()
    half = folder.parent / f".{folder.name}.{os.getpid()}"
    try:
        _write(half, files or {name: to_toml(table) for name, table in content.items()})
        if _revision(half) != revision:
            raise InputError(f"Запись о редакции {revision} повреждена: её файлы говорят другое")
        half.replace(folder)
    except OSError as error:
        raise InputError(f"{folder}: не записать ({error.strerror})", hint="Назовите другую папку") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return bool(files)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())


def _revision(folder: Path) -> str | None:
    try:
        return digest(read_folder(folder)[0])
    except RulesError:
        return None
