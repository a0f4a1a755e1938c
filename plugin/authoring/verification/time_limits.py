"""Terms that phrases promise in words, «в течение суток», against the hours that the rules count with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.references import texts_in
from plugin.common.russian import counted
from plugin.common.toml.source import Place
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.conditions import RULES_FILE

_OUTCOMES_FILE = "outcomes.toml"
_SCRIPT_FILE = "script.toml"

#: Texts that may promise a term. What a client answers (a label in the rules) or what is asked of it promises nothing.
_TEXTS: Mapping[str, frozenset[str]] = {
    _SCRIPT_FILE: frozenset({"details", "text", "line", "comment", "other_card", "withdrawal", "reminder", "subject"}),
    RULES_FILE: frozenset({"say", "read", "hint"}),
    _OUTCOMES_FILE: frozenset({"label", "say", "read", "text", "subject"}),
}

#: Numbers in the cases that follow «в течение», «не позднее» and «за»; two may stand together: «двадцати четырёх».
_NUMBERS: Mapping[str, float] = {
    word: number
    for number, spelt in {
        1: "один одного одни одних одну одной",
        1.5: "полтора полторы полутора",
        2: "два две двух двое",
        3: "три трех трое",
        4: "четыре четырех четверо",
        5: "пять пяти",
        6: "шесть шести",
        7: "семь семи",
        8: "восемь восьми",
        9: "девять девяти",
        10: "десять десяти",
        12: "двенадцать двенадцати",
        14: "четырнадцать четырнадцати",
        15: "пятнадцать пятнадцати",
        18: "восемнадцать восемнадцати",
        20: "двадцать двадцати",
        30: "тридцать тридцати",
        40: "сорок сорока",
        60: "шестьдесят шестидесяти",
        70: "семьдесят семидесяти",
        90: "девяносто девяноста",
    }.items()
    for word in spelt.split()
}
#: A unit's beginning and its least and most hours: a day may be over by the evening where it is not counted, months
#: differ.
_UNITS: Mapping[str, tuple[float, float]] = {
    "минут": (1 / 60, 1 / 60),
    "час": (1, 1),
    "ч": (1, 1),
    "полусуток": (12, 12),
    "сут": (24, 24),
    "д": (8, 24),
    "недел": (168, 168),
    "месяц": (672, 744),
}

#: A number of days after «в течение», and after «за» or «через».
_DAYS: Mapping[int, tuple[str, str]] = {
    1: ("суток", "сутки"),
    2: ("двух суток", "двое суток"),
    3: ("трёх суток", "трое суток"),
}

_WORD = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_TERM = re.compile(
    r"\b(?:в течени[еи]|не поздн(?:ее|ей)(?: чем)?(?: через| за)?|за)"
    rf"(?: (?P<digits>\d+(?:[.,]\d+)?)(?:-?(?:х|ти|и|ми|го))?| (?P<words>(?:{_WORD})(?: (?:{_WORD}))?))?"
    r"(?: (?P<kind>рабоч|календарн)[а-я]+)?"
    r" ?(?P<unit>минут[ыу]?|час(?:а|ов)?|ч|полусуток|сут(?:ки|ок)?|дня|дней|день|дни|недел[яиюь]|месяц(?:а|ев)?)\b"
    r"(?! до\b)"
)


@dataclass(frozen=True, slots=True)
class Term:
    """A term as a phrase words it, between ``least`` and ``most`` hours; working days are no number of hours."""

    said: str
    least: float
    most: float
    working: bool = False

    def fits(self, hours: int) -> bool:
        """Whether the rules count with the same."""
        return not self.working and self.least <= hours <= self.most


def terms_in(text: str) -> Iterator[Term]:
    """Every term that a text names."""
    plain = re.sub(r"\s+", " ", text.casefold().replace("ё", "е"))
    for match in _TERM.finditer(plain):
        number, unit = _number(match), match["unit"]
        least, most = next(hours for begins, hours in _UNITS.items() if unit.startswith(begins))
        if unit.startswith("д") and (match["digits"] or match["words"]):
            least = most
        yield Term(match.group(), number * least, number * most, match["kind"] == "рабоч")


def with_term(text: str, old: int, new: int) -> str:
    """The text with every term of ``old`` hours in it worded as one of ``new`` hours; other terms stay."""

    def reworded(match: re.Match[str]) -> str:
        plain = re.sub(r"\s+", " ", match.group().casefold().replace("ё", "е"))
        term = next(terms_in(plain), None)
        if term is None or not term.fits(old):
            return match.group()
        begins = re.match(r"(?i)в течени[еи]\s|не поздн\w+(?: чем)?(?: через| за)?\s|за\s", match.group())
        lead = begins.group() if begins else ""
        return lead + _hours_in_words(new, of=plain.startswith("в течени"))

    return re.sub(_TERM.pattern.replace(" ", r"\s"), reworded, text, flags=re.IGNORECASE)


def _hours_in_words(hours: int, *, of: bool) -> str:
    """«суток», «двух суток», «12 часов» after «в течение» (``of``); «сутки», «двое суток», «12 часов» after others."""
    days = hours // 24
    if hours % 24 == 0 and days in _DAYS:
        return _DAYS[days][0 if of else 1]
    if of:
        return f"{hours} часа" if hours % 10 == 1 and hours % 100 != 11 else f"{hours} часов"
    return counted(hours, "час", "часа", "часов")


def check_terms(script: Script, content: Mapping[str, Any], notes: FaultNotes) -> None:
    """Note phrases and numbers that disagree, and reminders due later than the client was promised."""
    _late_reminders(script, content, notes)
    for file in _TEXTS:
        for place, text in texts_in(content[f"{script.name}/{file}"]):
            if place[-1] not in _TEXTS[file]:
                continue
            due: set[int] = set()
            if file == _OUTCOMES_FILE:
                # Of an action that rules add no one outcome's term can be told.
                actions = script.outcomes[str(place[1])].actions if place[0] == "outcome" else ()
                due = {action.due_in_hours for action in actions if action.due_in_hours is not None}
            _check(script, notes, (file, place), text, sorted(due - {script.promise_hours}))


def _late_reminders(script: Script, content: Mapping[str, Any], notes: FaultNotes) -> None:
    promised = f"клиенту обещано {script.promise_hours} ч (promise_hours)"
    hint = "сделайте срок не больше обещанного"
    shared = content[f"{script.name}/{_SCRIPT_FILE}"]["reminder"].get("due_in_hours", 0)
    if shared > script.promise_hours:
        what = f"напоминания исполняются за {shared} ч, а {promised}"
        notes.contradiction(f"{script.name}/{_SCRIPT_FILE}", ("reminder", "due_in_hours"), what, hint)
    file = content[f"{script.name}/{_OUTCOMES_FILE}"]
    listed: list[tuple[Place, Any]] = [(("outcome", name), outcome) for name, outcome in file["outcome"].items()]
    for place, holder in (*listed, ((), file)):
        for index, action in enumerate(holder.get("action", ())):
            hours = action.get("due_in_hours", 0)
            if hours > script.promise_hours:
                what = f"напоминание исполняется за {hours} ч, а {promised}"
                at: Place = (*place, "action", index, "due_in_hours")
                notes.contradiction(f"{script.name}/{_OUTCOMES_FILE}", at, what, hint)


def _check(script: Script, notes: FaultNotes, at: tuple[str, Place], text: str, due: Iterable[int]) -> None:
    """``due``: the hours of the outcome's reminders that are not those of the promise."""
    file, place = f"{script.name}/{at[0]}", at[1]
    for term in terms_in(text):
        if term.working:
            what = f"сказано «{term.said}», а сроки считаются по календарю, выходные их не продлевают"
            notes.contradiction(file, place, what, "назовите срок в часах или сутках")
            continue
        if not term.fits(script.promise_hours):
            what = f"сказано «{term.said}», а клиенту обещано {script.promise_hours} ч (promise_hours в script.toml)"
            notes.contradiction(file, place, what, "исправьте текст или число")
        for hours in due:
            what = f"сказано «{term.said}», а срок напоминания этого итога — {hours} ч (due_in_hours)"
            if hours > term.most:
                notes.contradiction(file, place, what, "исправьте текст или число")
            elif not term.fits(hours):
                # Sooner than was said breaks no promise.
                notes.warnings.add(file, place, what, "исправьте текст или число")


def _number(match: re.Match[str]) -> float:
    if match["digits"]:
        return float(match["digits"].replace(",", "."))
    return sum(_NUMBERS[word] for word in match["words"].split()) if match["words"] else 1
