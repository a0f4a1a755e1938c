"""Finds what the rules say twice and not alike: answers, people, names; and texts that do not say what they seem to.

None of it keeps a conversation from ending, so that a fault that is meant may stand in ``accepted``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from plugin.authoring.verification.findings import FaultNotes, placed
from plugin.authoring.verification.references import texts_in
from plugin.common.characters import LATIN_TWINS, UNSEEN, describe_in_russian
from plugin.common.toml.source import Place
from plugin.deciding.ruleset import Role, Script
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.model import OutcomeSpec
from plugin.deciding.ruleset.predicates import fold
from plugin.deciding.ruleset.schema import CASES_FILE, ROLES_FILE, SCRIPT_FILES

_OUTCOMES_FILE, _SCRIPT_FILE = "outcomes.toml", "script.toml"
#: Tables of texts in which placeholders are filled in; the other texts are said as they stand.
_FILLED_IN: Mapping[str, frozenset[str]] = {
    _SCRIPT_FILE: frozenset(
        {"details", "text", "line", "comment", "other_card", "withdrawal", "withdrawal_subject", "reminder", "subject"}
    ),
    RULES_FILE: frozenset({"name", "phone"}),
    _OUTCOMES_FILE: frozenset({"text"}),
}
_PLACEHOLDER = re.compile(r"\{[^{}\n]*\}")
_BRACE = re.compile(r"[{}]")
#: What nobody sees: Unicode's ignorable characters and controls; a line end and a tab are seen.
_UNSEEN = re.compile(f"[{UNSEEN}\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WORD = re.compile(r"[^\W\d_]+")
#: A letter that passes for a Cyrillic one → that one. «ё» and case are folded before.
_TWINS = {latin.casefold(): twin.casefold() for twin, latin in LATIN_TWINS.items()}


def check_script_contradictions(script: Script, content: Mapping[str, Any], notes: FaultNotes) -> None:
    """Note the contradictions of one script, its cases included."""
    notes.examined(f"{script.name}/{_SCRIPT_FILE}")
    _answers(script, notes)
    _same_names(script, notes)
    for file in (*SCRIPT_FILES, CASES_FILE):
        data = content.get(f"{script.name}/{file}")
        if data is not None:
            _characters(f"{script.name}/{file}", data, notes)
    for file in _FILLED_IN:
        _braces(script.name, file, content[f"{script.name}/{file}"], notes)


def check_role_contradictions(
    roles: Mapping[str, Role], scripts: Iterable[Script], content: Mapping[str, Any], notes: FaultNotes
) -> None:
    """Note what contradicts in roles.toml, and two roles that are one person where both are reminded."""
    notes.examined(ROLES_FILE)
    data = content[ROLES_FILE]
    _characters(ROLES_FILE, data, notes)
    for place, text in texts_in(data.get("role", {})):
        if place[-1] in ("crm_user", "address", "name") and _BRACE.search(text):
            what = f"«{text}»: подстановок здесь не бывает, это имя взято буквально"
            notes.contradiction(ROLES_FILE, ("role", *place), what, "назовите пользователя или адрес")
        if place[-1] in ("crm_user", "address") and (mixed := _mixed_word(text)):
            what = f"«{mixed}»: русские и латинские буквы, похожие друг на друга, в одном слове"
            notes.contradiction(ROLES_FILE, ("role", *place), what, "напишите его одним алфавитом")
    told: set[tuple[str, str]] = set()
    for script in scripts:
        for outcome in script.outcomes.values():
            _one_person(roles, outcome, told, notes)


def _one_person(roles: Mapping[str, Role], outcome: OutcomeSpec, told: set[tuple[str, str]], notes: FaultNotes) -> None:
    """Two roles of one outcome's reminders that are one person; each pair is told once."""
    reminded = list(dict.fromkeys(action.role for action in outcome.actions if action.role in roles))
    for index, one in enumerate(reminded):
        for other in reminded[index + 1 :]:
            pair = (min(str(one), str(other)), max(str(one), str(other)))
            same = _shared_by(roles[str(one)], roles[str(other)])
            if same is None or pair in told:
                continue
            told.add(pair)
            what = f"{same} тот же, что у роли «{pair[0]}», а итог «{outcome.label}» напоминает обеим"
            hint = "исправьте одно из двух или напоминайте одной роли"
            notes.contradiction(ROLES_FILE, ("role", pair[1]), what, hint)


def _shared_by(one: Role, other: Role) -> str | None:
    if one.crm_user and one.crm_user == other.crm_user:
        return f"пользователь CRM «{one.crm_user}»"
    if one.address and other.address and one.address.casefold() == other.address.casefold():
        return f"адрес {one.address}"
    return None


# --- answers and names -------------------------------------------------------------------------------


def _answers(script: Script, notes: FaultNotes) -> None:
    file = f"{script.name}/{RULES_FILE}"
    for index, question in enumerate(script.questions):
        seen: dict[str, str] = {}
        for answer in question.answers:
            key = _alike(answer.label)
            if key in seen:
                place: Place = ("question", index, "answers")
                notes.contradiction(file, place, f"два ответа с надписью «{answer.label}»", "назовите их по-разному")
            seen[key] = answer.label


def _same_names(script: Script, notes: FaultNotes) -> None:
    """Names that differ, but not to the eye."""
    entries = [(place, entry.id) for place, entry in placed(script)]
    _tell_apart(f"{script.name}/{RULES_FILE}", entries, notes)
    outcomes: list[tuple[Place, str]] = [(("outcome", o.name, "label"), o.label) for o in script.outcomes.values()]
    _tell_apart(f"{script.name}/{_OUTCOMES_FILE}", outcomes, notes)
    facts: list[tuple[Place, str]] = [(("fact", f.name, "label"), f.label) for f in script.facts.values()]
    _tell_apart(f"{script.name}/vocabulary.toml", facts, notes)


def _tell_apart(file: str, names: Iterable[tuple[Place, str]], notes: FaultNotes) -> None:
    seen: dict[str, str] = {}
    for place, name in names:
        other = seen.setdefault(_alike(name), name)
        if other != name:
            what = f"«{name}» на вид не отличить от «{other}»: разница в похожих буквах или невидимых знаках"
            notes.contradiction(file, place, what, "назовите иначе")


def _alike(text: str) -> str:
    """The text as it looks: without case, «ё», runs of blanks, invisible characters, and letters that look alike."""
    folded = fold(_UNSEEN.sub("", unicodedata.normalize("NFKC", text)))
    return "".join(_TWINS.get(letter, letter) for letter in folded)


def _mixed_word(text: str) -> str | None:
    """A word of Latin letters with Cyrillic ones among them that look Latin."""
    for word in _WORD.findall(text):
        cyrillic = [letter for letter in word if letter in LATIN_TWINS]
        if cyrillic and any(letter.isascii() for letter in word):
            return str(word)
    return None


# --- texts -------------------------------------------------------------------------------------------


def _characters(file: str, data: Any, notes: FaultNotes) -> None:
    for place, text in texts_in(data):
        found = _UNSEEN.search(text)
        if found and place[0] != "accepted":
            column = notes.column(file, place, found.group())
            at = f", место {column}" if column else ""
            what = f"в тексте знак, которого не видно: {describe_in_russian(found.group())}{at}"
            notes.contradiction(file, place, what, "удалите его")


def _braces(script: str, file: str, data: Any, notes: FaultNotes) -> None:
    for place, text in texts_in(data):
        if place[0] == "accepted":
            continue
        if place[-1] in _FILLED_IN[file]:
            left = _PLACEHOLDER.sub("", text)
            what = f"подстановка не закрыта: «{_around(left)}»" if _BRACE.search(left) else ""
            hint = "подстановка — имя в фигурных скобках, например {call.phone}"
        else:
            found = _PLACEHOLDER.search(text)
            what = f"«{found.group()}» останется как есть: здесь подстановок не бывает" if found else ""
            hint = "уберите скобки"
        if what:
            notes.contradiction(f"{script}/{file}", place, what, hint)


def _around(text: str) -> str:
    """What follows the first brace on its line, in short."""
    found = _BRACE.search(text)
    return text[found.start() :].split("\n", maxsplit=1)[0][:30] if found else ""
