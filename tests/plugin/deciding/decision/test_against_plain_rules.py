"""Random scripts with conditional actions, added ones and several people a role, against a plain reading of them."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.authoring.verification import prove
from plugin.authoring.verification.state_space import ProofLimits
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.ruleset import read_folder
from plugin.deciding.ruleset.calendar import due_by
from plugin.deciding.ruleset.people import addressee, present
from plugin.deciding.ruleset.values import SKIPPED
from tests.support.examples import examples
from tests.support.plain_rules import Plain, due, evaluate, who

GOOD = read_folder(Path(__file__).parents[2] / "authoring/verification/bad_rules/good")[0]

FACTS: dict[str, dict[str, Any]] = {
    "yes": {"type": "bool"},
    "kind": {"type": "choice", "values": ["a", "b", "c"]},
    "mark": {"type": "number", "min": 0, "max": 10},
    "brand": {"type": "choice", "values": ["kia", "lada"], "from": "card.brand"},
    "vip": {"type": "bool", "from": "card.vip"},
}
ASKED = ["yes", "kind", "mark"]
CONDITIONS: dict[str, list[Any]] = {
    "yes": [True, False, {"known": True}],
    "kind": ["a", ["a", "b"], {"not": "c"}],
    "mark": [{"less_than": 7}, {"at_least": 7}, {"at_least": 3, "at_most": 8}],
    "brand": ["kia", {"not": "kia"}, {"unknown": True}, {"known": True}],
    "vip": [True, {"not": True}, {"unknown": True}],
    "section": ["1", ["1", "2"]],
}
DAYS = st.dates(date(2026, 11, 20), date(2026, 11, 26))
PEOPLE: dict[str, list[Any]] = {"card.brand": CONDITIONS["brand"], "card.vip": CONDITIONS["vip"]}


@st.composite
def _when(draw: st.DrawFn, names: list[str], least: int = 0, most: int = 2) -> dict[str, Any]:
    chosen = draw(st.lists(st.sampled_from(names), min_size=least, max_size=most, unique=True))
    return {name: draw(st.sampled_from(CONDITIONS[name])) for name in chosen}


@st.composite
def _actions(draw: st.DrawFn, prefix: str, names: list[str]) -> list[dict[str, Any]]:
    found = []
    for number in range(draw(st.integers(0, 3))):
        action: dict[str, Any] = {"id": f"{prefix}{number}", "kind": "comment", "text": "Текст"}
        if draw(st.booleans()):
            roles = draw(st.lists(st.sampled_from(["one", "many"]), min_size=1, max_size=2, unique=True))
            action |= {"kind": "reminder", "roles": roles}
            action |= draw(st.sampled_from([{}, {"due": "working"}, {"due": "hours"}, {"due_in_hours": 3}]))
        action["when"] = draw(_when(names))
        found.append(action)
    return found


@st.composite
def scripts(draw: st.DrawFn) -> dict[str, Any]:
    """One script: questions, rules that end it or add actions, and a role with several people."""
    content = copy.deepcopy(GOOD)
    asked = draw(st.lists(st.sampled_from(ASKED), min_size=1, max_size=3, unique=True))
    names = [*asked, "brand", "vip", "section"]
    questions = []
    for number, fact in enumerate(asked):
        question: dict[str, Any] = {"id": f"q{number}", "paragraph": "1", "fact": fact, "hint": "?"}
        if number:
            question["when"] = draw(_when([*asked[:number], "brand"]))
        values = [] if FACTS[fact]["type"] == "number" else FACTS[fact].get("values", [True, False])
        question |= {"answers": [{"value": value, "label": str(value)} for value in values]} if values else {}
        question["optional"] = draw(st.integers(0, 3)) == 0
        questions.append(question)
    rules: list[dict[str, Any]] = []
    for number in range(draw(st.integers(1, 6))):
        rule: dict[str, Any] = {"id": f"r{number}", "paragraph": "1", "when": draw(_when(names, least=1))}
        if draw(st.booleans()):
            rule["conclude"] = {"section": draw(st.sampled_from(["1", "2"]))}
        if draw(st.booleans()):
            rule["outcome"] = draw(st.sampled_from(["nothing", "call_back"]))
        rules.append(rule)
    added = draw(_actions("x", names))
    for rule in rules:
        if added and draw(st.booleans()):
            rule["add"] = [draw(st.sampled_from(added))["id"]]
        elif "conclude" not in rule and "outcome" not in rule:
            rule["outcome"] = "nothing"
    outcomes: dict[str, Any] = {
        name: {"label": name, "paragraph": "1", "action": draw(_actions(name[0], names))}
        for name in ("nothing", "call_back")
    }
    outcomes = {name: {key: one for key, one in outcome.items() if one} for name, outcome in outcomes.items()}
    content["tiny/outcomes.toml"] = {"outcome": outcomes} | ({"action": added} if added else {})
    content["tiny/rules.toml"] = {"question": questions, "rule": rules}
    facts = {name: fact | {"label": name} for name, fact in FACTS.items()}
    content["tiny/vocabulary.toml"] = {
        "fact": facts,
        "derived": {"section": {"label": "section", "values": ["1", "2"]}},
    }
    people = []
    for number in range(draw(st.integers(1, 3))):
        fields = draw(st.lists(st.sampled_from(sorted(PEOPLE)), max_size=2, unique=True))
        chosen = {field: draw(st.sampled_from(PEOPLE[field])) for field in fields}
        person: dict[str, Any] = {"name": f"p{number}", "crm_user": f"u{number}", "address": f"p{number}@example.org"}
        if draw(st.booleans()):
            first, days = draw(DAYS), draw(st.integers(0, 3))
            away = f"{first}/{first + timedelta(days=days)}" if days else f"{first}"
            deputy = {"name": "d", "crm_user": f"d{number}", "address": f"d{number}@example.org"}
            person |= {"away": [away], "deputy": deputy}
        people.append(person | {"when": chosen})
    content["calendar.toml"] = {"calendar": draw(_calendar())}
    content["tiny/script.toml"]["reminder"] |= {"due_in_hours": 7, "due": draw(st.sampled_from(["hours", "working"]))}
    content["roles.toml"] = {
        "role": {
            "manager": content["roles.toml"]["role"]["manager"],
            "one": {"label": "Один", "crm_user": "one", "address": "one@example.org"},
            "many": {"label": "Многие", "person": people},
        }
    }
    return content


@st.composite
def _calendar(draw: st.DrawFn) -> dict[str, Any]:
    names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    days = draw(st.lists(st.sampled_from(names), min_size=1, unique=True))
    holiday, working = draw(DAYS), draw(DAYS)
    others = {"holidays": [f"{holiday}"]} | ({"working": [f"{working}"]} if working != holiday else {})
    return {"days": days, "from": draw(st.sampled_from(["00:30", "09:00"])), "to": "12:00", **others}


def _facts(answers: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answers.items() if value is not SKIPPED}


def _ends(content: dict[str, Any], rulebook: Rulebook) -> list[tuple[Plain, Any]]:
    found = []
    for conversation in conversations(rulebook.script("tiny")):
        plain = evaluate(content, "tiny", _facts(conversation.answers))
        found.append((plain, conversation.decision))
    return found


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts())
def test_outcomes_actions_and_people_are_those_of_the_plain_reading(content: dict[str, Any]) -> None:
    rulebook = Rulebook.from_content(content)
    try:
        for plain, decision in _ends(content, rulebook):
            if decision is None:
                assert len(plain.outcomes) != 1
                continue
            assert {decision.outcome} == plain.outcomes
            assert plain.lacking == ()
            assert tuple((one.id, one.role, one.person) for one in decision.actions) == plain.actions
    finally:
        rulebook.close()


@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts())
def test_what_is_proven_of_actions_and_people_holds_in_every_conversation(content: dict[str, Any]) -> None:
    rulebook = Rulebook.from_content(content)
    ends = _ends(content, rulebook)
    report = prove(rulebook, limits=ProofLimits(seconds=60))
    rulebook.close()
    told = [str(fault) for fault in report.faults]
    good = [plain for plain, decision in ends if decision is not None]

    doubled = set()
    done = set()
    for plain in good:
        reminded = [(role, person) for _, role, person in plain.actions if role is not None]
        doubled |= {pair for pair in reminded if reminded.count(pair) > 1}
        done |= {one[0].removesuffix(f"-{one[1]}") for one in plain.actions}
    assert bool(doubled) == any("за один разговор" in one for one in told)
    file = content["tiny/outcomes.toml"]
    listed = [*(a for o in file["outcome"].values() for a in o.get("action", ())), *file.get("action", ())]
    unreached = [a["id"] for a in listed if (a.get("when") or a in file.get("action", ())) and a["id"] not in done]
    for name in unreached:
        # Where only people make the difference, somebody else is told of the role.
        only_people = name in {a["id"] for a in listed if a.get("roles") == ["many"]}
        assert only_people or any(f"«{name}»" in one and "действие не" in one for one in told), name


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scripts(), DAYS, st.times(max_value=time(13)))
def test_who_does_it_on_a_day_and_by_when_are_those_of_the_plain_reading(
    content: dict[str, Any], day: date, clock: time
) -> None:
    called = datetime.combine(day, clock.replace(second=0, microsecond=0), UTC)
    rulebook = Rulebook.from_content(content)
    decider = rulebook.script("tiny")
    decided = [decision for _, decision in _ends(content, rulebook) if decision is not None]
    rulebook.close()
    reminders = {(one.id, one.person): one for decision in decided for one in decision.actions if one.role}
    for one in reminders.values():
        role = addressee(rulebook.roles, one.recipient or "")
        assert role is not None
        found = present(role, day)
        assert (found.crm_user, found.address) == who(content, one.role or "", one.person, day)
        calendar = decider.script.calendar if one.working else None
        promised = called + timedelta(hours=one.due_in_hours or decider.promise_hours)
        assert due_by(calendar, called, promised, ZoneInfo("UTC")).at == due(content, "tiny", one.id, called)
