"""Many writes in one batch: one request carries them all and reads them back; each is settled on its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import Done, NotDone, Outcome, Unknown
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import MOST_COMMANDS, BatchAnswer, Command
from connectors.bitrix24.types import is_id
from connectors.bitrix24.write_commands import WriteCommand, read_people

#: Each write takes two commands, itself and its being read back; one more asks for the people of all of them.
MOST_WRITES = (MOST_COMMANDS - 1) // 2
#: The code of a write that the CRM took and quietly changed.
CUT = "CUT_BY_CRM"
_PEOPLE = "people"


@dataclass(frozen=True, slots=True)
class _Cut:
    """A record that is not as it was asked for, and the command that takes it back."""

    record: str
    why: str
    undo: Command


def written(portal: Bitrix24Client, recipes: Sequence[WriteCommand | NotDone]) -> list[Outcome]:
    """Make these writes, at most ``MOST_WRITES``, with one request, and a second one where some must be taken back."""
    outcomes: dict[int, Outcome] = {}
    going: dict[int, WriteCommand] = {}
    commands: dict[str, Command] = {}
    for number, recipe in enumerate(recipes):
        refused = recipe if isinstance(recipe, NotDone) else portal.held(recipe.create.method)
        if refused is not None or isinstance(recipe, NotDone):
            assert refused is not None
            outcomes[number] = refused
            continue
        going[number] = recipe
        commands[_create(number)] = recipe.create
        if recipe.read_back is not None:
            commands[_read_back(number)] = recipe.read_back(_create(number))
    if going:
        people = list(dict.fromkeys(recipe.person for recipe in going.values() if recipe.person))
        if people:
            commands[_PEOPLE] = read_people(people)
        outcomes |= _sent(portal, going, commands)
    return [outcomes[number] for number in range(len(recipes))]


def _sent(
    portal: Bitrix24Client, going: Mapping[int, WriteCommand], commands: Mapping[str, Command]
) -> dict[int, Outcome]:
    answer = portal.write(commands)
    if not isinstance(answer, BatchAnswer):
        return dict.fromkeys(going, answer)
    settled = {number: _settled(portal, answer, number, recipe) for number, recipe in going.items()}
    settled = {number: _seen(answer, going[number], outcome) for number, outcome in settled.items()}
    cut = {number: item for number, item in settled.items() if isinstance(item, _Cut)}
    outcomes = {number: item for number, item in settled.items() if not isinstance(item, _Cut)}
    return outcomes | (_taken_back(portal, cut) if cut else {})


def _settled(portal: Bitrix24Client, answer: BatchAnswer, number: int, recipe: WriteCommand) -> Outcome | _Cut:
    method = recipe.create.method
    failed = portal.outcome(answer, _create(number), method)
    if failed is not None:
        return failed
    made = _at(answer.results[_create(number)], recipe.made)
    if made is False:
        return NotDone(f"{portal.host}: {method} made nothing and does not say why", permanent=True, status=200)
    if not is_id(made):
        return Unknown(f"{portal.host} answered {method} without the id of what it wrote", status=200)
    record = str(made)
    if recipe.read_back is not None and recipe.undo is not None:
        why = recipe.cut(answer.results.get(_read_back(number)))
        if why is not None:
            return _Cut(record, why, recipe.undo(record))
        # A record that cannot be read back counts as written: the CRM gave it an id. Where it says that there is no
        # such record, it is looked for.
        unread = portal.outcome(answer, _read_back(number), f"reading back {method}")
        if isinstance(unread, NotDone) and unread.status == 404:
            return Unknown(f"{portal.host} answered {method} with a record that is not there", status=200)
    return Done(recipe.prefix + record)


def _seen(answer: BatchAnswer, recipe: WriteCommand, outcome: Outcome | _Cut) -> Outcome | _Cut:
    """The outcome, unless nobody is there to see the record: the portal takes any number for a user."""
    told = answer.results.get(_PEOPLE)
    if not isinstance(outcome, Done) or recipe.person is None or recipe.undo is None or not isinstance(told, list):
        return outcome
    there = {str(user.get("ID")) for user in told if isinstance(user, Mapping) and user.get("ACTIVE") is not False}
    if recipe.person in there:
        return outcome
    record = outcome.remote_id.removeprefix(recipe.prefix)
    return _Cut(record, f"user {recipe.person} is no active employee of the portal", recipe.undo(record))


def _taken_back(portal: Bitrix24Client, cut: Mapping[int, _Cut]) -> dict[int, Outcome]:
    """What is not as asked for is removed, so that it is neither acted upon nor found by its key."""
    answer = portal.write({_create(number): item.undo for number, item in cut.items()})
    outcomes: dict[int, Outcome] = {}
    for number, item in cut.items():
        gone = isinstance(answer, BatchAnswer) and _create(number) in answer.results
        left = "it was removed again" if gone else f"record {item.record} could not be removed: do it by hand"
        why = f"{portal.host} wrote it otherwise than asked: {item.why}; {left}"
        outcomes[number] = NotDone(why, permanent=True, status=200, code=CUT)
    return outcomes


def settled_alone(portal: Bitrix24Client, command: Command) -> NotDone | Unknown | None:
    """Send one command whose answer does not matter; None where it was executed."""
    held = portal.held(command.method)
    if held is not None:
        return held
    answer = portal.write({"only": command})
    if not isinstance(answer, BatchAnswer):
        return answer
    failed = portal.outcome(answer, "only", command.method)
    if failed is None and answer.results["only"] is False:
        return NotDone(f"{portal.host}: {command.method} did nothing and does not say why", permanent=True, status=200)
    return failed


def without_status(outcome: NotDone | Unknown) -> NotDone | Unknown:
    """The outcome of a write about a record that is no card: its being gone must not be taken for a card's."""
    return replace(outcome, status=400) if outcome.status == 404 else outcome


def _create(number: int) -> str:
    return f"w{number}"


def _read_back(number: int) -> str:
    return f"r{number}"


def _at(result: Any, path: Sequence[str]) -> Any:
    for part in path:
        result = result.get(part) if isinstance(result, Mapping) else None
    return result
