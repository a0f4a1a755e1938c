"""What the engine can hold, in the admin's wording and at the entry that is too much, before anything is compiled."""

from __future__ import annotations

from collections import defaultdict

from plugin.authoring.verification.findings import FaultNotes, placed
from plugin.common.russian import counted
from plugin.deciding.engine.network import (
    MAX_BYTES_OF_TEXT,
    MAX_CODES_OF_ONE_SUBJECT,
    MAX_PATTERNS_OF_ONE_RULE,
    MAX_SUBJECTS,
)
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.vocabulary import FILE as VOCABULARY_FILE


def check_size(script: Script, notes: FaultNotes) -> bool:
    """Whether the script is within the limits; what is not is noted."""
    before = len(notes.faults.found)
    _rules(script, notes)
    _values(script, notes)
    return len(notes.faults.found) == before


def _rules(script: Script, notes: FaultNotes) -> None:
    for place, entry in placed(script):
        if len(entry.when) > MAX_PATTERNS_OF_ONE_RULE:
            count = counted(len(entry.when), "условие", "условия", "условий")
            what = f"{count}; движок держит не больше {MAX_PATTERNS_OF_ONE_RULE} у одного правила"
            hint = "часть условий вынесите в другое правило и свяжите их выводом (conclude)"
            notes.faults.add(f"{script.name}/{RULES_FILE}", (*place, "when"), what, hint)


def _values(script: Script, notes: FaultNotes) -> None:
    told: dict[str, set[str]] = defaultdict(set)
    for condition in script.conditions:
        for pattern in condition.patterns:
            told[pattern.subject] |= pattern.codes
    file = f"{script.name}/{VOCABULARY_FILE}"
    if len(told) > MAX_SUBJECTS:
        what = f"условия читают {len(told)} разных фактов, выводов и проверок текста; движок держит {MAX_SUBJECTS}"
        notes.faults.add(file, (), what, "разделите скрипт на несколько")
    for subject, codes in told.items():
        name = subject.split("#", 1)[0]
        place = ("derived" if name in script.derived else "fact", name)
        if len(codes) > MAX_CODES_OF_ONE_SUBJECT:
            what = f"условия различают {len(codes)} значений; движок держит {MAX_CODES_OF_ONE_SUBJECT}"
            notes.faults.add(file, place, what, "обойдитесь меньшим числом значений или сравнений")
        if any(len(text.encode()) > MAX_BYTES_OF_TEXT for text in (*codes, subject)):
            notes.faults.add(file, place, "имя или значение слишком длинное", "сократите его")
