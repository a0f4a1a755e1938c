"""The rules' own words for outcomes, facts and answers, by the revision that decided; plain names where it is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plugin.deciding.ruleset.values import FactValue
from plugin.errors import OptoutError

if TYPE_CHECKING:
    from plugin.authoring.revisions.active import ActiveRules
    from plugin.deciding.ruleset import Script


def script_at(rules: ActiveRules, revision: str, name: str) -> Script | None:
    """A script as it was; None where the revision, or the script in it, is gone."""
    try:
        return rules.at(revision).script(name).script
    except OptoutError:
        return None


class ScriptLabels:
    """Names what one script speaks of. ``rules`` None: everything by its plain name."""

    def __init__(self, rules: ActiveRules | None, script: str) -> None:
        self._rules = rules
        self._name = script

    def outcome(self, outcome: str, revision: str | None) -> str:
        """The outcome in the admin's words."""
        script = self._script(revision)
        spec = script.outcomes.get(outcome) if script else None
        return spec.label if spec else outcome

    def fact(self, fact: str, revision: str | None) -> str:
        """The fact in the admin's words."""
        script = self._script(revision)
        spec = script.facts.get(fact) if script else None
        return spec.label if spec else fact

    def answer(self, fact: str, value: FactValue | None, revision: str | None, *, question: str | None = None) -> str:
        """The answer as the question words it, or any question of this fact; None is a retraction."""
        if value is None:
            return "отозвано"
        script = self._script(revision)
        for asked in script.questions if script else ():
            if asked.fact == fact and question in (None, asked.id) and (label := asked.label_of(value)):
                return label
        return {True: "да", False: "нет"}[value] if isinstance(value, bool) else str(value)

    def phrase(self, question: str, revision: str | None) -> str | None:
        """What the operator reads to ask the question; None where the script has no phrase for it."""
        script = self._script(revision)
        return next((asked.say for asked in script.questions if asked.id == question), None) if script else None

    def _script(self, revision: str | None) -> Script | None:
        return None if self._rules is None or revision is None else script_at(self._rules, revision, self._name)
