"""What an admin can write in ``when``, read against the vocabulary and turned into what the engine matches."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any, Literal, cast

from plugin.common.characters import describe_in_russian
from plugin.common.toml.source import Place
from plugin.deciding.engine.network import UNKNOWN, Pattern
from plugin.deciding.ruleset.faults import Faults, closest
from plugin.deciding.ruleset.model import Condition, Derived, Fact
from plugin.deciding.ruleset.predicates import (
    DATE_WORDS,
    NUMBER_WORDS,
    TEXT_WORDS,
    AllowedValues,
    Known,
    Range,
    Texts,
    TextTest,
    Wanted,
)
from plugin.deciding.ruleset.value_classes import Classes, Intervals, Listed, TextClasses, parse
from plugin.deciding.ruleset.values import FactValue

RULES_FILE = "rules.toml"

_EVERYWHERE = ("not", "known", "unknown")
_WORDS: Mapping[str, tuple[str, ...]] = {
    "number": NUMBER_WORDS,
    "date": DATE_WORDS,
    "datetime": DATE_WORDS,
    "text": TEXT_WORDS,
}
_KINDS = {"number": "число", "date": 'дата вида "2026-11-22"', "datetime": 'время вида "2026-11-22T10:15:00+03:00"'}


@dataclass(frozen=True, slots=True)
class Draft:
    """A condition that is read but whose classes are not known before all conditions are."""

    subject: str
    wanted: Wanted
    written: Any


class ConditionReader:
    """Reads the ``when`` of rules and questions, noting faults in Russian; then makes conditions of them."""

    def __init__(self, facts: Mapping[str, Fact], derived: Mapping[str, Derived], faults: Faults) -> None:
        self._facts = facts
        self._derived = derived
        self._faults = faults
        self._file = RULES_FILE
        self._drafts: list[Draft] = []

    def read(self, when: Mapping[str, Any], place: Place, file: str = RULES_FILE) -> tuple[Draft, ...]:
        """All conditions of one rule; every one must hold."""
        self._file = file
        drafts = []
        for subject, written in when.items():
            wanted = self._read_one(subject, written, (*place, subject))
            if wanted:
                drafts.append(Draft(subject, wanted, written))
        self._drafts += drafts
        return tuple(drafts)

    def classes(self) -> dict[str, Classes]:
        """The classes that the conditions read so far can tell apart, for every fact."""
        return {
            name: _classes(fact, [d.wanted for d in self._drafts if d.subject == name])
            for name, fact in self._facts.items()
        }

    def finish(self, drafts: Iterable[Draft], classes: Mapping[str, Classes]) -> tuple[Condition, ...]:
        """The conditions, as the engine matches them."""
        return tuple(self._finish(draft, classes) for draft in drafts)

    def _finish(self, draft: Draft, classes: Mapping[str, Classes]) -> Condition:
        wanted = draft.wanted
        if draft.subject in self._derived:
            codes = {draft.subject: frozenset(cast(tuple[str, ...], cast(AllowedValues, wanted).values))}
        elif wanted == Known(False):
            codes = {draft.subject: frozenset({UNKNOWN})}
        else:
            codes = classes[draft.subject].patterns(draft.subject, wanted)
        patterns = tuple(Pattern(subject, wanted_codes) for subject, wanted_codes in codes.items())
        return Condition(draft.subject, wanted, patterns, draft.written)

    # --- reading -----------------------------------------------------------------------------------

    def _read_one(self, subject: str, written: Any, place: Place) -> Wanted | None:
        if subject in self._derived:
            return self._of_derived(self._derived[subject], written, place)
        fact = self._facts.get(subject)
        if fact is None:
            known = [*self._facts, *self._derived]
            self._fault(place, f"неизвестный факт «{subject}»", closest(subject, known))
            return None
        return (
            self._operator(fact, written, place) if isinstance(written, Mapping) else self._equal(fact, written, place)
        )

    def _of_derived(self, derived: Derived, written: Any, place: Place) -> Wanted | None:
        if isinstance(written, Mapping):
            # Whether a derived fact is absent depends on which rules have fired so far.
            word = next(iter(written), "")
            what = f"«{word}» нельзя спрашивать о выводе «{derived.name}»"
            self._fault(place, what, "спросите о факте, который задают вопросом")
            return None
        values = self._listed(written, place)
        wrong = [value for value in values if value not in derived.values]
        if wrong:
            allowed = ", ".join(f'"{value}"' for value in derived.values)
            self._fault(place, f"значение {shown(wrong[0])} не подходит", f"допустимы: {allowed}")
        return AllowedValues(tuple(values)) if values and not wrong else None

    def _operator(self, fact: Fact, written: Mapping[str, Any], place: Place) -> Wanted | None:
        words = _WORDS.get(fact.type, ())
        unknown = [word for word in written if word not in (*_EVERYWHERE, *words)]
        alone = len(written) == 1 or all(word in NUMBER_WORDS + DATE_WORDS for word in written)
        if unknown or not written or not alone:
            self._fault(
                place, "непонятное условие", f"в фигурных скобках — одно из: {', '.join((*_EVERYWHERE, *words))}"
            )
            return None
        word, operand = next(iter(written.items()))
        if word in ("known", "unknown"):
            if isinstance(operand, bool):
                return Known((word == "known") == operand)
            self._fault(place, f"у «{word}» значение {shown(operand)}", "допустимы: true, false")
            return None
        if word == "not":
            return _negated(self._equal(fact, operand, place))
        if fact.type == "text":
            return self._text(word, operand, place)
        return self._range(fact, written, place)

    def _equal(self, fact: Fact, written: Any, place: Place) -> Wanted | None:
        values = self._listed(written, place)
        if fact.type == "text":
            return self._text("equals", values, place) if values else None
        wrong = [value for value in values if not self._fits(fact, value)]
        if wrong:
            self._fault(place, f"значение {shown(wrong[0])} не подходит", f"допустимы: {allowed_values(fact)}")
        return AllowedValues(tuple(values)) if values and not wrong else None

    def _range(self, fact: Fact, written: Mapping[str, Any], place: Place) -> Wanted | None:
        wrong = [value for value in written.values() if not self._fits(fact, value)]
        if wrong:
            self._fault(place, f"значение {shown(wrong[0])} не подходит", f"допустимы: {allowed_values(fact)}")
            return None
        return Range(tuple((word, value, parse(fact.type, value)) for word, value in written.items()))

    def _text(self, word: str, operand: Any, place: Place) -> Wanted | None:
        patterns = operand if isinstance(operand, list) else [operand]
        if not patterns or not all(isinstance(pattern, str) and pattern.strip("* \t") for pattern in patterns):
            self._fault(
                place, f"у «{word}» значение {shown(operand)}", "нужен непустой текст в кавычках или список таких"
            )
            return None
        kind = cast(Literal["equals", "contains", "matches"], word.removeprefix("not_"))
        return Texts(TextTest(kind, tuple(patterns)), negated=word.startswith("not_"))

    def _listed(self, written: Any, place: Place) -> list[Any]:
        values = written if isinstance(written, list) else [written]
        if not values:
            self._fault(place, "список пуст: условие никогда не выполнится", "перечислите значения")
        return values

    def _fits(self, fact: Fact, value: Any) -> bool:
        if fact.type in ("bool", "choice"):
            return any(value == known and type(value) is type(known) for known in fact.listed)
        return fits_type(fact.type, value)

    def _fault(self, place: Place, what: str, hint: str) -> None:
        self._faults.add(self._file, place, what, hint)


def fits_type(type_: str, value: Any) -> bool:
    """Whether a literal is a number, a date or a time as the vocabulary's type wants it."""
    if type_ == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    if not isinstance(value, str):
        return False
    try:
        parse(type_, value)
    except ValueError:
        return False
    return True


def allowed_values(fact: Fact) -> str:
    """What a condition can compare the fact with."""
    if fact.type == "bool":
        return "true, false"
    return _KINDS.get(fact.type) or ", ".join(f'"{value}"' for value in fact.values)


def shown(value: Any) -> str:
    """A value as it stands in the file; what TOML reads without quotes has none here."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, str):
        return repr(value)
    odd = next((sign for sign in value if sign != " " and (sign.isspace() or not sign.isprintable())), None)
    named = f" (в нём {describe_in_russian(odd)})" if odd else ""
    return "'" + value.replace("\n", " ") + "'" + named


def _negated(wanted: Wanted | None) -> Wanted | None:
    if isinstance(wanted, AllowedValues):
        return AllowedValues(wanted.values, negated=True)
    return Texts(wanted.test, negated=True) if isinstance(wanted, Texts) else None


def _classes(fact: Fact, wanted: list[Wanted]) -> Classes:
    if fact.type in ("bool", "choice"):
        return Listed(fact.listed)
    if fact.type == "text":
        return TextClasses(one.test for one in wanted if isinstance(one, Texts))
    literals: list[FactValue] = []
    for one in wanted:
        if isinstance(one, AllowedValues):
            literals += one.values
        elif isinstance(one, Range):
            literals += [value for _, value, _ in one.bounds]
    bounds = [
        parse(fact.type, b) if b is not None and fits_type(fact.type, b) else None for b in (fact.least, fact.most)
    ]
    return Intervals(fact.type, (parse(fact.type, value) for value in literals), bounds[0], bounds[1])
