"""Compares the shipped rules with the admin's own: which differences came with an upgrade, and which are the admin's.

``optout init`` notes in the rules folder what it laid out; that is the common beginning of both sides.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugin.authoring.revisions.working_copy import Changes, changes, rule_texts
from plugin.config.load import FILE_NAME, shipped_dir
from plugin.errors import InputError

#: In the rules folder: the shipped rules that it was begun with.
BASE_FILE = ".shipped.json"
_RULES = "rules"


@dataclass(frozen=True, slots=True)
class ShippedRules:
    """The rules as one version of the plugin brings them: file name → text."""

    version: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ThreeWayDiff:
    """How the shipped rules and the admin's own differ from the shipped rules that the admin's own began with.

    ``base`` None: that is not known; then ``local`` is every difference. ``upstream``: what changed in the shipped
    rules since; ``local``: what the admin changed. Files that are alike by now are in neither.
    """

    base: ShippedRules | None
    shipped: ShippedRules
    upstream: Changes
    local: Changes

    @property
    def both(self) -> tuple[str, ...]:
        """The files that both sides changed, each in its own way."""
        return tuple(name for name in self.upstream if name in self.local)


def shipped_rules() -> ShippedRules:
    """The rules that this version of the plugin brings."""
    folder = shipped_dir()
    manifest = tomllib.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    return ShippedRules(str(manifest["plugin"]["version"]), rule_texts(folder / _RULES))


def is_shipped(folder: Path) -> bool:
    """Whether these are the shipped rules themselves and not a copy."""
    return folder.resolve() == (shipped_dir() / _RULES).resolve()


def compare_with_shipped(folder: Path, own: Mapping[str, str], shipped: ShippedRules) -> ThreeWayDiff:
    """The folder's files (name → text) beside the shipped ones. Raises InputError for a damaged note of ``init``."""
    base = read_base(folder)
    between = changes(shipped.files, own)
    if base is None:
        return ThreeWayDiff(None, shipped, {}, between)
    upstream = {name: kind for name, kind in changes(base.files, shipped.files).items() if name in between}
    local = {name: kind for name, kind in changes(base.files, own).items() if name in between}
    return ThreeWayDiff(base, shipped, upstream, local)


def note_base(folder: Path, shipped: ShippedRules) -> Path:
    """Note in the folder that its owner knows this shipment. Raises OSError."""
    file = folder / BASE_FILE
    text = json.dumps({"version": shipped.version, "files": dict(shipped.files)}, ensure_ascii=False, indent=1)
    half = file.with_name(f"{BASE_FILE}.{os.getpid()}")
    half.write_text(text + "\n", encoding="utf-8", newline="\n")
    half.replace(file)
    return file


def read_base(folder: Path) -> ShippedRules | None:
    """The shipped rules that the folder was begun with; None where that was not noted. Raises InputError (Russian)."""
    file = folder / BASE_FILE
    try:
        noted: Any = json.loads(file.read_text(encoding="utf-8"))
        files = noted["files"]
        if not all(isinstance(text, str) for text in (noted["version"], *files.values())):
            raise TypeError
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        hint = "Верните файл из копии или удалите его: тогда начало ваших правил будет неизвестно"
        raise InputError(f"{file}: запись о поставке не читается", hint=hint) from error
    return ShippedRules(noted["version"], files)
