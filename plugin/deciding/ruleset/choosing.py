"""Reads what chooses among actions and people: ``when`` of an action, and of a role's people by fields of the call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plugin.common.toml.source import Place
from plugin.deciding.ruleset.conditions import ConditionReader, Draft
from plugin.deciding.ruleset.faults import Faults, closest
from plugin.deciding.ruleset.model import Condition, Fact, Recipient, Role
from plugin.deciding.ruleset.schema import ROLES_FILE
from plugin.deciding.ruleset.value_classes import Classes

_OUTCOMES_FILE = "outcomes.toml"
#: An action: its outcome (None: one that rules add) and its place in the list.
ActionKey = tuple[str | None, int]


class ActionConditions:
    """The ``when`` of every action of one script."""

    def __init__(self, reader: ConditionReader, outcomes: Mapping[str, Any]) -> None:
        self._reader = reader
        self.roles: set[str] = set()
        self._drafts: dict[ActionKey, tuple[Draft, ...]] = {}
        for name, form in outcomes["outcome"].items():
            self._read(name, form["action"], ("outcome", name, "action"))
        self._read(None, outcomes["action"], ("action",))

    def _read(self, outcome: str | None, forms: Sequence[Mapping[str, Any]], place: Place) -> None:
        for index, form in enumerate(forms):
            self.roles.update(form["roles"])
            if form["when"]:
                at = (*place, index, "when")
                self._drafts[outcome, index] = self._reader.read(form["when"], at, _OUTCOMES_FILE)

    def finished(self, classes: Mapping[str, Classes]) -> dict[ActionKey, tuple[Condition, ...]]:
        """The conditions, once all classes are known."""
        return {key: self._reader.finish(drafts, classes) for key, drafts in self._drafts.items()}


class PeopleDrafts:
    """People whose conditions are read but not finished."""

    def __init__(self, drafts: Mapping[str, Sequence[tuple[str, tuple[Draft, ...]]]]) -> None:
        self._drafts = drafts

    def finished(self, reader: ConditionReader, classes: Mapping[str, Classes]) -> dict[str, tuple[Recipient, ...]]:
        """The people of each role, in the order of the file."""
        return {
            role: tuple(Recipient(name, reader.finish(when, classes)) for name, when in people)
            for role, people in self._drafts.items()
        }


class PeopleReader:
    """Reads the ``when`` of people against the facts that a script takes from fields of the call and the card."""

    def __init__(self, reader: ConditionReader, facts: Mapping[str, Fact], faults: Faults) -> None:
        self._reader = reader
        self._faults = faults
        self._by_field = {fact.source: fact.name for fact in facts.values() if fact.source}

    def read(self, roles: Mapping[str, Role]) -> PeopleDrafts:
        """The people of those of these roles that have several."""
        drafts = {}
        for name, role in roles.items():
            if role.people:
                drafts[name] = [
                    (person.name, self._when(person.when, ("role", name, "person", index, "when")))
                    for index, person in enumerate(role.people)
                ]
        return PeopleDrafts(drafts)

    def _when(self, when: Mapping[str, Any], place: Place) -> tuple[Draft, ...]:
        known: dict[str, Any] = {}
        for field, written in fields_in(when):
            fact = self._by_field.get(field)
            if fact is None:
                what = f"поле «{field}» не объявлено в словаре этого скрипта"
                hint = f'опишите факт с from = "{field}" в vocabulary.toml; {closest(field, self._by_field)}'
                self._faults.add(ROLES_FILE, place, what, hint)
            else:
                known[fact] = written
        return self._reader.read(known, place, ROLES_FILE)


def fields_in(when: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Fields and what is wanted of them: ``{ card.brand = "Kia" }`` is read as ``{ "card.brand" = "Kia" }``."""
    for table, inner in when.items():
        if table in ("call", "card") and isinstance(inner, Mapping):
            for key, written in inner.items():
                yield f"{table}.{key}", written
        else:
            yield table, inner
