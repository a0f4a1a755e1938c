"""Conversations and conclusions in the admin's words, Russian."""

from __future__ import annotations

from collections.abc import Iterable

from plugin.authoring.verification.logic import ConversationStep
from plugin.deciding.decision.facts import spelt
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.value_classes import SAMPLE_TEXT
from plugin.deciding.ruleset.values import FactValue

_ANY_TEXT = "любой текст"
_NOT_BROUGHT = "не сообщено"
_PASSED_OVER = "пропущено"
_NOTHING_SAID = "ещё ничего не сказано"


def conversation(script: Script, path: Iterable[ConversationStep]) -> str:
    """The questions and answers by their labels: ``Доволен: Нет → Причина: Цена``."""
    return " → ".join(_step(script, step) for step in path) or _NOTHING_SAID


def outcome(script: Script, name: str | None) -> str:
    """An outcome by its label."""
    return f"«{script.outcomes[name].label}»" if name else "без итога"


def _step(script: Script, step: ConversationStep) -> str:
    label = script.facts[step.fact].label
    missing = _NOT_BROUGHT if step.question is None else _PASSED_OVER
    return f"{label}: {missing if step.value is None else _answer(script, step, step.value)}"


def _answer(script: Script, step: ConversationStep, value: FactValue) -> str:
    if step.question is not None:
        label = script.questions[step.question].label_of(value)
        if label is not None:
            return label
    return _ANY_TEXT if value == SAMPLE_TEXT else spelt(script.facts[step.fact], value)
