"""What is reported of a conversation that has not ended: the answers up to the one that would end it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.events.texts import answer_lines
from plugin.operator_page.confirmation import Confirmation


def open_part(
    decider: Decider, call_facts: Mapping[str, FactValue], given: Mapping[str, FactValue]
) -> dict[str, FactValue]:
    """The answers without the last ones that would end the conversation. Raises BadFacts, DecisionError."""
    left = dict(given)
    while left and decider.decide({**decider.type_facts(left), **call_facts}).complete:
        left.popitem()
    return left


def handed_over(decider: Decider, call_facts: Mapping[str, FactValue], confirmation: Confirmation) -> Confirmation:
    """A hand-over whose answers do not decide the call, whatever screen it was made on: a person decides.

    The answers that would have decided it are retracted, and told in the note. Raises BadFacts, DecisionError.
    """
    given = {name: value for name, value in confirmation.facts.items() if value is not None}
    kept = open_part(decider, call_facts, given)
    if kept.keys() == given.keys():
        return confirmation
    told = _lines(decider, call_facts, kept)
    left_out = [line for line in _lines(decider, call_facts, given) if line not in told]
    return replace(
        confirmation,
        facts={**confirmation.facts, **dict.fromkeys(given.keys() - kept.keys())},
        note="\n".join([confirmation.note, *left_out]).strip(),
    )


def _lines(decider: Decider, call_facts: Mapping[str, FactValue], given: Mapping[str, FactValue]) -> list[str]:
    facts = {**decider.type_facts(given), **call_facts}
    return answer_lines(decider, facts, decider.decide(facts))
