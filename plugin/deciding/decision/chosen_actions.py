"""Chooses an outcome's actions and their people, by the facts that were told and by what rules concluded."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from plugin.deciding.engine.network import UNKNOWN
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.model import ActionSpec, Condition


class ActionChooser:
    """Chooses for one script. The outcome depends on none of this, so that it is asked only once that is known."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._sources = [fact.name for fact in script.facts.values() if fact.source]
        self._adding = [rule for rule in script.rules if rule.adds]
        #: Outcomes all of whose actions are done whatever the facts are.
        self.fixed = frozenset(
            name for name, outcome in script.outcomes.items() if not any(map(self._is_open, outcome.actions))
        )
        if self._adding:
            self.fixed = frozenset()

    def _is_open(self, action: ActionSpec) -> bool:
        return bool(action.when) or action.role in self._script.people

    def actions(self, outcome: str, fired: Collection[str], codes: Mapping[str, str]) -> tuple[ActionSpec, ...]:
        """The actions to do: the outcome's own, then those that the rules add, a reminder once for each person."""
        told = self._told(fired, codes)
        specs = [*self._script.outcomes[outcome].actions, *self._added(fired)]
        return tuple([one for spec in specs if holds(spec.when, told) for one in self._each(spec, told)])

    def people(self, role: str, codes: Mapping[str, str]) -> list[str | None]:
        """The people of a role who are chosen by what the call brings along; [None]: the role has one person."""
        return self._people(role, self._told((), codes))

    def _added(self, fired: Collection[str]) -> Iterator[ActionSpec]:
        names = {name for rule in self._adding if rule.id in fired for name in rule.adds}
        for name, specs in self._script.added.items():
            if name in names:
                yield from specs

    def _each(self, spec: ActionSpec, told: Mapping[str, Collection[str]]) -> Iterable[ActionSpec]:
        if spec.role is None or spec.role not in self._script.people:
            return (spec,)
        return [replace(spec, person=person) for person in self._people(spec.role, told)]

    def _people(self, role: str, told: Mapping[str, Collection[str]]) -> list[str | None]:
        known = self._script.people.get(role)
        return [None] if known is None else [one.person for one in known if holds(one.when, told)]

    def _told(self, fired: Collection[str], codes: Mapping[str, str]) -> dict[str, set[str]]:
        """What is known of each subject that takes part: a fact's code, or the values that were concluded."""
        asked = self._script.asked(fired) if fired else {}
        told: dict[str, set[str]] = {}
        for name in (*asked, *self._sources):
            classes = self._script.classes[name]
            for subject in classes.codes(name, classes.keys[0]):
                told[subject] = {codes.get(subject, UNKNOWN)}
        for rule in self._script.rules:
            if rule.id in fired:
                for name, value in rule.conclude:
                    told.setdefault(name, set()).add(value)
        return told


def holds(when: Iterable[Condition], told: Mapping[str, Collection[str]]) -> bool:
    """Whether every condition holds of what was told."""
    return all(
        any(code in pattern.codes for code in told.get(pattern.subject, ()))
        for condition in when
        for pattern in condition.patterns
    )
