"""What an end is not carried out without: a number where it is about the number, and names that can be names. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from plugin.deciding.decision.model import Decision
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import EventError
from plugin.operator_page.call import PageCall

NOT_A_NAME = "Это не похоже на имя. Впишите его буквами."
_NO_NUMBER = "Укажите номер, по которому идёт разговор: без него итог записать некуда."
_FACT = "fact."


def name_facts(script: Script) -> frozenset[str]:
    """The facts that hold a person's name: those by which rules find another client's card."""
    targets = [rule.target for rule in script.rules if rule.target]
    names = [name for target in targets for name in target.name.names if name.startswith(_FACT)]
    return frozenset(name.removeprefix(_FACT) for name in names)


def can_be_name(text: str) -> bool:
    """Whether there is a letter in it: «123» and «—» name nobody."""
    return any(sign.isalpha() for sign in text)


def refuse_impossible_names(script: Script, facts: Mapping[str, FactValue | None]) -> None:
    """Raises EventError 422 that names, in Russian, each answer that cannot be the name it is asked for as."""
    given = {name: facts.get(name) for name in name_facts(script)}
    wrong = [name for name, value in given.items() if isinstance(value, str) and not can_be_name(value)]
    if wrong:
        fields = {name: [NOT_A_NAME] for name in sorted(wrong)}
        raise EventError(422, "bad_name", "an answer cannot be the name it is asked for as", fields=fields)


def refuse_without_number(call: PageCall, script: Script, decision: Decision) -> None:
    """Raises EventError 422 where the outcome is about the number, or has no card, and the call has no number."""
    if call.phone or not decision.complete or not decision.actions or decision.outcome is None:
        return
    about_number = script.outcomes[decision.outcome].about == "number"
    for_another = any(action.target for action in decision.actions)
    if about_number or for_another or not call.card_id:
        fields = {"phone": [_NO_NUMBER]}
        raise EventError(422, "number_needed", "the outcome cannot be written without a number", fields=fields)
