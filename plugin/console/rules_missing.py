"""«Нет нужного ответа» made a case of a draft: the answers before it, the one that fits from now on, its outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from plugin.authoring.drafts.fields import DraftEditor
from plugin.console.rules_additions import answer_and_outcome
from plugin.console.rules_typed import needed
from plugin.console.rules_words import RulesWords, entries
from plugin.deciding.decision.conversations import question_asked, reach
from plugin.deciding.decision.decider import Decider
from plugin.deciding.ruleset.values import FactValue
from plugin.errors import BadFacts, InputError
from plugin.operator_page.missing_answers import MissingAnswer, facts_before, said_in

#: Of the label of an answer that is made of a client's words.
_LONGEST_LABEL = 80
#: Chosen where none of the answers fits.
NEW = "new"


@dataclass(frozen=True, slots=True)
class MissingCase:
    """A case to be: ``number`` is the question's place in rules.toml, ``answers`` are those that it has.

    ``can_grow``: whether the question takes further answers.
    """

    number: int
    question: str
    answers: tuple[str, ...]
    can_grow: bool
    facts: Mapping[str, FactValue]
    said: str

    @property
    def label(self) -> str:
        """What a new answer is called until somebody calls it otherwise."""
        text = self.said[:_LONGEST_LABEL].strip()
        return text[:1].upper() + text[1:]

    @property
    def name(self) -> str:
        """What the case is called."""
        return f"Нет нужного ответа: {self.said}"


def missing_case(missing: MissingAnswer, decider: Decider, content: Mapping[str, Any]) -> MissingCase:
    """The case that begins where this was said. Raises InputError where the script does not ask this any more."""
    facts = facts_before(missing, decider.script)
    id_ = _asked(missing, decider, facts)
    words = RulesWords(content, decider.name)
    for number, question in enumerate(entries(words.file("rules.toml"), "question")):
        if question.get("id") == id_:
            labels = tuple(str(one.get("label")) for one in entries(question, "answers"))
            asked = str(question.get("say") or question.get("hint") or words.subject(missing.fact))
            can_grow = (words.facts.get(missing.fact) or {}).get("type") == "choice"
            return MissingCase(number, asked, labels, can_grow, facts, said_in(missing))
    raise InputError("Такого вопроса в скрипте больше нет", hint="Вернитесь к списку и отметьте, что решили")


def add_missing_case(editor: DraftEditor, case: MissingCase, form: Mapping[str, str]) -> str:
    """Add the case, and where none of the answers fits a new one with its outcome. Raises InputError (Russian)."""
    name, chosen = needed(form, "name", "название случая"), needed(form, "answer", "ответ")
    if any(one.get("name") == name for one in editor.get("cases.case") or []):
        raise InputError(f"Случай «{name}» уже есть", hint="Назовите новый иначе")
    fact = str(editor.get(f"rules.question[#{case.number}].fact"))
    label, outcome = chosen, form.get("outcome", "")
    if chosen == NEW:
        label = needed(form, "label", "надпись ответа")
        outcome = answer_and_outcome(editor, {**form, "number": str(case.number)})
    elif outcome == NEW or chosen not in case.answers:
        raise InputError("У готового ответа итог уже есть", hint="Выберите итог из списка или добавьте новый ответ")
    if not outcome:
        raise InputError("Не выбран итог", hint="Выберите, чем должен закончиться такой разговор")
    editor.add_entry("cases.case", {"name": name, "facts": {**case.facts, fact: label}, "outcome": outcome})
    return f"случай из звонка: {name}"


def _asked(missing: MissingAnswer, decider: Decider, facts: Mapping[str, FactValue]) -> str:
    """The id of the question that no answer fitted: where several ask for the same, the one that comes up here."""
    try:
        decision = reach(decider, decider.type_facts(_values(decider, facts))).decision
    except BadFacts:
        decision = None
    if decision is not None and decision.next is not None and decision.next.fact == missing.fact:
        return question_asked(decider.script, decision.next).id
    return next((one.id for one in decider.script.questions if one.fact == missing.fact), "")


def _values(decider: Decider, facts: Mapping[str, FactValue]) -> dict[str, FactValue]:
    """What the labels of answers stand for."""
    found = dict(facts)
    for question in decider.script.questions:
        for answer in question.answers:
            if facts.get(question.fact) == answer.label:
                found[question.fact] = answer.value
    return found
