"""What could not be proven is said: texts without an example, too many conversations, an engine too slow or wrong."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.large_script import write
from plugin.authoring.verification import CheckReport, ProofLimits, prove
from plugin.authoring.verification.against_engine import hold_against_engine
from plugin.authoring.verification.check_folder import examine_folder
from plugin.authoring.verification.engine_limits import check_size
from plugin.authoring.verification.findings import FaultNotes
from plugin.authoring.verification.logic import Logic
from plugin.authoring.verification.state_space import walk
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import build, read_folder
from tests.support.script import GOOD, proven, script

# --- what could not be proven ---------------------------------------------------------------------


def test_combinations_of_text_tests_without_an_example_are_not_passed_over() -> None:
    facts = {"words": {"type": "text", "label": "Слова"}}
    rules = [
        {"when": {"words": {"matches": "?"}}, "outcome": "nothing"},
        {"when": {"words": {"not_matches": "?"}}, "outcome": "call_back"},
        {"when": {"words": {"contains": "дорого"}}, "outcome": "call_back"},
    ]

    report = proven(script([{"fact": "words"}], rules, facts=facts))

    assert [fault.what for fault in report.unproven] == [
        "текст «Слова»: не проверено: не подходит под «?», не содержит «дорого»",
        "текст «Слова»: не проверено: подходит под «?», содержит «дорого»",
    ]


@pytest.mark.parametrize(
    "tests",
    [
        [{"contains": "дорог"}, {"contains": "очень дорого"}],
        [{"contains": "дорог"}, {"matches": "*дорого*сервис*"}],
        ["дорого", {"contains": "дорог"}],
        ["дорого", {"matches": "д*"}],
        [{"contains": ["Ещё дороже", "дорогой"]}, {"contains": ["доро", "цена"]}],
    ],
)
def test_combinations_that_no_text_can_have_are_not_asked_for(tests: list[Any]) -> None:
    rules = [{"when": {"words": test}, "outcome": "nothing"} for test in tests]

    assert proven(script([{"fact": "words"}], rules, facts={"words": {"type": "text"}})).unproven == ()


def test_too_many_tests_of_one_text_are_told() -> None:
    rules = [{"when": {"words": {"contains": f"слово{n}я"}}, "outcome": "nothing"} for n in range(12)]

    report = proven(script([{"fact": "words"}], rules, facts={"words": {"type": "text"}}))

    assert any("не все сочетания 12 условий" in fault.what for fault in report.unproven)


def _entangled(size: int) -> dict[str, Any]:
    """A script whose conversations all differ up to the last answer but one."""
    names = [f"f{number}" for number in range(size)]
    rules: list[dict[str, Any]] = [
        {"when": {first: value, second: not value}, "conclude": {"point": "1"}}
        for first, second in zip(names[: size // 2], names[size // 2 :], strict=True)
        for value in (True, False)
    ]
    rules += [
        {"when": {"point": "1", "last": {"known": True}}, "outcome": "nothing"},
        {"when": {names[0]: True, "last": True}, "outcome": "nothing"},
    ]
    return script([{"fact": name} for name in (*names, "last")], rules, point=["1"])


def test_conversations_without_number_are_counted_and_proven_where_they_go_on_alike() -> None:
    questions = [{"fact": f"f{number}"} for number in range(40)]
    rules = [{"when": {"f39": {"known": True}}, "outcome": "nothing"}]

    report = proven(script(questions, rules))

    assert (report.ok, report.unproven) == (True, ())
    assert report.scripts[0].conversations == 2**40


@pytest.mark.parametrize("limits", [{"states": 200}, {"seconds": 0.0}], ids=["states", "time"])
def test_conversations_too_many_to_be_taken_one_by_one_are_told_and_their_faults_still_found(
    limits: dict[str, Any],
) -> None:
    report = proven(_entangled(20), **({"seconds": 5.0} | limits))

    assert report.scripts[0].conversations is None
    assert any("разговоров слишком много, чтобы перебрать все" in fault.what for fault in report.unproven)
    if limits != {"seconds": 0.0}:
        assert any("ни одно правило не даёт итога" in fault.what for fault in report.faults)
        assert not any("не найдены" in fault.what for fault in report.unproven)


def test_rules_that_no_conversation_was_found_for_in_time_are_named() -> None:
    ticks = itertools.count()

    report = proven(_entangled(20), seconds=8.0, clock=lambda: float(next(ticks)))

    assert any("не найдены разговоры, в которых действуют «" in fault.what for fault in report.unproven)
    assert not any("не действует" in fault.what for fault in report.faults)


@pytest.mark.parametrize("entangled", [False, True], ids=["each answer by itself", "answers that hang together"])
def test_300_rules_and_40_facts_in_one_section_are_proven_or_said_not_to_be(entangled: bool, tmp_path: Path) -> None:
    reports: list[CheckReport] = []
    folder = write(tmp_path / "rules", entangled=entangled)
    examine_folder(
        folder, ProofLimits(seconds=1.0 if entangled else 30.0), lambda script, report, revision: reports.append(report)
    )

    assert (reports[-1].faults, reports[-1].warnings) == ((), ())
    assert bool(reports[-1].unproven) == entangled
    assert (reports[-1].scripts[0].rules, reports[-1].scripts[0].questions) == (300, 40)


# --- the engine -----------------------------------------------------------------------------------


def test_an_engine_that_decides_otherwise_is_a_fault() -> None:
    rulebook = Rulebook.load(GOOD)
    other = copy.deepcopy(dict(rulebook.content))
    other["tiny/rules.toml"]["rule"][0]["outcome"] = "call_back"
    wrong = Rulebook.from_content(other)
    decider = rulebook.scripts["tiny"]
    decider.decide = wrong.scripts["tiny"].decide  # type: ignore[method-assign]

    report = prove(rulebook)
    rulebook.close()
    wrong.close()

    assert [str(fault) for fault in report.faults] == [
        "tiny/rules.toml: разговор «Доволен: Да»: движок решает иначе: call_back вместо nothing — "
        "это ошибка плагина: сообщите её разработчику вместе с правилами"
    ]


def test_conversations_that_the_engine_had_no_time_for_are_counted() -> None:
    rulebook = Rulebook.load(GOOD)
    decider = rulebook.script("tiny")
    notes, ticks = FaultNotes(rulebook.content), itertools.count()

    hold_against_engine(
        decider,
        walk(Logic(decider.script), ProofLimits()),
        notes,
        ProofLimits(seconds=1.5, clock=lambda: float(next(ticks))),
    )
    rulebook.close()

    assert [fault.what for fault in notes.report().unproven] == ["с движком сверено только разговоров: 1"]


def test_more_conditions_than_the_engine_holds_are_told_at_the_rule() -> None:
    names = [f"f{number}" for number in range(17)]
    rules = [{"when": dict.fromkeys(names, True), "outcome": "nothing"}]

    content = script([{"fact": name} for name in names], rules)
    notes = FaultNotes(content)
    _, scripts = build(content)

    assert not check_size(scripts["tiny"], notes)
    (fault,) = notes.report().faults
    assert str(fault).startswith(
        "tiny/rules.toml: rule «r0», when: 17 условий; движок держит не больше 16 у одного правила"
    )


# --- stored content -------------------------------------------------------------------------------


@pytest.fixture
def stored() -> Iterator[Rulebook]:
    content = read_folder(GOOD)[0]
    content["tiny/rules.toml"]["rule"].pop(0)
    rulebook = Rulebook.from_content(content)
    yield rulebook
    rulebook.close()


def test_a_stored_revision_is_proven_without_lines_but_with_the_names_of_its_entries(stored: Rulebook) -> None:
    stored.content["tiny/rules.toml"]["rule"][0]["when"]["reason"] = {"known": True}

    report = prove(stored)

    assert [str(fault) for fault in report.faults] == [
        "tiny/rules.toml: разговор «Доволен: Да»: ни одно правило не даёт итога — "
        "допишите правило с outcome для этого разговора"
    ]
    assert str(report.warnings[0]).startswith("tiny/outcomes.toml: outcome, nothing: итог не даёт")


def test_a_report_goes_through_json_and_back(stored: Rulebook) -> None:
    report = prove(stored)

    assert report.faults
    assert CheckReport.from_json(report.to_json()) == report
