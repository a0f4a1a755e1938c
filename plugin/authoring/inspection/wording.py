"""The rules in an admin's words: answers by their labels, values by where they lie, texts with their gaps named."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from plugin.common.russian import counted
from plugin.deciding.ruleset import LABELS, Context, Script, Template
from plugin.deciding.ruleset.calendar import Calendar
from plugin.deciding.ruleset.model import Fact, OutcomeSpec, Question
from plugin.deciding.ruleset.predicates import AllowedValues, Range, Texts, TextTest
from plugin.deciding.ruleset.schema import WEEKDAYS
from plugin.deciding.ruleset.value_classes import parse

#: More of a text's tests than this are not spelt out in an answer.
_SPELT_TESTS = 2
#: Up to so many tests every way to tell texts apart is looked at; of more, ways of few tests.
_MANY_TESTS, _FEW_TESTS = 6, 2
_ANY = {"number": "любое число", "date": "любая дата", "datetime": "любое время"}
_LOW = {"number": ("больше", "не меньше"), "date": ("позже", "не раньше"), "datetime": ("позже", "не раньше")}
_HIGH = {"number": ("меньше", "не больше"), "date": ("раньше", "не позже"), "datetime": ("раньше", "не позже")}
_SCOPES = {"calls": "звонки", "mailings": "рассылки"}
_TESTED = {"equals": "{}", "contains": "содержит {}", "matches": "подходит под {}"}


#: Placeholders that only some of a script's own texts have.
#: Whom an outcome is about.
ABOUT = {"client": "клиент карточки", "number": "сам номер, а не клиент карточки"}
_FURTHER = {
    "previous.outcome": "прежний итог",
    "outcome": "новый итог",
    "reminder.subject": "тема напоминания",
    "undone": "что осталось сделать",
    "target.name": "ФИО ответившего",
    "target.phone": "номер ответившего",
}


def named(label: str) -> str:
    """What stands where a value is to be filled in."""
    return f"‹{label}›"


def term_words(hours: int | None, working: bool) -> str:
    """When a reminder is due."""
    return f"{hours} ч" + (", в рабочее время" if working else "")


def calendar_words(calendar: Calendar | None) -> str:
    """The working days and hours, a line each."""
    if calendar is None:
        return "нет"
    lines = [f"{', '.join(WEEKDAYS[day] for day in sorted(calendar.days))} {calendar.start:%H:%M}–{calendar.end:%H:%M}"]
    for name, periods in (("праздники", calendar.holidays), ("рабочие дни", calendar.working)):
        lines += [f"{name}: {first}" + (f"/{last}" if last != first else "") for first, last in periods]
    return "\n".join(lines)


def plain(value: object) -> str:
    """A value by itself: да, нет, or as it is."""
    return {True: "да", False: "нет"}[value] if isinstance(value, bool) else str(value)


def literals(script: Script, fact: str) -> list[Any]:
    """What a number or a date is compared with, parsed, in order."""
    type_ = script.facts[fact].type
    found = set()
    for condition in script.conditions:
        wanted = condition.wanted
        if condition.subject == fact and isinstance(wanted, AllowedValues):
            found |= {parse(type_, value) for value in wanted.values}
        elif condition.subject == fact and isinstance(wanted, Range):
            found |= {parsed for _, _, parsed in wanted.bounds}
    return sorted(found)


def text_tests(script: Script, fact: str) -> list[TextTest]:
    """The tests that conditions put a text to."""
    tests = (c.wanted.test for c in script.conditions if c.subject == fact and isinstance(c.wanted, Texts))
    return list(dict.fromkeys(tests))


def class_words(script: Script, fact: Fact, keys: Sequence[str]) -> list[str]:
    """Some classes of a fact's values in words, as few of them as say it; neighbouring stretches are one."""
    classes = script.classes[fact.name]
    if fact.listed:
        return [plain(classes.example(key)) for key in keys]
    if fact.type == "text":
        tests = text_tests(script, fact.name)
        cubes = list(_cubes(classes.keys, keys))
        told = {key for key in keys if any(_stands_for(cube, key) for cube in cubes)}
        others = ["другие слова"] if told != set(keys) else []
        return [_tested(tests, cube) or "любой текст" for cube in cubes] + others
    every = list(classes.keys)
    cuts = literals(script, fact.name)
    return [_stretch(fact.type, cuts, every, run[0], run[-1]) for run in _runs(every, keys)]


def wording(script: Script, template: Template, known: Context | None = None) -> str:
    """A text of the rules with its gaps named: ‹номер телефона›, ‹ФИО клиента›.

    ``known`` has what is to be filled in besides the call's data; without it, all of the text stands there.
    """
    if known is not None:
        return template.fill({**LABELS, **known})
    labels = {f"fact.{fact.name}": fact.label for fact in script.facts.values()} | _FURTHER
    return template.fill({name: LABELS.get(name) or named(labels.get(name, name)) for name in template.names})


def conversations_counted(number: int) -> str:
    """So many conversations."""
    return counted(number, "разговор", "разговора", "разговоров")


def question_words(question: Question) -> str:
    """The phrase, in quotes, or the hint what to find out."""
    return f"«{question.say}»" if question.say else question.hint or ""


def suppression_words(outcome: OutcomeSpec) -> tuple[str, ...]:
    """What becomes of the call's number, a line for what it is excluded from and one for what it is taken back into."""
    told = (("номер исключается", outcome.suppress), ("номер снова включается", outcome.release))
    return tuple(f"{what}: {', '.join(_SCOPES[scope] for scope in scopes)}" for what, scopes in told if scopes)


def script_scope_words(script: Script) -> str:
    """Who is excluded from what must not be called by the script."""
    return _SCOPES[script.scope] if script.scope else "ни из какого"


def asked_words(question: Question) -> str:
    """The same, and how the phrase is read out where that is not as it is recorded."""
    return question_words(question) + (f" — читать: «{question.read}»" if question.read else "")


def _stands_for(cube: Mapping[int, str], key: str) -> bool:
    return all(key[place] == bit for place, bit in cube.items())


def _cubes(every: Sequence[str], keys: Collection[str]) -> Iterator[Mapping[int, str]]:
    """The fewest results of tests that tell these classes from the others: test's place → 1 passed, 0 not.

    Of many tests only a few together are looked at, so that some classes may be left over.
    """
    left, others = set(keys), set(every) - set(keys)
    most = len(every[0]) if len(every[0]) <= _MANY_TESTS else _FEW_TESTS
    for size in range(most + 1):
        for places in itertools.combinations(range(len(every[0])), size):
            for bits in itertools.product("10", repeat=size):
                cube = dict(zip(places, bits, strict=True))
                held = {key for key in left if _stands_for(cube, key)}
                if held and not any(_stands_for(cube, key) for key in others):
                    left -= held
                    yield cube
                if not left:
                    return


def _tested(tests: Sequence[TextTest], cube: Mapping[int, str]) -> str:
    """The results of some tests in words; many that were not passed are «anything else»."""
    passed = [_passed(tests[place]) for place, bit in cube.items() if bit == "1"]
    failed = [_failed(tests[place]) for place, bit in cube.items() if bit == "0"]
    if len(failed) > _SPELT_TESTS:
        return " и ".join([*passed, "ничего другого из названного"]) if passed else "другой текст"
    return " и ".join([*passed, *failed])


def _passed(test: TextTest) -> str:
    return _TESTED[test.kind].format(" или ".join(f"«{pattern}»" for pattern in test.patterns))


def _failed(test: TextTest) -> str:
    nothing = ", ".join(f"«{pattern}»" for pattern in test.patterns)
    return "не " + _TESTED[test.kind].format(nothing if len(test.patterns) == 1 else f"ничего из: {nothing}")


def _runs(every: Sequence[str], keys: Sequence[str]) -> Iterator[list[str]]:
    """The keys in their order, neighbours together."""
    run: list[str] = []
    for key in every:
        if key in keys:
            run.append(key)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _stretch(type_: str, cuts: Sequence[Any], every: Sequence[str], first: str, last: str) -> str:
    """From class ``first`` to ``last``: class 2·n lies below cut n, class 2·n+1 is cut n itself."""
    spell: Callable[[Any], str] = _spelt if type_ == "number" else lambda moment: _moment(type_, moment)
    low, high = int(first), int(last)
    if low == high and low % 2:
        return spell(cuts[low // 2])
    parts = []
    if first != every[0]:
        cut = cuts[low // 2] if low % 2 else cuts[low // 2 - 1]
        parts.append(f"{_LOW[type_][low % 2]} {spell(cut)}")
    if last != every[-1]:
        parts.append(f"{_HIGH[type_][high % 2]} {spell(cuts[high // 2])}")
    return " и ".join(parts) or _ANY[type_]


def _spelt(number: float) -> str:
    return f"{number:g}".replace(".", ",") if abs(number) < 1e6 else f"{number:.15g}".replace(".", ",")


def _moment(type_: str, moment: Any) -> str:
    return f"{moment:%d.%m.%Y}" if type_ == "date" else f"{moment:%d.%m.%Y %H:%M} ({moment.tzinfo})"


def among_conversations(number: int) -> str:
    """Out of so many conversations: «из 21 разговора», «из 40 разговоров»."""
    return f"из {number} {'разговора' if number % 10 == 1 and number % 100 != 11 else 'разговоров'}"
