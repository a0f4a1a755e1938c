"""The placeholders that a call fills in the texts of the rules, and the lines that delivery adds below the texts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from plugin.common.clock import local_time
from plugin.common.digest import json_digest
from plugin.deciding.decision.decider import Decider
from plugin.deciding.decision.facts import spelt
from plugin.deciding.decision.model import Decision, Target
from plugin.deciding.ruleset import LABELS
from plugin.deciding.ruleset.values import FactValue
from plugin.events.calls import Call


def call_context(call: Call, due: datetime, zone: ZoneInfo) -> dict[str, str | None]:
    """The placeholders of a call; ``deadline`` is when its reminders are due, both times in ``zone`` and naming it.

    What the event does not tell of the card is a label until the delivery has read the card.
    """
    return {
        "call.id": call.call_id,
        "call.phone": call.phone,
        "call.time": local_time(call.first_occurred_at, zone),
        "call.operator": call.operator,
        "call.note": call.note,
        **_card_context(call),
        "deadline": local_time(due, zone),
    }


def fact_context(decider: Decider, facts: Mapping[str, FactValue], decision: Decision) -> dict[str, str | None]:
    """The placeholders of the answers, a ready one by its label, and of the facts that call and card fields gave."""
    script = decider.script
    labels = {(question.id, answer.value): answer.label for question in script.questions for answer in question.answers}
    mapped = {name: spelt(script.facts[name], facts[name]) for name in decider.sources if name in facts}
    answered = {
        step.fact: labels.get((step.rule, step.answer)) or spelt(script.facts[step.fact], step.answer)
        for step in decision.transcript
    }
    return {f"fact.{name}": text for name, text in (mapped | answered).items()}


def answer_lines(decider: Decider, facts: Mapping[str, FactValue], decision: Decision) -> list[str]:
    """Every answer that was given, a line each: what was asked, and the answer as the operator's page offers it.

    In the order of the conversation; then those to questions that the rules have not come to.
    """
    told, script = fact_context(decider, facts, decision), decider.script
    asked = [step.fact for step in decision.transcript]
    given = [*asked, *(name for name in script.facts if name in facts and name not in asked)]
    return [
        f"{script.facts[name].label}: {told.get(f'fact.{name}') or spelt(script.facts[name], facts[name])}"
        for name in dict.fromkeys(given)
        if name not in decider.sources
    ]


def context_of_another_card(context: Mapping[str, str | None]) -> dict[str, str | None]:
    """The placeholders where not the call's card is meant but one that the delivery has still to find."""
    return {**context, **{name: LABELS[name] for name in ("card.id", "card.name", "card.url")}}


def context_of_own_card(context: Mapping[str, str | None], call: Call) -> dict[str, str | None]:
    """The placeholders where the call's card is meant."""
    return {**context, **_card_context(call)}


def _card_context(call: Call) -> dict[str, str | None]:
    return {
        "card.id": call.card_id,
        "card.name": call.card_name or LABELS["card.name"],
        "card.url": call.card_url or LABELS["card.url"],
    }


def target_of(decision: Decision) -> Target | None:
    """Whose card the decision is about, where not the call's."""
    return next((action.target for action in decision.actions if action.target), None)


def target_context(target: Target) -> dict[str, str | None]:
    """The placeholders of another client's line."""
    return {"target.name": target.name, "target.phone": target.phone}


def delivery_key(call: tuple[str, str, int], number: int, action: str, role: str | None) -> str:
    """The delivery's key: 64 hex digits (contract 3.5). ``call`` is its namespace, id and generation."""
    return json_digest([*call, number, action, role])


def with_lines(text: str, *lines: str) -> str:
    """The text with each non-empty line on a line of its own below it."""
    return "\n".join([text, *(line for line in lines if line)])
