"""Seeded mutations of the shipped rules: ``rules check`` or ``rules test`` catches every single one.

The few that make no difference are named here, with the reason, and proven: every conversation goes on as before.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from plugin.authoring.verification import prove
from plugin.authoring.verification.cases import run_cases
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.ruleset import read_folder
from plugin.errors import OptoutError, RulesError
from tests.support.rules_folder import ROOT

pytestmark = pytest.mark.slow

CONTENT = read_folder(ROOT / "rules")[0]
SCRIPTS = sorted(name.split("/")[0] for name in CONTENT if name.endswith("/script.toml"))

#: Mutations that leave every conversation as it was, and why.
EQUIVALENT = {
    "remove a condition: survey_opt_out, 2-changed-mind, survey_type": "on the way of point 3 it concludes point 2.3 "
    "besides 3.3, and both end in the same outcome",
    "remove a condition: survey_opt_out, 3-changed-mind, survey_type": "the same the other way round",
    "remove a condition: survey_opt_out, 3-calls-only, survey_type": "point 3 alone offers this answer",
}


@dataclass(frozen=True)
class Mutation:
    """One change of the rules; ``content`` is what comes of the ``original``."""

    kind: str
    what: str
    original: Mapping[str, Any]
    content: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.kind}: {self.what}"


class Mutator:
    """Every mutation of one script, one at a time."""

    def __init__(self, script: str) -> None:
        self._script = script
        #: This script alone.
        self._original = {name: data for name, data in CONTENT.items() if name.split("/")[0] in ("roles.toml", script)}
        self._rules: dict[str, Any] = CONTENT[f"{script}/rules.toml"]
        self._outcomes: dict[str, Any] = CONTENT[f"{script}/outcomes.toml"]["outcome"]
        self._vocabulary: dict[str, Any] = CONTENT[f"{script}/vocabulary.toml"]

    def all(self) -> Iterator[Mutation]:
        for kind in ("rule", "question"):
            for index, entry in enumerate(self._rules[kind]):
                yield self._removed(f"remove a {kind}", entry["id"], "rules.toml", (kind,), index)
                yield from self._conditions(kind, index, entry)
        for index, rule in enumerate(self._rules["rule"]):
            yield from self._ends(index, rule)
        for index, question in enumerate(self._rules["question"]):
            yield from self._question(index, question)
        for name, outcome in self._outcomes.items():
            yield from self._outcome(name, outcome)
        yield from self._shared()

    def _conditions(self, kind: str, index: int, entry: Mapping[str, Any]) -> Iterator[Mutation]:
        """Each condition removed, and its value swapped for every other one."""
        for subject, wanted in entry.get("when", {}).items():
            place = (kind, index, "when")
            yield self._removed("remove a condition", f"{entry['id']}, {subject}", "rules.toml", place, subject)
            for value in self._values(subject, wanted):
                what = f"{entry['id']}, {subject}: {wanted} → {value}"
                yield self._set("swap an answer", what, "rules.toml", (*place, subject), value)

    def _values(self, subject: str, wanted: Any) -> list[Any]:
        if isinstance(wanted, dict):
            return [{"unknown": True}] if "known" in wanted else []
        spec = (self._vocabulary["fact"] | self._vocabulary.get("derived", {}))[subject]
        values = [True, False] if spec.get("type") == "bool" else spec["values"]
        kept = wanted if isinstance(wanted, list) else [wanted]
        return [value for value in values if value not in kept]

    def _ends(self, index: int, rule: Mapping[str, Any]) -> Iterator[Mutation]:
        """Another outcome, another conclusion, the call's own card instead of somebody else's."""
        place = ("rule", index)
        for outcome in self._outcomes if "outcome" in rule else ():
            if outcome != rule["outcome"]:
                what = f"{rule['id']}: {rule['outcome']} → {outcome}"
                yield self._set("change an outcome", what, "rules.toml", (*place, "outcome"), outcome)
        for name, concluded in rule.get("conclude", {}).items():
            for value in self._vocabulary["derived"][name]["values"]:
                if value != concluded:
                    what = f"{rule['id']}, {name}: {concluded} → {value}"
                    yield self._set("change a conclusion", what, "rules.toml", (*place, "conclude", name), value)
        if "target" in rule:
            yield self._removed("drop a target", rule["id"], "rules.toml", place, "target")

    def _question(self, index: int, question: Mapping[str, Any]) -> Iterator[Mutation]:
        place = ("question", index)
        for key in ("say", "hint"):
            if key in question:
                yield self._reworded(f"{question['id']}, {key}", "rules.toml", (*place, key), question[key])
        for number, answer in enumerate(question.get("answers", ())):
            what = f"{question['id']}: {answer['value']}"
            yield self._removed("remove an answer", what, "rules.toml", (*place, "answers"), number)

    def _outcome(self, name: str, outcome: Mapping[str, Any]) -> Iterator[Mutation]:
        """Closing phrase, comment, reminder, each recipient of each reminder."""
        place = ("outcome", name)
        if "say" in outcome:
            yield self._reworded(f"{name}, say", "outcomes.toml", (*place, "say"), outcome["say"])
            yield self._removed("remove a phrase", name, "outcomes.toml", place, "say")
        for index, action in enumerate(outcome.get("action", ())):
            what = f"{name}, {action['id']}"
            at = (*place, "action", index)
            yield self._removed("remove an action", what, "outcomes.toml", (*place, "action"), index)
            yield self._reworded(f"{what}, text", "outcomes.toml", (*at, "text"), action["text"])
            for number, role in enumerate(action.get("roles", ())):
                yield self._removed("drop a recipient", f"{what}: {role}", "outcomes.toml", (*at, "roles"), number)
            if action["kind"] == "reminder":
                for key, value in (("subject", "НАПОМНИТЬ"), ("due_in_hours", 48), ("email", False)):
                    yield self._set("change a reminder", f"{what}, {key}", "outcomes.toml", (*at, key), value)

    def _shared(self) -> Iterator[Mutation]:
        """What all reminders share."""
        reminder = CONTENT[f"{self._script}/script.toml"]["reminder"]
        for key, value in (("subject", "НАПОМНИТЬ"), ("due_in_hours", 48), ("email", False)):
            yield self._set("change all reminders", key, "script.toml", ("reminder", key), value)
        lines = reminder["details"].splitlines()
        for number, line in enumerate(lines):
            rest = "\n".join(lines[:number] + lines[number + 1 :])
            yield self._set("remove a line of all reminders", line, "script.toml", ("reminder", "details"), rest)

    # --- making them ---------------------------------------------------------------------------------

    def _reworded(self, what: str, file: str, place: tuple[str | int, ...], text: str) -> Mutation:
        """The text with its last word lost."""
        return self._set("change a text", what, file, place, text.rstrip().rsplit(" ", 1)[0] + ".")

    def _set(self, kind: str, what: str, file: str, place: tuple[str | int, ...], value: Any) -> Mutation:
        content = copy.deepcopy(self._original)
        node: Any = content[f"{self._script}/{file}"]
        for part in place[:-1]:
            node = node[part]
        node[place[-1]] = value
        return Mutation(kind, f"{self._script}, {what}", self._original, content)

    def _removed(self, kind: str, what: str, file: str, place: tuple[str | int, ...], key: str | int) -> Mutation:
        content = copy.deepcopy(self._original)
        node: Any = content[f"{self._script}/{file}"]
        for part in place:
            node = node[part]
        del node[key]
        return Mutation(kind, f"{self._script}, {what}", self._original, content)


MUTATIONS = [mutation for script in SCRIPTS for mutation in Mutator(script).all()]


def caught_by(mutation: Mutation) -> str | None:
    """``form``, ``check`` or ``test``: what refuses the mutated rules first; None if nothing does."""
    try:
        rulebook = Rulebook.from_content(mutation.content)
    except RulesError:
        return "form"
    try:
        if not prove(rulebook).ok:
            return "check"
        try:
            return None if all(result.ok for result in run_cases(rulebook)) else "test"
        except OptoutError:
            return "test"
    finally:
        rulebook.close()


def everything_said(content: Mapping[str, Any]) -> list[tuple[object, ...]]:
    """Every conversation: what was answered, and the decision at its end with all its texts."""
    with closing(Rulebook.from_content(content)) as rulebook:
        return [
            (name, conversation.answers, conversation.decision and conversation.decision._replace(ruleset=""))
            for name, decider in rulebook.scripts.items()
            for conversation in conversations(decider)
        ]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, str | None]:
    return {str(mutation): caught_by(mutation) for mutation in MUTATIONS}


def test_every_mutation_of_the_shipped_rules_is_caught(
    verdicts: dict[str, str | None], capsys: pytest.CaptureFixture[str]
) -> None:
    counts = Counter(mutation.kind for mutation in MUTATIONS)
    by = Counter(verdicts.values())
    with capsys.disabled():
        print(f"\n{len(MUTATIONS)} mutations: {by['form']} are no valid rules, {by['check']} fail the check, ", end="")
        print(f"{by['test']} fail a case, {by[None]} change nothing")
        print("\n".join(f"  {number:4} {kind}" for kind, number in counts.items()))

    assert {mutation for mutation, verdict in verdicts.items() if verdict is None} <= EQUIVALENT.keys()
    assert len(verdicts) == len(MUTATIONS), "two mutations are named alike"


@pytest.mark.parametrize("name", EQUIVALENT)
def test_a_mutation_that_is_not_caught_changes_no_conversation(name: str) -> None:
    (mutation,) = (mutation for mutation in MUTATIONS if str(mutation) == name)

    assert everything_said(mutation.content) == everything_said(mutation.original)


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_rule_question_and_recipient_is_mutated(script: str) -> None:
    done = {(mutation.kind, mutation.what) for mutation in MUTATIONS}
    rules, outcomes = CONTENT[f"{script}/rules.toml"], CONTENT[f"{script}/outcomes.toml"]["outcome"]

    expected = {("remove a rule", f"{script}, {rule['id']}") for rule in rules["rule"]}
    expected |= {("remove a question", f"{script}, {question['id']}") for question in rules["question"]}
    expected |= {
        ("drop a recipient", f"{script}, {name}, {action['id']}: {role}")
        for name, outcome in outcomes.items()
        for action in outcome.get("action", ())
        for role in action.get("roles", ())
    }
    assert expected <= done
    swapped = [what for kind, what in done if kind in ("swap an answer", "change an outcome", "change a conclusion")]
    for rule in rules["rule"]:
        assert any(what.startswith((f"{script}, {rule['id']}:", f"{script}, {rule['id']},")) for what in swapped)


@pytest.mark.parametrize("script", SCRIPTS)
def test_without_a_mutation_nothing_is_caught(script: str) -> None:
    assert caught_by(Mutation("nothing", script, CONTENT, CONTENT)) is None
