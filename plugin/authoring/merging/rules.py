"""Merges two people's changes of the same rules, field by field. Pure: texts in, texts out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from plugin.authoring.merging.fields import ABSENT, FieldConflict, RulesChange, field_changes, merge_fields
from plugin.authoring.merging.texts import merged_text, parsed
from plugin.common.toml.source import TomlUnreadable, parse_toml
from plugin.errors import Fault, RulesError

#: File name relative to the rules folder → its text, as ``Rulebook.files`` and a folder have them.
RulesTexts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RulesMerge:
    """What came of a merge.

    ``files``: the merged texts; a field in conflict is as ``mine`` has it. ``brought``: the fields in which they differ
    from ``mine``, old is mine and new is merged. ``conflicts``: what both sides changed, each in its own way; while
    there are any, the texts are not to be used. ``lost_remarks``: file name → comment lines that had no place any more.
    """

    files: RulesTexts
    brought: tuple[RulesChange, ...]
    conflicts: tuple[FieldConflict, ...]
    lost_remarks: Mapping[str, tuple[str, ...]]


def merge_rules(base: RulesTexts, mine: RulesTexts, theirs: RulesTexts) -> RulesMerge:
    """Two states of the rules that began with the same one, put together.

    Each side maps file names (``roles.toml``, ``survey_opt_out/rules.toml``) to texts. Fields are keys of tables;
    elements of lists are known by their ``id``, ``name``, ``value`` or ``fault``. A condition, what a rule concludes
    and a case's facts are one field each, and so is a list of plain values. Where one side changed a field, its value
    is taken; where both did otherwise, that is a conflict. Comments, order and layout of ``mine`` survive; comments of
    ``theirs`` come along with the tables that ``mine`` left alone.
    Raises RulesError naming file and line where a text is not TOML.
    """
    for side in (mine, theirs, base):
        _check(side)
    files: dict[str, str] = {}
    conflicts: list[FieldConflict] = []
    lost: dict[str, tuple[str, ...]] = {}
    for name in dict.fromkeys((*mine, *theirs)):
        texts = base.get(name), mine.get(name), theirs.get(name)
        if texts[1] is not None and texts[2] in (texts[0], texts[1]):
            files[name] = texts[1]
            continue
        contents = [ABSENT if text is None else parsed(text) for text in texts]
        wanted, found = merge_fields(name, contents[0], contents[1], contents[2])
        conflicts += found
        if wanted is ABSENT:
            continue
        merged = merged_text(*texts, wanted)
        files[name] = merged.text
        if merged.lost:
            lost[name] = merged.lost
    return RulesMerge(files, rules_changes(mine, files), tuple(conflicts), lost)


def rules_changes(old: RulesTexts, new: RulesTexts) -> tuple[RulesChange, ...]:
    """Every field that differs between two states of the rules. Raises RulesError as ``merge_rules``."""
    for side in (old, new):
        _check(side)
    return tuple(
        change
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
        for change in field_changes(name, *(parsed(side[name]) if name in side else ABSENT for side in (old, new)))
    )


def _check(texts: RulesTexts) -> None:
    faults = []
    for name, text in texts.items():
        error = _unreadable(text)
        if error is not None:
            faults.append(Fault(name, error.line, "файл", error.what, error.hint))
    if faults:
        raise RulesError(faults)


@lru_cache(200)
def _unreadable(text: str) -> TomlUnreadable | None:
    try:
        parse_toml(text.encode("utf-8", "surrogatepass"))
    except TomlUnreadable as error:
        return error
    return None
