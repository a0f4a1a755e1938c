"""The revision that a rules folder began with: noted in the folder, so that publishing knows what its owner changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from plugin.authoring.merging import RulesTexts
from plugin.authoring.merging.texts import parsed
from plugin.authoring.revisions.archive import has_revision, revision_texts
from plugin.authoring.revisions.shipped import is_shipped, read_base, shipped_rules
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.deciding.ruleset import digest
from plugin.errors import InputError, RulesError

#: In the rules folder.
REVISION_FILE = ".revision.json"


@dataclass(frozen=True, slots=True)
class CopyBase:
    """What a working copy began with. ``revision`` None: it does not say; ``texts`` None: nobody has them any more."""

    revision: str | None
    texts: RulesTexts | None


def note_revision(folder: Path, revision: str) -> None:
    """Note in the folder that its owner knows this revision; the shipped rules are nobody's. Raises OSError."""
    if is_shipped(folder):
        return
    half = folder / f"{REVISION_FILE}.{os.getpid()}"
    half.write_text(json.dumps({"revision": revision}) + "\n", encoding="utf-8", newline="\n")
    half.replace(folder / REVISION_FILE)


def noted_revision(folder: Path) -> str | None:
    """The revision that the folder began with; None where that was not noted. Raises InputError (Russian)."""
    file = folder / REVISION_FILE
    try:
        noted: Any = json.loads(file.read_text(encoding="utf-8"))
        revision = noted["revision"]
        if not isinstance(revision, str):
            raise TypeError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        hint = "Верните файл из копии или удалите его: тогда начало ваших правил будет неизвестно"
        raise InputError(f"{file}: запись о редакции не читается", hint=hint) from error
    return revision


def note_first(folder: Path, revision: str) -> None:
    """Note the revision that became active from this folder; one that cannot be written is told at publishing."""
    with suppress(OSError):
        note_revision(folder, revision)


def note_if_missing(folder: Path, revision: str) -> None:
    """Note the active revision in a folder that says nothing yet and is the same."""
    if not (folder / REVISION_FILE).exists() and texts_revision(rule_texts(folder)) == revision:
        note_first(folder, revision)


def copy_base(connection: Connection | None, folder: Path) -> CopyBase:
    """What the folder began with: a revision of the ledger, or the rules that ``optout init`` laid out."""
    revision = noted_revision(folder)
    if revision is None:
        return CopyBase(None, None)
    if connection is not None and has_revision(connection, revision):
        return CopyBase(revision, revision_texts(connection, revision))
    for begun in (read_base(folder), shipped_rules()):
        if begun is not None and texts_revision(begun.files) == revision:
            return CopyBase(revision, begun.files)
    return CopyBase(revision, None)


def texts_revision(texts: Mapping[str, str]) -> str | None:
    """The revision that these files are; None where they cannot be read."""
    try:
        return digest({name: parsed(text) for name, text in texts.items()})
    except (ValueError, RulesError):
        return None


def bring_along(folder: Path, before: RulesTexts, after: RulesTexts, revision: str) -> str | None:
    """Write these files into the folder and note their revision; why that cannot be done, in Russian, or None.

    ``before``: the folder's files as they were read. A folder that was written to since is left as it is.
    """
    if is_shipped(folder):
        return None if before == after else "это правила из поставки"
    try:
        for name, text in before.items():
            if (folder / name).read_bytes() != text.encode("utf-8", "surrogatepass"):
                return f"{name} изменён, пока правила проверялись"
        for name in [name for name in before if name not in after]:
            (folder / name).unlink()
        for name, text in after.items():
            if before.get(name) != text:
                _write(folder / name, text)
        note_revision(folder, revision)
    except OSError as error:
        return f"не записать ({error.strerror})"
    return None


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}")
    half.write_bytes(text.encode("utf-8", "surrogatepass"))
    if file.exists():
        shutil.copymode(file, half)
    half.replace(file)
