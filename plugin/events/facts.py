"""What an event says of its call: the facts it lists, and the fields of its call and card that the script hears.

A script hears a field where its vocabulary says so (``from = "call.duration"``); what the call itself brings along
counts more than the same fact in the list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, EventError, FactError
from plugin.events.schema import CallResult, bad_fields


def typed_facts(decider: Decider, result: CallResult) -> dict[str, FactValue | None]:
    """The event's facts typed, None for those it retracts. Raises EventError 422 naming every wrong one."""
    wrong = wrong_of(decider, result.facts, result.brought)
    if wrong:
        raise bad_fields(wrong)
    typed = decider.type_facts(result.facts)
    return {name: typed.get(name) for name in result.facts} | decider.type_facts(heard_of(decider, result.brought))


def wrong_of(decider: Decider, facts: Mapping[str, Any], brought: Mapping[str, Any]) -> dict[str, list[str]]:
    """What is wrong with these facts and fields of the call, by ``facts.NAME`` and ``call.FIELD``."""
    wrong: dict[str, list[str]] = {}
    try:
        decider.type_facts(facts)
    except BadFacts as error:
        wrong |= wrong_facts(error).fields
    try:
        decider.type_facts(heard_of(decider, brought))
    except BadFacts as error:
        for fault in error.errors:
            field = decider.sources[fault.field]
            wrong.setdefault(field, []).append(FactError(field, fault.given, fault.allowed).message)
    return wrong


def wrong_facts(error: BadFacts) -> EventError:
    """422 naming each wrong fact."""
    fields: dict[str, list[str]] = {}
    for wrong in error.errors:
        fields.setdefault(f"facts.{wrong.field}", []).append(wrong.message)
    return bad_fields(fields)


def answers_in(decider: Decider, facts: Mapping[str, Any]) -> Collection[str]:
    """The facts that somebody gave or took back; what merely comes along with every call is no answer."""
    return facts.keys() - decider.sources.keys()


def heard_of(decider: Decider, brought: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the script hears, by the names of its facts; null is a field left out."""
    return {name: brought[field] for name, field in decider.sources.items() if brought.get(field) is not None}
