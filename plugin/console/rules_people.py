"""Who of several people is reminded: a table by a field of the call or the card, and conditions of each person."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from plugin.authoring.drafts.fields import DraftEditor
from plugin.console.rules_conditions import choices_of, chosen_condition
from plugin.console.rules_names import numbered_names
from plugin.console.rules_typed import needed
from plugin.console.rules_words import RulesWords
from plugin.deciding.ruleset.choosing import fields_in
from plugin.errors import InputError

#: Rows of the table.
ROWS = 8
_PERSON = re.compile(r"roles\.role\.[a-z0-9_]+\.person\[#\d+\]")
_FIELD = re.compile(r"(?:call|card)\.[a-z][a-z0-9_]*")
_REACHED = ("crm_user", "address")


def share_by_field(editor: DraftEditor, form: Mapping[str, str]) -> str:
    """Let several people have a role: each for some values of a field, and who had it alone for all others.

    The field becomes known to every script. Raises InputError (Russian).
    """
    role = needed(form, "name", "получатель")
    known = editor.get(f"roles.role.{role}") or {}
    if known.get("person"):
        hint = "Добавляйте людей по одному и задайте условия каждому"
        raise InputError("У этого получателя уже несколько человек", hint=hint)
    source, label = _source(form), needed(form, "label", "название поля")
    people = list(_people(form))
    if not people:
        raise InputError("Не вписан ни один человек", hint="Впишите значение поля и кому тогда напоминать")
    rest = needed(form, "first", "как зовут нынешнего получателя")
    values = [value for one in people for value in _listed(one["values"])]
    for one in people:
        _add(editor, role, one["name"], one, _when(source, one["values"]))
    _add(editor, role, rest, known, _when(source, {"not": values if len(values) > 1 else values[0]}))
    _add(editor, role, f"{rest}, если поле пустое", known, _when(source, {"unknown": True}))
    for key in _REACHED:
        editor.set(f"roles.role.{role}.{key}", None)
    declare_field(editor, source, label)
    return f"«{known.get('label') or role}»: разные люди по полю «{label}»"


def declare_field(editor: DraftEditor, source: str, label: str, kind: str = "text") -> None:
    """Let every script know a field of the call or the card, those that know it already excepted."""
    for file in sorted(editor.content):
        script, _, name = file.rpartition("/")
        if name != "vocabulary.toml":
            continue
        words = RulesWords(editor.content, script)
        if all(one.get("from") != source for one in words.facts.values()):
            taken = {*words.facts, *words.derived}
            fact = next(one for one in numbered_names(source.rpartition(".")[2]) if one not in taken)
            other = f"{script}/" if script != editor.script else ""
            body = {"type": kind, "from": source, "label": label}
            editor.add_table(f"{other}vocabulary.fact.{fact}", body)


def person_choices(words: RulesWords) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the condition of a person can be: only what the call and the card tell."""
    by_field = {words.subject(name) for name, fact in words.facts.items() if fact.get("from")}
    return [(about, options) for about, options in choices_of(words) if about in by_field]


def add_person_condition(editor: DraftEditor, form: Mapping[str, str]) -> str:
    """Remind a person only where this holds; with another condition on the same field instead of that one."""
    entry, words = _entry(form), RulesWords(editor.content, editor.script)
    fact, wanted = chosen_condition(words, needed(form, "choice", "условие"), form.get("typed", ""))
    source = str(words.facts[fact].get("from") or "") if fact in words.facts else ""
    if not source:
        raise InputError("О людях спрашивают только поля звонка и карточки", hint="Выберите другое условие")
    editor.set(f"{entry}.when", _nested({**_asked(editor, entry), source: wanted}))
    return f"условие «{editor.get(f'{entry}.name')}»: {words.condition(fact, wanted)}"


def remove_person_condition(editor: DraftEditor, form: Mapping[str, str]) -> str:
    """A condition of a person less; without any, the person is always reminded."""
    entry, source = _entry(form), form.get("fact", "")
    asked = _asked(editor, entry)
    if source not in asked:
        raise InputError("Такого условия уже нет", hint="Обновите страницу")
    left = {field: wanted for field, wanted in asked.items() if field != source}
    editor.set(f"{entry}.when", _nested(left) or None)
    return f"условие «{editor.get(f'{entry}.name')}» убрано"


def conditions_of_person(words: RulesWords, when: Any) -> list[tuple[str, str]]:
    """Each condition of a person: its field, and the condition in words."""
    facts = {str(fact.get("from")): name for name, fact in words.facts.items() if fact.get("from")}
    asked = fields_in(when) if isinstance(when, Mapping) else ()
    return [(source, words.condition(facts.get(source, source), wanted)) for source, wanted in asked]


# --- details ---------------------------------------------------------------------------------------


def _people(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for number in range(1, ROWS + 1):
        row = {key: form.get(f"{key}{number}", "").strip() for key in ("value", "person", *_REACHED)}
        if not any(row.values()):
            continue
        if not row["value"] or not row["person"]:
            raise InputError(f"Строка {number} заполнена не до конца", hint="Впишите и значение поля, и имя человека")
        values = [value.strip() for value in row["value"].split(",") if value.strip()]
        yield {"values": values if len(values) > 1 else values[0], "name": row["person"], **row}


def _add(editor: DraftEditor, role: str, name: str, reached: Mapping[str, Any], when: Mapping[str, Any]) -> None:
    body = {"name": name, **_reached(reached), "when": dict(when)}
    editor.add_entry(f"roles.role.{role}.person", body)


def _reached(held: Mapping[str, Any]) -> dict[str, Any]:
    return {key: held[key] for key in _REACHED if held.get(key)}


def _when(source: str, wanted: Any) -> dict[str, Any]:
    return _nested({source: wanted})


def _asked(editor: DraftEditor, entry: str) -> dict[str, Any]:
    """What is asked of which field before somebody is reminded."""
    return dict(fields_in(editor.get(f"{entry}.when") or {}))


def _nested(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The same as the file has it: by the call and the card."""
    found: dict[str, Any] = {}
    for source, wanted in asked.items():
        owner, _, name = source.partition(".")
        found.setdefault(owner, {})[name] = wanted
    return found


def _listed(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _source(form: Mapping[str, str]) -> str:
    source = needed(form, "source", "поле звонка или карточки")
    if not _FIELD.fullmatch(source):
        raise InputError(f"«{source[:40]}» — не поле звонка или карточки", hint="Например: card.brand или call.city")
    return source


def _entry(form: Mapping[str, str]) -> str:
    entry = form.get("entry", "")
    if not _PERSON.fullmatch(entry):
        raise InputError("Этого здесь не изменить", hint="Обновите страницу")
    return entry
