"""Rules that are read and built once in a process, whatever folders its tests lay out: most are the shipped ones.

What is at fault is read anew each time. Rules are compiled anew each time; to be published or tried as a draft, each
content is checked by a process of its own once.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from plugin.authoring.drafts import compiled
from plugin.authoring.revisions import publish
from plugin.authoring.verification.isolated import check_isolated
from plugin.authoring.verification.report import CheckReport
from plugin.common.toml.source import TomlSource, load_toml
from plugin.deciding.decision import compiled_rules
from plugin.deciding.ruleset import build, digest, read
from plugin.deciding.ruleset.model import Role, Script
from plugin.errors import RulesError

_MOST = 200
_READ: dict[bytes, TomlSource] = {}
_BUILT: dict[tuple[str, bool], tuple[dict[str, Role], dict[str, Script]]] = {}
_CHECKED: dict[tuple[tuple[str, bytes], ...], tuple[CheckReport, str | None]] = {}
K = TypeVar("K")
V = TypeVar("V")


def _read_once(path: Path) -> TomlSource:
    try:
        raw = path.read_bytes() if path.is_file() else None
    except OSError:
        raw = None
    if raw is None:
        return load_toml(path)
    # Whoever reads a folder makes texts of its own of it.
    return _READ.get(raw) or _kept(_READ, raw, load_toml(path))


def _build_once(
    content: Mapping[str, Any], sources: Mapping[str, TomlSource] | None = None
) -> tuple[dict[str, Role], dict[str, Script]]:
    try:
        key = digest(content), sources is not None
    except RulesError:
        return build(content, sources)
    roles, scripts = _BUILT.get(key) or _kept(_BUILT, key, build(content, sources))
    return {**roles}, {**scripts}


def _check_once(folder: Path) -> tuple[CheckReport, str | None]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    try:
        key = tuple((str(path.relative_to(folder)), path.read_bytes()) for path in files)
    except OSError:
        return check_isolated(folder)
    return _CHECKED.get(key) or _kept(_CHECKED, key, check_isolated(folder))


def _kept(known: dict[K, V], key: K, value: V) -> V:
    if len(known) >= _MOST:
        known.clear()
    known[key] = value
    return value


vars(read)["load_toml"] = _read_once
vars(compiled_rules)["build"] = _build_once
vars(compiled)["check_isolated"] = _check_once
vars(publish)["check_isolated"] = _check_once
