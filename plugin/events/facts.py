"""Types an event's facts: those it lists, and those that the vocabulary maps from call and card fields.

A script maps a field in its vocabulary (``from = "call.duration"``). A mapped field counts more than the same fact in
the event's list.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, EventError, FactError
from plugin.events.schema import FieldFaults, bad_fields


def type_event_facts(
    decider: Decider, facts: Mapping[str, Any], call_fields: Mapping[str, Any]
) -> tuple[dict[str, FactValue | None], FieldFaults]:
    """The facts typed, None for those that the event retracts; and the faults, by ``facts.NAME`` and ``call.FIELD``."""
    typed: dict[str, FactValue | None] = {}
    wrong: FieldFaults = {}
    try:
        listed = decider.type_facts(facts)
        typed |= {name: listed.get(name) for name in facts}
    except BadFacts as error:
        wrong |= wrong_facts(error).fields
    try:
        typed |= decider.type_facts(mapped_fields(decider, call_fields))
    except BadFacts as error:
        for fault in error.errors:
            field = decider.sources[fault.field]
            wrong.setdefault(field, []).append(FactError(field, fault.given, fault.allowed).message)
    return typed, wrong


def typed_facts(
    decider: Decider, facts: Mapping[str, Any], call_fields: Mapping[str, Any]
) -> dict[str, FactValue | None]:
    """The event's facts typed, None for those it retracts. Raises EventError 422 naming every wrong one."""
    typed, wrong = type_event_facts(decider, facts, call_fields)
    if wrong:
        raise bad_fields(wrong)
    return typed


def wrong_facts(error: BadFacts) -> EventError:
    """422 naming each wrong fact."""
    fields: FieldFaults = {}
    for wrong in error.errors:
        fields.setdefault(f"facts.{wrong.field}", []).append(wrong.message)
    return bad_fields(fields)


def answers_in(decider: Decider, facts: Mapping[str, Any]) -> Collection[str]:
    """The facts that were given or retracted as answers; a fact that is mapped from a field is no answer."""
    return facts.keys() - decider.sources.keys()


def mapped_fields(decider: Decider, call_fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the script maps, by the names of their facts; null is a field left out."""
    return {name: call_fields[field] for name, field in decider.sources.items() if call_fields.get(field) is not None}


def unfit_facts(decider: Decider, facts: Mapping[str, Any]) -> frozenset[str]:
    """The facts that these rules do not take: the events that gave them may have been typed by another revision."""
    try:
        decider.type_facts(facts)
    except BadFacts as error:
        return frozenset(fault.field for fault in error.errors)
    return frozenset()
