"""The rules' fields and conditions in words, read from the files as they are: a draft with faults has words too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from plugin.authoring.drafts.addresses import inner
from plugin.common.toml.source import Place

#: What a field is called on a page, by its key.
FIELD_WORDS: Mapping[str, str] = {
    "title": "Название скрипта",
    "promise_hours": "Обещанный клиенту срок, часов",
    "scope": "Кому по этому скрипту не звонят",
    "subject": "Тема",
    "due_in_hours": "Срок, часов",
    "due": "Как считать срок",
    "email": "Письмо",
    "details": "Что добавить под текстом каждого напоминания",
    "text": "Текст",
    "label": "Название",
    "paragraph": "Абзац скрипта",
    "say": "Фраза, читать дословно",
    "read": "Как читать вслух, если сокращения мешают",
    "hint": "Подсказка оператору",
    "fact": "Что выясняем",
    "optional": "Можно не отвечать",
    "answers": "Ответы",
    "outcome": "Итог",
    "conclude": "Вывод",
    "when": "Условие",
    "target": "В чью карточку писать",
    "add": "Дополнительные действия",
    "roles": "Кому",
    "role": "Кому",
    "suppress": "Убрать номер из",
    "release": "Вернуть номер в",
    "about": "О ком итог",
    "kind": "Вид записи",
    "name": "Имя",
    "crm_user": "Пользователь CRM",
    "address": "Почта",
    "person": "Люди",
    "deputy": "Заместитель",
    "away": "Дни отсутствия",
    "line": "Строка под комментарием нового итога",
    "reminder": "Напоминание",
    "comment": "Комментарий",
    "other_card": "Комментарий в карточке с прежней записью",
    "withdrawal_subject": "Тема отмены",
    "withdrawal": "Текст отмены",
    "before_hours": "Часов до срока",
    "after_hours": "Часов после срока",
    "by": "Как сказать; если не отмечено — письмом",
    "days": "Рабочие дни",
    "from": "Начало рабочего дня",
    "to": "Конец рабочего дня",
    "holidays": "Праздники и выходные",
    "working": "Рабочие субботы и другие рабочие дни",
    "values": "Допустимые значения",
    "type": "Вид значения",
    "min": "Не меньше",
    "max": "Не больше",
}
_TABLE_WORDS: Mapping[str, str] = {
    "question": "вопрос",
    "rule": "правило",
    "outcome": "итог",
    "action": "действие",
    "role": "получатель",
    "reminder": "напоминания",
    "unfinished": "незавершённый разговор",
    "correction": "исправления",
    "other_client": "другой клиент",
    "calendar": "календарь",
    "fact": "словарь",
    "derived": "выводы",
    "case": "случай",
    "escalation": "шаг",
    "person": "человек",
    "deputy": "заместитель",
    "answers": "ответ",
}
#: What a key is called in one table, where it is another word elsewhere.
_IN_TABLE: Mapping[tuple[str | int, str], str] = {("escalation", "to"): "кому"}
_BOOL = {True: "да", False: "нет"}
_OPERATORS = {
    "less_than": "меньше {}",
    "at_most": "не больше {}",
    "more_than": "больше {}",
    "at_least": "не меньше {}",
    "before": "раньше {}",
    "not_after": "не позже {}",
    "after": "позже {}",
    "not_before": "не раньше {}",
    "contains": "содержит {}",
    "not_contains": "не содержит {}",
    "matches": "подходит под {}",
    "not_matches": "не подходит под {}",
}


class RulesWords:
    """Words for one script's rules, from the content of its files."""

    def __init__(self, content: Mapping[str, Any], script: str) -> None:
        self._content = content
        self._script = script

    def file(self, name: str) -> Any:
        """A file of the script, empty where it cannot be read."""
        return self._content.get(f"{self._script}/{name}") or {}

    @property
    def facts(self) -> Mapping[str, Any]:
        """The vocabulary's facts by name."""
        return table(self.file("vocabulary.toml"), "fact")

    @property
    def derived(self) -> Mapping[str, Any]:
        """What rules conclude, by name."""
        return table(self.file("vocabulary.toml"), "derived")

    def subject(self, name: str) -> str:
        """What a condition is about."""
        return str((self.facts.get(name) or self.derived.get(name) or {}).get("label") or name)

    def values(self, fact: str) -> list[Any]:
        """The values that a fact can have, where they are listed."""
        known = self.facts.get(fact) or self.derived.get(fact) or {}
        return [True, False] if known.get("type") == "bool" else list(known.get("values") or ())

    def value(self, fact: str, value: Any) -> str:
        """A value as the operator sees it: by its answers' labels, where it has any."""
        found = dict.fromkeys(
            str(answer.get("label"))
            for question in entries(self.file("rules.toml"), "question")
            if question.get("fact") == fact
            for answer in entries(question, "answers")
            if answer.get("value") == value and type(answer.get("value")) is type(value)
        )
        if not found or fact in self.derived:
            return _BOOL[value] if isinstance(value, bool) else f"«{value}»"
        return " / ".join(f"«{label}»" for label in found)

    def condition(self, fact: str, wanted: Any) -> str:
        """One condition of a ``when``."""
        return f"{self.subject(fact)}: {self._wanted(fact, wanted)}"

    def conditions(self, when: Any) -> list[str]:
        """All of them."""
        return [self.condition(fact, wanted) for fact, wanted in when.items()] if isinstance(when, Mapping) else []

    def conclusion(self, concluded: Any) -> list[str]:
        """What a rule concludes."""
        return self.conditions(concluded)

    def outcome(self, name: Any) -> str:
        """An outcome by its label."""
        known = table(self.file("outcomes.toml"), "outcome").get(name) or {}
        return str(known.get("label") or name)

    def role(self, name: Any) -> str:
        """A role by its label."""
        known = table(self._content.get("roles.toml"), "role").get(name) or {}
        return str(known.get("label") or name)

    def field(self, file: str, place: Place) -> str:
        """A field as the list of edits names it: «Вопрос «kind»: фраза»."""
        parts, node = [], self._content.get(file)
        for number, part in enumerate(place[:-1]):
            node = inner(node, part)
            if isinstance(part, int):
                continue
            after = place[number + 1] if number + 1 < len(place) else None
            entry = inner(node, after) if after is not None else None
            named = (
                entry.get("label")
                or entry.get("paragraph")
                or entry.get("subject")
                or entry.get("id")
                or entry.get("name")
                if (isinstance(entry, Mapping))
                else None
            )
            if part in _TABLE_WORDS:
                parts.append(f"{_TABLE_WORDS[str(part)]} «{named}»" if named else _TABLE_WORDS[str(part)])
        last = next((str(part) for part in reversed(place) if not isinstance(part, int)), "")
        told = (_IN_TABLE.get((place[0], last)) or FIELD_WORDS.get(last, last)).lower()
        return ", ".join(dict.fromkeys([*parts, told])) if parts else FIELD_WORDS.get(last, last)

    def _wanted(self, fact: str, wanted: Any) -> str:
        if isinstance(wanted, Mapping):
            return " и ".join(self._operator(fact, word, operand) for word, operand in wanted.items())
        if isinstance(wanted, list):
            return " или ".join(self.value(fact, one) for one in wanted)
        return self.value(fact, wanted)

    def _operator(self, fact: str, word: str, operand: Any) -> str:
        if word in ("known", "unknown"):
            return "известно" if (word == "known") == bool(operand) else "неизвестно"
        if word == "not":
            listed = operand if isinstance(operand, list) else [operand]
            return ", ".join(f"не {self.value(fact, one)}" for one in listed)
        spelt = " или ".join(map(_spelt, operand)) if isinstance(operand, list) else _spelt(operand)
        return _OPERATORS.get(word, word + " {}").format(spelt)


def table(node: Any, name: str) -> Mapping[str, Any]:
    """A table of named tables, empty where it is something else."""
    found = node.get(name) if isinstance(node, Mapping) else None
    return {key: one for key, one in found.items() if isinstance(one, Mapping)} if isinstance(found, Mapping) else {}


def entries(node: Any, name: str) -> list[Mapping[str, Any]]:
    """A list of tables, empty where it is something else."""
    found = node.get(name) if isinstance(node, Mapping) else None
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def numbered(node: Any, name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The same, each with its number."""
    yield from enumerate(entries(node, name))


def _spelt(value: Any) -> str:
    return f"«{value}»" if isinstance(value, str) else f"{value}"
