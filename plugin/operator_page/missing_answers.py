"""What clients said that no answer fits: the call behind each, and a draft of a case that begins where it was said."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from plugin.common.log import mask_text
from plugin.common.terminal import clean
from plugin.common.toml.writer import literal
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.value_classes import examples
from plugin.deciding.ruleset.values import FactValue
from plugin.ledger.schema import calls


@dataclass(frozen=True, slots=True)
class CallBehind:
    """The call that something was said in: ``number`` in the ledger, None while it is not reported; the CRM's id."""

    number: int | None
    call_id: str
    operator: str | None

    def is_named(self, id_: str) -> bool:
        """Whether it is meant by this number or CRM's id."""
        return id_ in (str(self.number), self.call_id)


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """An answer given before; ``words`` as the page shows it. ``value`` None: typed, and not told."""

    fact: str
    value: FactValue | None
    words: str


@dataclass(frozen=True, slots=True)
class MissingAnswer:
    """What a client said that no answer fits, and where; ``text`` None: removed with the call's personal data."""

    at: datetime
    text: str | None
    call: CallBehind
    fact: str
    answers: tuple[EarlierAnswer, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "at": self.at.isoformat(),
            "text": self.text,
            "number": self.call.number,
            "call": self.call.call_id,
            "operator": self.call.operator,
            "fact": self.fact,
            "answers": [{"fact": one.fact, "value": one.value, "words": one.words} for one in self.answers],
        }


def call_behind(connection: Connection, trail: Any) -> CallBehind:
    """The call of a row of ``trails``: of those under its id the one nearest in time."""
    same = calls.c.namespace == trail.namespace, calls.c.call_id == trail.call_id
    found = connection.execute(select(calls.c.id, calls.c.last_occurred_at).where(*same)).all()
    nearest = min(found, key=lambda call: abs(call.last_occurred_at - trail.updated_at), default=None)
    return CallBehind(nearest.id if nearest else None, trail.call_id, trail.operator)


def draft_case(missing: MissingAnswer, script: Script) -> str:
    """A ``[[case]]`` of cases.toml that leads to the question, with an example for what was typed."""
    return "\n".join(_draft(missing, script))


def facts_before(missing: MissingAnswer, script: Script) -> dict[str, FactValue]:
    """The answers that led to the question, as a case gives them: by their labels; an example for what was typed."""
    return {one.fact: _given(one, script) for one in missing.answers if one.fact in script.facts}


def said_in(missing: MissingAnswer) -> str:
    """The client's words as a case may hold them: numbers masked."""
    return mask_text(clean(missing.text)) if missing.text else "слова удалены вместе с данными звонка"


def _draft(missing: MissingAnswer, script: Script) -> Iterator[str]:
    said = said_in(missing)
    number = f"звонок № {missing.call.number}" if missing.call.number else f"звонок {clean(missing.call.call_id)}"
    facts = facts_before(missing, script)
    yield f"# {number}: на этот вопрос клиент ответил «{said}»."
    yield "# Добавьте ответ в facts и вместо next напишите, чего ждать: outcome, comment, remind."
    yield "[[case]]"
    yield f"name = {literal(f'Нет нужного ответа: {said}')}"
    yield f"facts = {literal(facts)}"
    yield f"next = {literal(missing.fact)}"


def _given(answer: EarlierAnswer, script: Script) -> FactValue:
    if answer.value is not None:
        labels = [asked.label_of(answer.value) for asked in script.questions if asked.fact == answer.fact]
        return answer.words if answer.words in labels else answer.value
    return next(iter(examples(script.classes[answer.fact])))
