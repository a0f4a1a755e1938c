"""A stored revision as a rules folder again: its files to the byte as they were published, and the same revision.

The folder notes which revision it is, so that what is changed in it can be merged when it is published.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from plugin.authoring.revisions.archive import stored_content, stored_files
from plugin.authoring.revisions.copy_base import note_revision
from plugin.common.toml.writer import to_toml
from plugin.deciding.ruleset import digest, is_file_name, read_folder
from plugin.errors import InputError, RulesError

#: Of the folder's name in that of the half-made one, in characters.
_LONGEST_PART = 50


def export(connection: Connection, revision: str, folder: Path) -> bool:
    """Write the revision's files into ``folder``, which must be new or empty; whether they are the very texts.

    The texts of revisions stored by the first version of the plugin were not kept: their files say the same, without
    comments. Raises InputError (Russian) for a folder with something in it, one that cannot be written, or a damaged
    record; nothing is left behind then.
    """
    content, kept = stored_content(connection, revision), stored_files(connection, revision)
    files = _checked(kept or _as_toml(content, revision), revision)
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise InputError(f"{folder}: уже существует, и там что-то есть", hint="Назовите новую папку")
    folder = folder.absolute()
    # A name that nobody can know beforehand, made anew: no planted folder or link is written into.
    half = folder.parent / f".{folder.name[:_LONGEST_PART]}.{secrets.token_hex(8)}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        half.mkdir()
        _write(half, files)
        if _revision(half) != revision:
            raise _damaged(revision)
        note_revision(half, revision)
        half.replace(folder)
    except OSError as error:
        raise InputError(f"{folder}: не записать ({error.strerror})", hint="Назовите другую папку") from error
    finally:
        shutil.rmtree(half, ignore_errors=True)
    return bool(kept)


def files_of(connection: Connection, revision: str) -> Mapping[str, str]:
    """The texts of a stored revision's files: as they were published, or without comments where they were not kept.

    Raises InputError (Russian) for a damaged record.
    """
    return _checked(
        stored_files(connection, revision) or _as_toml(stored_content(connection, revision), revision), revision
    )


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write a rules folder's files, whose names have been checked. Raises OSError."""
    _write(folder, files)


def _as_toml(content: object, revision: str) -> Mapping[Any, str]:
    tables = content.items() if isinstance(content, dict) else ()
    try:
        return {name: to_toml(table) for name, table in tables}
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(revision) from error


def _checked(files: Mapping[Any, Any], revision: str) -> Mapping[str, str]:
    """The files, if a rules folder can hold them: the ledger may come from elsewhere, and a name becomes a path."""
    if not files or not all(is_file_name(name) and isinstance(text, str) for name, text in files.items()):
        raise _damaged(revision)
    return files


def _damaged(revision: str) -> InputError:
    return InputError(f"Запись о редакции {revision} повреждена: её файлы говорят другое")


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode("utf-8", "surrogatepass"))


def _revision(folder: Path) -> str | None:
    try:
        return digest(read_folder(folder)[0])
    except RulesError:
        return None
