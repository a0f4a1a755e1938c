"""Conditions chosen from a list, in words: each choice stands for one condition of a rule."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from plugin.console.rules_words import RulesWords, table
from plugin.errors import InputError

#: Comparisons that take what is typed beside them, by the kind of fact: the word in the rules, and in Russian.
COMPARISONS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "number": (
        ("less_than", "меньше"),
        ("at_most", "не больше"),
        ("more_than", "больше"),
        ("at_least", "не меньше"),
    ),
    "date": (("before", "раньше"), ("after", "позже")),
    "text": (("is", "равно"), ("not", "не равно"), ("contains", "содержит"), ("not_contains", "не содержит")),
}

#: What every call may tell.
_OF_CALLS = {
    "call.duration": "длительность звонка, с",
    "call.operator": "оператор",
    "call.phone": "номер клиента",
    "card.type": "вид карточки",
}


def choices_of(words: RulesWords) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a condition can be, by what it is about: (the fact in words, [(choice, in words)])."""
    found = []
    for name, fact in {**words.facts, **words.derived}.items():
        options: list[tuple[str, str]] = []
        for value in words.values(name):
            options.append((_choice(name, value), f"{words.value(name, value)}"))
        if name in words.facts:
            options += [
                (_choice(name, {"not": value}), f"не {words.value(name, value)}") for value in words.values(name)
            ]
            kind = str(fact.get("type"))
            compared = COMPARISONS.get("date" if kind in ("date", "datetime") else kind, ())
            options += [(_choice(name, {word: None}), f"{told} … (впишите рядом)") for word, told in compared]
            options += [(_choice(name, {"known": True}), "известно"), (_choice(name, {"unknown": True}), "неизвестно")]
        found.append((words.subject(name), options))
    return found


def known_sources(words: RulesWords, of_cards: Iterable[str]) -> list[tuple[str, str]]:
    """Fields of the call and the card that are known: to the script, to the CRM's settings, to every call."""
    own = {str(fact["from"]): str(fact.get("label") or name) for name, fact in words.facts.items() if fact.get("from")}
    return list(({source: "карточка" for source in of_cards} | _OF_CALLS | own).items())


def outcome_choices(words: RulesWords) -> list[tuple[str, str]]:
    """The outcomes by name, in words."""
    outcomes = table(words.file("outcomes.toml"), "outcome")
    return [(name, words.outcome(name)) for name in outcomes]


def chosen_condition(words: RulesWords, choice: str, typed: str = "") -> tuple[str, Any]:
    """The fact and the condition that a choice stands for; ``typed`` is what it is compared with.

    Raises InputError (Russian) where nothing was chosen, or nothing typed that fits.
    """
    try:
        name, wanted = json.loads(choice)
    except (ValueError, TypeError) as error:
        raise InputError("Условие не выбрано", hint="Выберите его из списка") from error
    if not isinstance(name, str) or name not in {**words.facts, **words.derived}:
        raise InputError("Такого условия больше нет", hint="Обновите страницу")
    if not isinstance(wanted, dict) or None not in wanted.values():
        return name, wanted
    word = next(iter(wanted))
    operand = _operand(str(words.facts[name].get("type")), typed.strip())
    return name, operand if word == "is" else {word: operand}


def _operand(kind: str, typed: str) -> Any:
    if not typed:
        raise InputError("Не сказано, с чем сравнивать", hint="Впишите число, дату или слова рядом с условием")
    if kind != "number":
        return typed
    try:
        number = float(typed.replace(",", "."))
    except ValueError as error:
        raise InputError(f"«{typed[:40]}» — не число", hint="Впишите число цифрами") from error
    return int(number) if number.is_integer() else number


def _choice(fact: str, wanted: Any) -> str:
    return json.dumps([fact, wanted], ensure_ascii=False)
