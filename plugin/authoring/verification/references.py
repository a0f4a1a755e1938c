"""Finds names that lead nowhere: facts never asked for, conclusions never read or drawn, and what is unused."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Any

from plugin.authoring.verification.findings import FaultNotes, placed
from plugin.common.toml.source import Place
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.conditions import RULES_FILE
from plugin.deciding.ruleset.model import Condition
from plugin.deciding.ruleset.predicates import Known
from plugin.deciding.ruleset.schema import CASES_FILE
from plugin.deciding.ruleset.vocabulary import FILE as VOCABULARY_FILE

#: A derived fact and its value.
_Conclusion = tuple[str, str]
#: Circles told of one script; a script with more has one cause for them.
_MOST_CIRCLES = 10

_FACT_IN_TEXT = re.compile(r"\{fact\.([a-z0-9_]+)\}")


def check_names(script: Script, content: Mapping[str, Any], notes: FaultNotes) -> frozenset[str]:
    """Note what is wrong; the ids of rules and questions that can never take effect because of it."""
    check = _NameCheck(script, content, notes)
    check.facts()
    check.conclusions()
    check.circles()
    check.unused()
    return frozenset(check.dead)


class _NameCheck:
    def __init__(self, script: Script, content: Mapping[str, Any], notes: FaultNotes) -> None:
        self._script = script
        self._content = content
        self._notes = notes
        self._rules = f"{script.name}/{RULES_FILE}"
        self._vocabulary = f"{script.name}/{VOCABULARY_FILE}"
        self._asked = {question.fact for question in script.questions}
        self.dead: set[str] = set()

    def _conditions(self) -> Iterator[tuple[str, Place, Condition]]:
        for place, entry in placed(self._script):
            for condition in entry.when:
                yield entry.id, (*place, "when", condition.subject), condition

    # --- facts -----------------------------------------------------------------------------------

    def facts(self) -> None:
        """Every fact that is read is asked for or brought along, and is not expected to stay unknown."""
        for entry, place, condition in self._conditions():
            fact = self._script.facts.get(condition.subject)
            if fact is None or fact.source:
                continue
            if fact.name not in self._asked:
                what = f"о факте «{fact.name}» не спрашивает ни один вопрос, и со звонком он не приходит"
                self._fault(entry, place, what, f'добавьте вопрос с fact = "{fact.name}" или from в словаре')
            elif condition.wanted == Known(False) and fact.name not in self._script.optional_facts:
                what = f"«{fact.name}» узнают вопросом: к концу разговора ответ известен всегда"
                hint = "«неизвестно» бывает у полей звонка (from) и у вопросов с optional = true; уберите условие"
                self._fault(entry, place, what, hint)
        self._facts_of_actions()

    def _facts_of_actions(self) -> None:
        """The same of the conditions of actions, which nothing else depends on."""
        told: set[str] = set()
        for action in self._script.actions:
            for condition in action.when:
                fact = self._script.facts.get(condition.subject)
                if fact is None or fact.source or fact.name in self._asked or fact.name in told:
                    continue
                told.add(fact.name)
                what = f"действие «{action.id}» читает факт «{fact.name}», о котором не спрашивает ни один вопрос"
                hint = f'добавьте вопрос с fact = "{fact.name}" или from в словаре'
                self._notes.faults.add(f"{self._script.name}/outcomes.toml", ("outcome",), what, hint)

    # --- derived facts ---------------------------------------------------------------------------

    def conclusions(self) -> None:
        """Every conclusion that is drawn is read, and every one that is read is drawn."""
        drawn = {conclusion for rule in self._script.rules for conclusion in rule.conclude}
        read: set[_Conclusion] = set()
        for entry, place, condition in self._conditions():
            wanted = _conclusions(self._script, condition)
            read |= wanted
            missing = sorted(value for name, value in wanted - drawn)
            if missing:
                name = condition.subject
                known = ", ".join(f'"{v}"' for v in self._script.derived[name].values if (name, v) in drawn)
                what = f"{name} = {_quoted(missing)} не заключает ни одно правило"
                hint = f"заключают: {known}" if known else "добавьте правило с conclude"
                self._fault(entry, place, what, hint, dead=wanted.isdisjoint(drawn))
        for condition in self._script.choosing:
            read |= _conclusions(self._script, condition)
        for index, rule in enumerate(self._script.rules):
            for name, value in rule.conclude:
                if (name, value) not in read:
                    what = f'вывод {name} = "{value}" не читает ни одно условие'
                    place = ("rule", index, "conclude", name)
                    self._notes.faults.add(self._rules, place, what, "допишите правило, которому он нужен, или уберите")

    def circles(self) -> None:
        """No conclusion leads back to itself."""
        drawn_from: dict[_Conclusion, set[_Conclusion]] = {}
        rules: dict[tuple[_Conclusion, _Conclusion], list[int]] = {}
        for index, rule in enumerate(self._script.rules):
            read = set().union(*(_conclusions(self._script, condition) for condition in rule.when))
            for conclusion in rule.conclude:
                for other in read:
                    drawn_from.setdefault(conclusion, set()).add(other)
                    rules.setdefault((other, conclusion), []).append(index)
        for _ in range(_MOST_CIRCLES):
            try:
                TopologicalSorter(drawn_from).prepare()
                return
            except CycleError as error:
                circle: list[_Conclusion] = error.args[1]
            # In the circle each conclusion leads to the next one; the first stands again at the end.
            steps = list(pairwise(circle))
            guilty = sorted({rules[step][0] for step in steps})
            ids = ", ".join(f"«{self._script.rules[index].id}»" for index in guilty)
            what = f"выводы идут по кругу: {' → '.join(f'{name} = {_quoted([value])}' for name, value in circle)}"
            hint = f"уберите conclude или условие в одном из правил: {ids}"
            self._notes.faults.add(self._rules, ("rule", guilty[-1], "conclude"), what, hint)
            drawn_from[steps[-1][1]].discard(steps[-1][0])

    # --- what is unused --------------------------------------------------------------------------

    def unused(self) -> None:
        """Warn of what is declared and serves nothing, and of texts that stay empty."""
        warn, script = self._notes.warnings.add, self._script
        read = {condition.subject for condition in self._script.conditions}
        told = self._facts_in_texts()
        for name, fact in script.facts.items():
            used = name in self._asked or name in read or name in told
            if not used:
                warn(self._vocabulary, ("fact", name), "факт нигде не используется", "уберите его или спросите о нём")
            elif name not in self._asked and not fact.source and name in told:
                file, place = told[name]
                what = f"подстановка {{fact.{name}}} всегда пуста: о факте никто не спрашивает"
                warn(file, place, what, "добавьте вопрос или уберите подстановку")
            if name in self._asked and fact.listed:
                offered = {a.value for q in script.questions if q.fact == name for a in q.answers}
                missing = [str(value) for value in fact.values if value not in offered]
                if missing:
                    what = f"{_quoted(missing)}: такого ответа не предлагает ни один вопрос"
                    warn(self._vocabulary, ("fact", name, "values"), what, "добавьте ответ или уберите значение")
        self._unused_conclusions()
        given = {rule.outcome for rule in script.rules}
        for name in script.outcomes.keys() - given:
            warn(f"{script.name}/outcomes.toml", ("outcome", name), "итог не даёт ни одно правило", "уберите его")

    def _unused_conclusions(self) -> None:
        drawn = {conclusion for rule in self._script.rules for conclusion in rule.conclude}
        read = set().union(*(_conclusions(self._script, condition) for condition in self._script.conditions))
        for name, derived in self._script.derived.items():
            unused = [value for value in derived.values if (name, value) not in drawn | read]
            if unused:
                place: Place = ("derived", name, "values") if len(unused) < len(derived.values) else ("derived", name)
                what = f"{_quoted(unused)}: никто не заключает и не читает"
                self._notes.warnings.add(self._vocabulary, place, what, "уберите лишнее")

    def _facts_in_texts(self) -> dict[str, tuple[str, Place]]:
        """The facts that texts quote, each with the first place."""
        found: dict[str, tuple[str, Place]] = {}
        for file, data in self._content.items():
            if file.startswith(f"{self._script.name}/") and not file.endswith(f"/{CASES_FILE}"):
                for place, text in texts_in(data):
                    for match in _FACT_IN_TEXT.finditer(text):
                        found.setdefault(match.group(1), (file, place))
        return found

    def _fault(self, entry: str, place: Place, what: str, hint: str, *, dead: bool = True) -> None:
        self._notes.faults.add(self._rules, place, what, hint)
        if dead:
            self.dead.add(entry)


def texts_in(node: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Every text of parsed TOML with its place."""
    if isinstance(node, str):
        yield place, node
    elif isinstance(node, Mapping):
        for key, inner in node.items():
            yield from texts_in(inner, (*place, key))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from texts_in(inner, (*place, index))


def _conclusions(script: Script, condition: Condition) -> set[_Conclusion]:
    if condition.subject not in script.derived:
        return set()
    return {(condition.subject, code) for pattern in condition.patterns for code in pattern.codes}


def _quoted(values: list[str]) -> str:
    return ", ".join(f'"{value}"' for value in values)
