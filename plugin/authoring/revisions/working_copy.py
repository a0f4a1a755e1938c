"""The rules folder as an admin has it now, beside the revision that decides: read, never compiled, so always safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from plugin.authoring.revisions.archive import Activation, stored_content, stored_files
from plugin.deciding.ruleset import digest, file_names, read_folder
from plugin.errors import Fault, RulesError


class CopyKind(Enum):
    """How a file differs from an earlier state of the rules."""

    NEW = "new"
    CHANGED = "changed"
    GONE = "gone"


#: File name relative to the rules folder → how it differs.
Changes = Mapping[str, CopyKind]


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """A rules folder: the texts of its files and, unless ``faults`` keep it from being read, what they say."""

    folder: Path
    files: Mapping[str, str]
    content: Mapping[str, Any] | None
    revision: str | None
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The working copy beside the active revision.

    ``changes``: the files that say something else; ``reworded``: those in which only comments or layout differ.
    ``changed_at``: when the newest of all these was last written, None where nothing differs.
    """

    copy: WorkingCopy
    active: Activation
    changes: Changes
    reworded: tuple[str, ...]
    changed_at: datetime | None

    @property
    def differs(self) -> bool:
        """Whether publishing the working copy would change what decides."""
        return self.copy.revision != self.active.revision


def read_working_copy(folder: Path) -> WorkingCopy:
    """Read the folder; what cannot be read is told by ``faults``."""
    try:
        content, sources = read_folder(folder)
        revision = digest(content)
    except RulesError as error:
        return WorkingCopy(folder, rule_texts(folder), None, None, error.faults)
    return WorkingCopy(folder, {name: source.text for name, source in sources.items()}, content, revision)


def rule_texts(folder: Path) -> dict[str, str]:
    """The texts of the folder's rules files, whatever is in them: what is not UTF-8 is replaced by «�»."""
    texts = {}
    for name in file_names(folder):
        try:
            texts[name] = (folder / name).read_bytes().decode("utf-8", "replace")
        except OSError:
            continue
    return texts


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, CopyKind]:
    """How the files of ``new`` differ from those of ``old``; the ones that are alike are left out."""
    found = {}
    for name in sorted({*old, *new}):
        if name not in old:
            found[name] = CopyKind.NEW
        elif name not in new:
            found[name] = CopyKind.GONE
        elif old[name] != new[name]:
            found[name] = CopyKind.CHANGED
    return found


def compare(connection: Connection, active: Activation, folder: Path) -> Comparison:
    """The folder beside the active revision. Raises RulesError if the ledger's record of that is damaged."""
    copy = read_working_copy(folder)
    files = stored_files(connection, active.revision)
    texts = changes(files, copy.files) if files else {}
    if copy.revision == active.revision:
        differing: Changes = {}
    elif copy.content is None:
        differing = texts
    else:
        differing = changes(stored_content(connection, active.revision), copy.content)
    reworded = tuple(name for name in texts if name not in differing)
    return Comparison(copy, active, differing, reworded, _written(folder, [*differing, *reworded]))


def _written(folder: Path, names: Iterable[str]) -> datetime | None:
    """When the newest of these files was written; of one that is gone, when it was taken out of its folder."""
    times = []
    for name in names:
        file = folder / name
        place = next((path for path in (file, *file.parents) if path.exists()), None)
        if place is not None:
            times.append(place.stat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC) if times else None
