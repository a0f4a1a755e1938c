"""What a typed answer must be, in Russian."""

from __future__ import annotations

from datetime import date, datetime

from plugin.deciding.decision.facts import MAX_TEXT
from plugin.deciding.ruleset import Script

_KINDS = {"number": "число", "date": "дата", "datetime": "дата и время"}


def wanted_words(script: Script, name: str) -> str:
    """For example «Нужно: число от 0 до 5»."""
    fact = script.facts.get(name)
    if fact is None:
        return "Скрипт не знает такого вопроса"
    if fact.listed:
        return "Нужно: один из ответов скрипта"
    if fact.type == "text":
        return f"Нужно: текст до {MAX_TEXT} знаков, одной строкой"
    bounds = [f"от {_shown(fact.least)}"] * (fact.least is not None)
    bounds += [f"до {_shown(fact.most)}"] * (fact.most is not None)
    return " ".join([f"Нужно: {_KINDS[fact.type]}", *bounds])


def _shown(value: object) -> str:
    if not isinstance(value, str):
        return str(value).replace(".", ",")
    if "T" in value:
        return f"{datetime.fromisoformat(value):%d.%m.%Y %H:%M}"
    return f"{date.fromisoformat(value):%d.%m.%Y}"
