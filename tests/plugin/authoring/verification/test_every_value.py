"""Every value of every rules file, changed one at a time: check or test catches it, or nothing can tell, and why."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from plugin.authoring.verification import prove
from plugin.authoring.verification.cases import run_cases
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from plugin.errors import OptoutError, RulesError
from tests.support.rules_folder import ROOT

pytestmark = pytest.mark.slow

CONTENT = read_folder(ROOT / "rules")[0]
SCRIPTS = sorted(name.split("/")[0] for name in CONTENT if name.endswith("/script.toml"))
Place = tuple[str | int, ...]

#: The last keys of values that nothing can tell from others, and why.
UNTOLD: Mapping[str, str] = {
    "paragraph": "where the phrase stands in the paper script: read by people alone",
    "about": "what the operators' page asks for before it confirms; decides nothing",
}
#: The same of whole places.
UNTOLD_PLACES: Mapping[tuple[str, ...], str] = {
    ("roles.toml", "label"): "how people call the role; the person is what counts",
    **dict.fromkeys(
        [("roles.toml", "crm_user"), ("roles.toml", "address"), ("roles.toml", "email")],
        "who fills a role is each deployment's own: its cases name the people where they should (persons)",
    ),
    ("vocabulary.toml", "derived", "label"): "a conclusion's name for explanations",
    ("rules.toml", "id"): "an entry's own name, told in explanations",
    ("outcomes.toml", "action", "id"): "an action's own name, part of its key alone",
}


def leaves(node: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every text, number and yes or no, with its place."""
    if isinstance(node, dict):
        for key, inner in node.items():
            yield from leaves(inner, (*place, key))
    elif isinstance(node, list):
        for index, inner in enumerate(node):
            yield from leaves(inner, (*place, index))
    else:
        yield place, node


def changed(value: Any) -> Any:
    """Another value of the same kind: a text with its last word gone, a term twice as long (or 1), the other answer."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value * 2 or 1
    words = value.rstrip().rsplit(" ", 1)
    return words[0] if len(words) > 1 else value + "x"


def reason(file: str, place: Place) -> str | None:
    """Why nothing can tell this change."""
    keys = [str(part) for part in place if isinstance(part, str)]
    if keys[-1] in UNTOLD:
        return UNTOLD[keys[-1]]
    for (name, *wanted), why in UNTOLD_PLACES.items():
        if file.endswith(name) and keys[-1] == wanted[-1] and all(one in keys for one in wanted):
            return why
    return None


def mutations(script: str) -> Iterator[tuple[str, str, Place, Any]]:
    """Every change: its name, the file, the place, the new value."""
    for file in ("roles.toml", *(f"{script}/{name}.toml" for name in ("script", "vocabulary", "rules", "outcomes"))):
        for place, value in leaves(CONTENT[file]):
            name = f"{file}: {'.'.join(map(str, place))}"
            yield name, file, place, changed(value)


def is_caught(content: Mapping[str, Any]) -> bool:
    """Whether form, proof or cases refuse these rules."""
    try:
        rulebook = Rulebook.from_content(content)
    except RulesError:
        return True
    try:
        if not all(result.ok for result in run_cases(rulebook)):
            return True
        return not prove(rulebook).ok
    except OptoutError:
        return True
    finally:
        rulebook.close()


def mutated(script: str, file: str, place: Place, value: Any) -> dict[str, Any]:
    """The script alone with one value changed."""
    ours = ("roles.toml", script)
    content = {name: copy.deepcopy(data) for name, data in CONTENT.items() if name.split("/")[0] in ours}
    node: Any = content[file]
    for part in place[:-1]:
        node = node[part]
    node[place[-1]] = value
    return content


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_value_is_reached_by_a_check_or_a_case_or_named_with_the_reason(script: str) -> None:
    missed = [
        name
        for name, file, place, value in mutations(script)
        if reason(file, place) is None and not is_caught(mutated(script, file, place, value))
    ]

    assert missed == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_swapped_labels_are_caught(script: str) -> None:
    rules = f"{script}/rules.toml"
    for index, question in enumerate(CONTENT[rules]["question"]):
        answers = question.get("answers", [])
        for one in range(len(answers) - 1):
            content = mutated(script, rules, ("question", index, "answers", one, "label"), answers[one + 1]["label"])
            content[rules]["question"][index]["answers"][one + 1]["label"] = answers[one]["label"]
            assert is_caught(content), f"{question['id']}: {answers[one]['label']}"


@pytest.mark.parametrize("script", SCRIPTS)
def test_swapped_people_are_caught_where_a_case_names_them(script: str) -> None:
    roles = CONTENT["roles.toml"]["role"]
    content = mutated(script, "roles.toml", ("role", "sms_manager"), roles["sms_manager"])
    case = next(case for case in content[f"{script}/cases.toml"]["case"] if "title" in case)
    reminded = {name: roles[name] for name in ("survey_coordinator", "sms_manager")}
    who = ((name, role["crm_user"], role["address"], role["email"]) for name, role in reminded.items())
    case["persons"] = [f"{name}: {user} <{address}> {mode}" for name, user, address, mode in who]
    assert not is_caught(content)
    content["roles.toml"]["role"] = roles | {
        "survey_coordinator": roles["sms_manager"],
        "sms_manager": roles["survey_coordinator"],
    }
    assert is_caught(content)


def test_without_a_change_nothing_is_caught() -> None:
    assert not is_caught(CONTENT)
