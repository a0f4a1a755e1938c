"""Reads a rules folder into its content, and content into roles and scripts. Content is plain JSON, so that a revision
can be kept in the ledger and built again years later without the folder."""

from __future__ import annotations

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from plugin.common.toml.source import TomlSource, TomlUnreadable, load_toml, parse_toml
from plugin.deciding.ruleset.build import build_roles, build_script
from plugin.deciding.ruleset.calendar import common_calendar
from plugin.deciding.ruleset.cases import build_cases
from plugin.deciding.ruleset.faults import Faults
from plugin.deciding.ruleset.model import Role, Script
from plugin.deciding.ruleset.schema import CALENDAR_FILE, CASES_FILE, OPTIONAL_FILES, ROLES_FILE, SCRIPT_FILES
from plugin.errors import Fault, RulesError

#: File name relative to the rules folder → parsed TOML, e.g. ``survey_opt_out/rules.toml``.
RulesContent = Mapping[str, Any]

#: How file managers, editors and people name a copy: «survey — копия», «survey (2)», «survey.bak», «survey~».
_COPY = re.compile(r"(?i)копия|\bcopy\b|[~()]|^[.#]|\.(bak|old|orig|save|tmp|swp)$")
#: Of a folder, in bytes, as file systems have it.
_LONGEST_NAME = 255


def read_folder(folder: Path) -> tuple[dict[str, Any], dict[str, TomlSource]]:
    """The content of a rules folder and the sources that know the lines. Raises RulesError for unreadable files."""
    if not folder.is_dir():
        raise RulesError([Fault(str(folder), 0, "папка правил", "такой папки нет", "проверьте путь")])
    names = file_names(folder)
    if not any("/" in name for name in names):
        hint = "папка скрипта — та, в которой есть script.toml"
        raise RulesError([Fault(str(folder), 0, "папка правил", "в ней нет ни одного скрипта", hint)])
    faults, sources = Faults(), {}
    for name in names:
        if name.endswith(OPTIONAL_FILES) and not os.path.lexists(folder / name):
            continue
        try:
            source = load_toml(folder / name)
            sources[name] = replace(source, data=composed(source.data))
        except TomlUnreadable as error:
            faults.add_file(name, error.line, error.what, error.hint)
    faults.raise_if_any()
    return {name: source.data for name, source in sources.items()}, sources


def read_texts(files: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, TomlSource], tuple[Fault, ...]]:
    """The content and sources of rules given as texts by their files' names, and what cannot be read of them."""
    faults, sources = Faults(), {}
    for name, text in files.items():
        try:
            source = parse_toml(text.encode("utf-8", "surrogatepass"))
            sources[name] = replace(source, data=composed(source.data))
        except TomlUnreadable as error:
            faults.add_file(name, error.line, error.what, error.hint)
    return {name: source.data for name, source in sources.items()}, sources, faults.found


def composed(node: Any) -> Any:
    """Parsed TOML with every text in NFC: «й» may be written as one character or as two, and is one letter."""
    if isinstance(node, str):
        return unicodedata.normalize("NFC", node)
    if isinstance(node, dict):
        return {composed(key): composed(inner) for key, inner in node.items()}
    return [composed(inner) for inner in node] if isinstance(node, list) else node


def file_names(folder: Path) -> list[str]:
    """The files that a rules folder has, or should have: the roles', and those of each folder with a script.toml.

    The calendar of all scripts is one of them only where it is there.
    """
    scripts = sorted(file.parent.name for file in folder.glob("*/script.toml") if not _COPY.search(file.parent.name))
    common = [ROLES_FILE, *([CALENDAR_FILE] if os.path.lexists(folder / CALENDAR_FILE) else [])]
    return [*common, *(f"{script}/{file}" for script in scripts for file in (*SCRIPT_FILES, *OPTIONAL_FILES))]


def names_beside(folder: Path) -> Iterator[tuple[str, str]]:
    """What looks like a part of the rules and is not taken, with the reason in Russian: copies and backups."""
    taken = set(file_names(folder))
    scripts = {name.split("/")[0] for name in taken if "/" in name}
    for inner in sorted(folder.iterdir()):
        if inner.is_dir():
            if inner.name not in scripts and any(inner.glob("*.toml")):
                why = "похоже на копию" if _COPY.search(inner.name) else "в ней нет script.toml"
                yield f"{inner.name}/", f"папка не взята: {why}"
            for file in sorted(inner.iterdir()) if inner.name in scripts else ():
                yield from _not_taken(f"{inner.name}/{file.name}", taken)
        else:
            yield from _not_taken(inner.name, taken)


def _not_taken(name: str, taken: Collection[str]) -> Iterator[tuple[str, str]]:
    folder, _, file = name.rpartition("/")
    if ".toml" not in file.casefold() or name in taken:
        return
    beside = (one for one in taken if one.rpartition("/")[0] == folder)
    meant = next((one for one in beside if one.rpartition("/")[2] in file.casefold()), None)
    yield name, f"файл не взят: правила читаются только из {meant or 'файлов с именами из руководства'}"


def is_file_name(name: object) -> bool:
    """Whether ``read_folder`` can give a file of that name: of the folder itself, or of a script's folder in it."""
    if not isinstance(name, str):
        return False
    script, separator, file = name.partition("/")
    if not separator:
        return name in (ROLES_FILE, CALENDAR_FILE)
    if file not in (*SCRIPT_FILES, *OPTIONAL_FILES):
        return False
    is_plain = script.isprintable() and not any(sign in script for sign in '\\:*?"<>|')
    return is_plain and script.strip(". ") == script != "" and len(script.encode()) <= _LONGEST_NAME


def digest(content: RulesContent) -> str:
    """The revision: 16 hex digits of the sha256 of the canonical content. Raises RulesError for dates and such."""
    try:
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        what = "дата, время или бесконечное число вместо текста"
        raise RulesError([Fault("rules", 0, "значение", what, "возьмите значение в кавычки")]) from error
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def build(
    content: RulesContent, sources: Mapping[str, TomlSource] | None = None
) -> tuple[dict[str, Role], dict[str, Script]]:
    """Roles and scripts of a rules folder's content. Raises RulesError with every fault found.

    With ``sources`` (a folder that is being read) the admin's cases are checked as well; a stored revision decides
    whatever has become of the form of cases since.
    """
    faults = Faults(sources)
    roles = build_roles(content[ROLES_FILE], faults)
    calendar = common_calendar(content, faults)
    scripts: dict[str, Script] = {}
    for name in sorted({file.split("/")[0] for file in content if "/" in file}):
        known = len(faults.found)
        files = {file: content[f"{name}/{file}"] for file in SCRIPT_FILES}
        script = build_script(name, files, roles, faults, calendar)
        if script:
            scripts[name] = script
        cases = f"{name}/{CASES_FILE}"
        if sources is not None and cases in content:
            # What cases name cannot be held against rules that are at fault themselves.
            sound = None if len(faults.found) > known else script
            build_cases(name, content[cases], sound, roles, faults, sources.get(cases))
    faults.raise_if_any()
    return roles, scripts
