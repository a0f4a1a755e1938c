"""How a shadow's decision differs from the one that counts: in outcome, actions, people or due times. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class DifferenceKind(StrEnum):
    """What differs. ``REFUSED``: the shadow takes no such facts, or comes to no end on them."""

    OUTCOME = "outcome"
    ACTIONS = "actions"
    PEOPLE = "people"
    DUE = "due"
    REFUSED = "refused"


class ShadowDifference(NamedTuple):
    """One difference, in the rules' own words."""

    kind: DifferenceKind
    old: str
    new: str


def differences(decided: Mapping[str, Any], shadow: Mapping[str, Any]) -> list[ShadowDifference]:
    """Between two decisions as JSON (contract 3.2). Texts are not compared: they name the client.

    Where the outcome is another one, the rest differs as a matter of course.
    """
    old, new = decided.get("outcome"), shadow.get("outcome")
    if old != new:
        return [ShadowDifference(DifferenceKind.OUTCOME, old or "", new or "")]
    before, after = decided.get("actions") or (), shadow.get("actions") or ()
    return [
        ShadowDifference(kind, one, other)
        for kind, told in _TOLD.items()
        if (one := ", ".join(sorted(told(before)))) != (other := ", ".join(sorted(told(after))))
    ]


def _actions(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield from {action["id"] for action in actions}


def _people(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    reminded = (action for action in actions if action.get("role"))
    yield from {
        f"{action['role']}: {action['person']}" if action.get("person") else action["role"] for action in reminded
    }


def _due(actions: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for action in actions:
        if action.get("role"):
            yield f"{action['id']} {action.get('due_in_hours')}{' (working)' if action.get('due') == 'working' else ''}"


_TOLD = {DifferenceKind.ACTIONS: _actions, DifferenceKind.PEOPLE: _people, DifferenceKind.DUE: _due}
