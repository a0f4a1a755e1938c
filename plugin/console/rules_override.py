"""«Если … — всегда такой итог»: a rule that goes before all others, whatever was answered.

Rules have no order. The new condition and its contrary become two conclusions, and every rule that ends a conversation
asks for the second one besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plugin.authoring.drafts.fields import DraftEditor
from plugin.console.rules_conditions import COMPARISONS
from plugin.console.rules_typed import needed
from plugin.console.rules_words import RulesWords, entries
from plugin.errors import InputError

#: A comparison → the one that holds wherever it does not.
_CONTRARY = {"less_than": "at_least", "at_least": "less_than", "more_than": "at_most", "at_most": "more_than"}
_YES, _NO = "yes", "no"


def add_override(editor: DraftEditor, form: Mapping[str, str]) -> str:
    """A field of the call, a comparison and a number: then this outcome, before all other rules.

    What a call does not tell is taken for the contrary. Raises InputError (Russian).
    """
    source, label = needed(form, "source", "поле звонка"), needed(form, "label", "название поля")
    word, outcome = form.get("word", ""), needed(form, "outcome", "итог")
    if word not in _CONTRARY:
        raise InputError("Не выбрано, как сравнивать", hint="Выберите «меньше», «больше» и так далее")
    typed = needed(form, "typed", "с чем сравнивать").replace(",", ".")
    try:
        number = float(typed)
    except ValueError as error:
        raise InputError(f"«{typed[:40]}» — не число", hint="Впишите число цифрами") from error
    limit = int(number) if number.is_integer() else number
    words = RulesWords(editor.content, editor.script)
    fact = _fact(editor, words, source.strip(), label)
    spelt = dict(COMPARISONS["number"])[word]
    told = f"{label} {spelt} {limit}"
    derived = _free(f"{fact}_first", words.derived)
    before = [number for number, one in enumerate(entries(words.file("rules.toml"), "rule")) if one.get("outcome")]
    for at in before:
        editor.set(f"rules.rule[#{at}].when.{derived}", _NO)
    editor.add_table(f"vocabulary.derived.{derived}", {"values": [_YES, _NO], "label": told})
    taken = {str(one.get("id")) for one in entries(words.file("rules.toml"), "rule")}
    for name, when, then in (
        (derived, {fact: {word: limit}}, {"conclude": {derived: _YES}}),
        (f"{derived}_not", {fact: {_CONTRARY[word]: limit}}, {"conclude": {derived: _NO}}),
        (f"{derived}_unknown", {fact: {"unknown": True}}, {"conclude": {derived: _NO}}),
        (f"{derived}_outcome", {derived: _YES}, {"outcome": outcome}),
    ):
        rule: dict[str, Any] = {"id": _free(name, taken), "paragraph": told, "when": when, **then}
        editor.add_entry("rules.rule", rule)
    return f"правило: если {told} — всегда «{words.outcome(outcome)}»"


def _fact(editor: DraftEditor, words: RulesWords, source: str, label: str) -> str:
    """The fact that the call brings along in this field; made where there is none."""
    known = next((name for name, one in words.facts.items() if one.get("from") == source), None)
    if known is not None:
        return known
    name = _free(source.rpartition(".")[2] or "field", {*words.facts, *words.derived})
    editor.add_table(f"vocabulary.fact.{name}", {"type": "number", "from": source, "label": label})
    return name


def _free(name: str, taken: Any) -> str:
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}_{number}", number + 1
    return free
