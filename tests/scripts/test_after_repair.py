"""A script of quite another kind works by its files alone: facts, questions, actions, checks, tables and events.

It asks for numbers, times and free words, hears fields of the call, and reminds other people in other terms.
"""

from __future__ import annotations

import csv
import json
import shutil
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from plugin.authoring.verification import ProofLimits, prove
from plugin.authoring.verification.cases import coverage, run_cases
from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Decider, Rulebook
from plugin.deciding.decision.conversations import conversations
from plugin.deciding.ruleset import read_folder
from plugin.errors import BadFacts, RulesError
from tests.plugin.events.support import CALLS, Office, at, call_result, office_at
from tests.test_structure import CONNECTORS, PLUGIN, mentions, names_in, texts_of_the_rules

SHIPPED = Path(__file__).parents[2] / "rules"
RULES = Path(__file__).parent / "rules"
SCRIPT = "after_repair"

GOOD = {"can_talk_now": True, "is_satisfied": True}
BAD = {"can_talk_now": True, "is_satisfied": False}
LATER = {"can_talk_now": False}

#: What was heard → how it ends («? fact»: what is asked next). Written by hand from what the script is to do.
ENDS: list[tuple[dict[str, Any], str]] = [
    ({}, "? can_talk_now"),
    (LATER, "? call_back_at"),
    (LATER | {"call_back_at": "2026-11-23T15:00:00+03:00"}, "repair_call_back"),
    (LATER | {"call_back_at": "2026-12-30T23:59:59+03:00"}, "repair_call_back"),
    (LATER | {"call_back_at": "2026-12-31T00:00:00+03:00"}, "repair_call_back_later"),
    (LATER | {"call_back_at": "2026-12-30T21:00:00+00:00"}, "repair_call_back_later"),
    (LATER | {"call_back_at": "2027-01-08T23:59:59+03:00"}, "repair_call_back_later"),
    (LATER | {"call_back_at": "2027-01-09T00:00:00+03:00"}, "repair_call_back"),
    ({"can_talk_now": True}, "? is_satisfied"),
    (GOOD, "? repair_mark"),
    (GOOD | {"repair_mark": 10}, "repair_praised"),
    (GOOD | {"repair_mark": 9.0}, "repair_praised"),
    (GOOD | {"repair_mark": 8.99}, "repair_fine"),
    (GOOD | {"repair_mark": 7}, "repair_fine"),
    (GOOD | {"repair_mark": 6.5}, "? repair_complaint"),
    (GOOD | {"repair_mark": 0, "repair_complaint": "ценник"}, "repair_too_dear"),
    (BAD, "? repair_complaint"),
    (BAD | {"talk_seconds": 15}, "? repair_complaint"),
    (BAD | {"talk_seconds": 14}, "repair_hung_up"),
    (BAD | {"talk_seconds": 14, "repair_complaint": "дорого"}, "repair_hung_up"),
    (BAD | {"repair_complaint": "Тормоза скрипят"}, "repair_unsafe"),
    (BAD | {"repair_complaint": "дымит и дорого"}, "repair_unsafe"),
    (BAD | {"repair_complaint": "утром не заводилась"}, "repair_unsafe"),
    (BAD | {"repair_complaint": "СЧЕТ вдвое больше"}, "repair_too_dear"),
    (BAD | {"repair_complaint": "грубили"}, "repair_bad"),
    (BAD | {"repair_complaint": "грубили", "repaired_on": "2026-07-01"}, "repair_bad"),
    (BAD | {"repair_complaint": "грубили", "repaired_on": "2026-06-30"}, "repair_bad_old_terms"),
    (BAD | {"repair_complaint": "дорого", "repaired_on": "2026-06-30"}, "repair_too_dear"),
]


@pytest.fixture(scope="module")
def rulebook() -> Iterator[Rulebook]:
    rulebook = Rulebook.load(RULES)
    yield rulebook
    rulebook.close()


@pytest.fixture(scope="module")
def script(rulebook: Rulebook) -> Decider:
    return rulebook.script(SCRIPT)


@pytest.fixture(scope="module")
def both_scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One rules folder, as an admin makes it: the shipped scripts and this one beside them, its roles added."""
    folder = tmp_path_factory.mktemp("both") / "rules"
    shutil.copytree(SHIPPED, folder)
    shutil.copytree(RULES / SCRIPT, folder / SCRIPT)
    with open(folder / "roles.toml", "a", encoding="utf-8") as roles:
        roles.write("\n" + (RULES / "roles.toml").read_text(encoding="utf-8"))
    return folder


@pytest.fixture(scope="module")
def joined(both_scripts: Path) -> Iterator[Rulebook]:
    rulebook = Rulebook.load(both_scripts)
    yield rulebook
    rulebook.close()


@pytest.fixture
def office(tmp_path: Path, joined: Rulebook) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        office.rules.activate(joined, "test", "a second kind of call")
        yield office


# --- facts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fact", "given", "allowed"),
    [
        ("repair_mark", 11, "a number from 0 to 10"),
        ("repair_mark", -1, "a number from 0 to 10"),
        ("repair_mark", "9", "a number from 0 to 10"),
        ("repair_mark", True, "a number from 0 to 10"),
        ("call_back_at", "2026-11-23", "a time, 2026-11-22T10:15:00+03:00 from 2026-01-01T00:00:00+03:00"),
        ("call_back_at", "2026-11-23T15:00:00", "a time, 2026-11-22T10:15:00+03:00 from 2026-01-01T00:00:00+03:00"),
        ("call_back_at", "2025-11-23T15:00:00Z", "a time, 2026-11-22T10:15:00+03:00 from 2026-01-01T00:00:00+03:00"),
        ("repaired_on", "1 июля", "a date, 2026-11-22"),
        ("talk_seconds", -3, "a number from 0"),
        ("repair_complaint", 5, "text of 1 to 500 characters, not blank, without control characters"),
        ("is_satisfied", "да", "true, false"),
    ],
)
def test_a_fact_of_the_wrong_kind_is_named_with_what_is_allowed(
    script: Decider, fact: str, given: object, allowed: str
) -> None:
    with pytest.raises(BadFacts) as refused:
        script.type_facts({fact: given})
    (error,) = refused.value.errors
    assert (error.field, error.allowed) == (fact, allowed)


def test_without_its_roles_the_folder_says_which_are_missing(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(SHIPPED, folder)
    shutil.copytree(RULES / SCRIPT, folder / SCRIPT)
    with pytest.raises(RulesError) as refused:
        Rulebook.load(folder)
    faults = {str(fault) for fault in refused.value.faults}
    for role in ("service_manager", "quality_engineer", "call_planner"):
        assert any(f"неизвестная роль «{role}»" in fault for fault in faults)


@pytest.mark.parametrize(("facts", "end"), ENDS, ids=lambda value: json.dumps(value, ensure_ascii=False)[:70])
def test_what_was_heard_ends_as_it_should(script: Decider, facts: dict[str, Any], end: str) -> None:
    decision = script.decide(script.type_facts(facts))
    assert (decision.outcome or f"? {decision.next.fact if decision.next else None}") == end


def test_the_same_facts_decide_from_the_command_line_by_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.dumps(BAD | {"talk_seconds": 14})
    assert main(["decide", "--rules", str(RULES), "--script", SCRIPT, "--facts", facts]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "repair_hung_up"
    wrong = json.dumps({"talk_seconds": "14"})
    assert main(["decide", "--rules", str(RULES), "--script", SCRIPT, "--facts", wrong]) == 2
    assert capsys.readouterr().err == 'optout: talk_seconds: given "14", allowed: a number from 0\n'


# --- questions and actions ---------------------------------------------------------------------------


def test_a_question_without_ready_answers_is_asked_with_none(script: Decider) -> None:
    for facts, fact in ((LATER, "call_back_at"), (GOOD, "repair_mark"), (BAD, "repair_complaint")):
        question = script.decide(facts).next
        assert question is not None
        assert (question.fact, question.answers) == (fact, ())
        assert question.say


def test_one_fact_is_asked_for_in_the_words_that_fit_the_conversation(script: Decider) -> None:
    low, angry = (script.decide(facts).next for facts in (GOOD | {"repair_mark": 3}, BAD | {"talk_seconds": 60}))
    assert low is not None
    assert angry is not None
    assert low.fact == angry.fact
    assert low.say != angry.say


def test_reminders_go_to_other_people_about_other_things_in_other_terms(script: Decider) -> None:
    def reminders(facts: dict[str, Any]) -> list[tuple[str | None, str | None, int | None, bool]]:
        actions = script.decide(facts).actions
        return [(a.role, a.subject, a.due_in_hours, a.email) for a in actions if a.kind == "reminder"]

    assert reminders(BAD | {"repair_complaint": "тормоза"}) == [
        ("service_manager", "СРОЧНО: НЕИСПРАВНОСТЬ", 2, True),
        ("quality_engineer", "СРОЧНО: НЕИСПРАВНОСТЬ", 2, True),
    ]
    assert reminders(BAD | {"repair_complaint": "дорого"}) == [("service_manager", "ПОСЛЕ РЕМОНТА", 48, False)]
    assert reminders(BAD | {"talk_seconds": 3}) == [("service_manager", "ПОСЛЕ РЕМОНТА", 4, True)]
    assert reminders(LATER | {"call_back_at": "2026-12-01T12:00:00+03:00"}) == [
        ("call_planner", "ПЕРЕЗВОНИТЬ", 48, True)
    ]
    assert reminders(GOOD | {"repair_mark": 9}) == []


def test_numbers_times_and_words_stand_in_the_texts_as_people_write_them(script: Decider) -> None:
    mark = script.decide(GOOD | {"repair_mark": 8.5}).actions[0].text
    later = script.decide(LATER | {"call_back_at": "2026-11-23T15:00:00+03:00"}).actions[0].text
    old = script.decide(BAD | {"repair_complaint": "Поцарапали", "repaired_on": "2026-06-30"}).actions[0].text
    assert mark == "Клиент в целом доволен ремонтом, оценка 8,5"
    assert later.splitlines()[0] == "Перезвонить клиенту: 23.11.2026 15:00 (UTC+03:00)."
    assert old == "Клиент жалуется на качество ремонта от 30.06.2026: «Поцарапали»"


# --- checked, tried, shown ---------------------------------------------------------------------------


def test_every_case_of_the_script_holds_and_none_of_its_rules_is_left_out(rulebook: Rulebook) -> None:
    results = run_cases(rulebook)
    assert [str(result) for result in results if not result.ok] == []
    left = coverage(rulebook, results)
    assert (left.rules.missed, left.questions.missed, left.outcomes.missed) == ((), (), ())


def test_every_conversation_ends_once_whatever_the_call_brings_along(script: Decider) -> None:
    ends = [conversation.decision for conversation in conversations(script)]
    assert {decision.outcome for decision in ends if decision} == script.script.outcomes.keys()
    assert len(ends) == 372


def test_everything_is_proven_of_it_and_nothing_is_to_be_warned_of(rulebook: Rulebook) -> None:
    report = prove(rulebook, limits=ProofLimits(seconds=60))
    assert (report.faults, report.warnings, report.unproven) == ((), (), ())
    (size,) = report.scripts
    assert (size.questions, size.rules, size.outcomes, size.conversations) == (7, 23, 9, 372)


def test_the_check_passes_it_beside_the_shipped_scripts(both_scripts: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "check", str(both_scripts)]) == 0
    told = capsys.readouterr().out.splitlines()
    assert f"{SCRIPT}: вопросов 7, правил 23, итогов 9, разговоров 372" in told
    assert told[-1].startswith("Итого скриптов: 3; ошибок нет")


def test_the_command_that_runs_the_cases_runs_those_of_every_script(
    both_scripts: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rules", "test", str(both_scripts)]) == 0
    assert "не сошлось: 0" in capsys.readouterr().out


def test_the_table_tells_numbers_times_and_words_by_what_tells_them_apart(script: Decider, tmp_path: Path) -> None:
    table = tmp_path / "repair.csv"
    assert main(["rules", "table", str(RULES), "--csv", str(table)]) == 0
    with open(table, encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert {row["Итог (имя)"] for row in rows} == script.script.outcomes.keys()
    assert {row["Оценка от 0 до 10"] for row in rows} >= {"меньше 7"}
    (unsafe, *_) = (row for row in rows if row["Итог (имя)"] == "repair_unsafe")
    assert (unsafe["Тема"], unsafe["Срок, ч"]) == ("СРОЧНО: НЕИСПРАВНОСТЬ", "2")
    assert unsafe["Кому напоминание"] == "Руководитель сервиса, Инженер по качеству"


def test_the_conversation_is_drawn(tmp_path: Path) -> None:
    drawing = tmp_path / "repair.svg"
    assert main(["rules", "graph", str(RULES), "--script", SCRIPT, "--out", str(drawing)]) == 0
    assert "Довольны ли Вы ремонтом?" in " ".join(" ".join(ElementTree.parse(drawing).getroot().itertext()).split())


def test_a_past_call_is_explained_by_what_it_brought_along(capsys: pytest.CaptureFixture[str]) -> None:
    facts = json.dumps(BAD | {"talk_seconds": 15, "repair_complaint": "грубили"})
    assert main(["rules", "explain", "--rules", str(RULES), "--script", SCRIPT, "--facts", facts]) == 0
    told = capsys.readouterr().out
    assert "Итог: repair_bad" in told
    assert "talk_seconds = { less_than = 15 }" in told


def test_a_gap_between_two_marks_is_shown_as_the_conversation_that_meets_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "rules"
    shutil.copytree(RULES, folder)
    rules = folder / SCRIPT / "rules.toml"
    text = rules.read_text(encoding="utf-8")
    assert text.count("repair_mark = { at_least = 9 }") == 1
    rules.write_text(
        text.replace("repair_mark = { at_least = 9 }", "repair_mark = { more_than = 9 }"), encoding="utf-8"
    )
    assert main(["rules", "check", str(folder)]) == 2
    told = capsys.readouterr().out
    assert "Оценка от 0 до 10: 9»: ни одно правило не даёт итога" in told
    assert f"{SCRIPT}/rules.toml:" in told


# --- events ------------------------------------------------------------------------------------------


def repair_call(facts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return call_result(facts, script=SCRIPT, **changes)


def test_the_answers_of_another_script_are_unknown_facts(office: Office) -> None:
    answer = office.send(repair_call(CALLS))
    assert answer.status == 422
    assert set(answer.body["error"]["fields"]) == {"facts.related_to_car", "facts.survey_type"}


def test_a_call_begun_by_one_script_does_not_go_on_by_another(office: Office) -> None:
    office.taken(CALLS)
    answer = office.send(repair_call(BAD, occurred_at=at(1)))
    assert list(answer.body["error"]["fields"]) == ["script"]


def test_a_field_of_the_call_is_refused_in_the_script_that_hears_it_alone(office: Office) -> None:
    call = {"id": "c-78", "duration": "long"}
    assert list(office.send(repair_call(BAD, call=call)).body["error"]["fields"]) == ["call.duration"]
    body = office.taken(CALLS, call=call)
    assert body["warnings"] == ["unknown key call.duration is ignored"]


def test_each_event_is_decided_by_the_script_that_it_names(office: Office) -> None:
    office.taken(CALLS, call={"id": "c-1"})
    office.taken(GOOD | {"repair_mark": 10}, script=SCRIPT, call={"id": "c-2"})
    office.taken({"asks_for_own_card": True, "wanted_again": "calls"}, script="survey_opt_in", call={"id": "c-3"})
    assert [(row["script"], row["outcome"]) for row in office.calls()] == [
        ("survey_opt_out", "exclude_calls"),
        (SCRIPT, "repair_praised"),
        ("survey_opt_in", "include_calls"),
    ]


def test_a_dangerous_fault_ends_in_a_comment_and_urgent_reminders_mailed_as_each_role_wants(office: Office) -> None:
    facts = BAD | {"repair_complaint": "Дымит из-под капота"}
    office.taken(facts, script=SCRIPT, call={"duration": 61}, card={"repaired_on": "2026-11-20"})
    assert office.planned() == [
        ("comment", None),
        ("reminder", "service_manager"),
        ("smtp_email", "service_manager"),
        ("reminder", "quality_engineer"),
        ("smtp_email", "quality_engineer"),
        ("crm_email", "quality_engineer"),
    ]
    comment, reminder, *_ = office.deliveries()
    assert comment["text"].startswith("ОПАСНО: клиент сообщает о неисправности после ремонта: «Дымит из-под капота»")
    assert reminder["subject"] == "СРОЧНО: НЕИСПРАВНОСТЬ"
    assert reminder["due_at"] - office.call()["first_occurred_at"] == timedelta(hours=2)
    assert office.call()["deadline_at"] - office.call()["first_occurred_at"] == timedelta(hours=48)
    lines = reminder["text"].splitlines()
    assert "Дата ремонта: 20.11.2026" in lines
    assert "Звонок: 22.11.2026 10:15 (МСК), длился 61 с" in lines
    assert not any(line.startswith("Оценка") for line in lines)


def test_events_of_one_call_merge_and_a_new_mark_corrects_what_was_written(office: Office) -> None:
    office.taken({"can_talk_now": True}, script=SCRIPT)
    office.taken({"is_satisfied": True, "repair_mark": 3}, script=SCRIPT, occurred_at=at(1))
    office.taken({"repair_complaint": "Дорого"}, script=None, occurred_at=at(2))
    office.deliver()
    office.taken({"repair_mark": 8}, script=SCRIPT, occurred_at=at(3))
    assert office.outcomes() == [(1, "repair_too_dear"), (2, "repair_fine")]
    comment, withdrawal = (row for row in office.deliveries(2) if row["kind"] in ("comment", "withdrawal"))
    line = "Исправление: прежняя запись по этому звонку («жалоба на цену») отменена."
    assert [one["text"] for one in comment["corrections"]] == [line]
    assert "новый итог — «доволен, оценка 7–8»" in withdrawal["text"]


def test_a_length_told_later_corrects_the_decision_and_keeps_the_answers(office: Office) -> None:
    office.taken(BAD | {"repair_complaint": "грубили"}, script=SCRIPT, call={"duration": 60})
    office.taken(BAD, script=SCRIPT, call={"duration": 5}, occurred_at=at(1))
    office.taken(BAD, script=SCRIPT, call={"duration": 65}, occurred_at=at(2))
    assert office.outcomes() == [(1, "repair_bad"), (2, "repair_hung_up"), (3, "repair_bad")]


def test_a_call_that_broke_off_is_left_to_the_planner_by_the_crms_own_mail(office: Office) -> None:
    office.taken({"can_talk_now": True}, script=SCRIPT, call={"duration": 12}, final=True)
    assert office.planned() == [("reminder", "call_planner"), ("crm_email", "call_planner")]
    reminder = office.deliveries()[0]
    assert reminder["subject"] == "Звонок после ремонта не завершён"
    assert "длился 12 с" in reminder["text"]


# --- no word of it in the code -----------------------------------------------------------------------


@pytest.mark.slow
def test_no_python_names_anything_of_the_script_nor_holds_a_phrase_of_it() -> None:
    unwanted = names_in(RULES)
    assert {"after_repair", "repair_mark", "talk_seconds", "call_planner", "repair_unsafe"} <= unwanted
    assert mentions(PLUGIN + CONNECTORS, unwanted) == []
    files = [tomllib.loads(file.read_text(encoding="utf-8")) for file in RULES.rglob("*.toml")]
    lines = {line for data in files for text in texts_of_the_rules(data) for line in text.splitlines()}
    phrases = {line for line in lines if len(line) > 8 and "{" not in line}
    assert len(phrases) > 20
    assert mentions(PLUGIN + CONNECTORS, phrases) == []


def test_the_shipped_rules_know_nothing_of_it() -> None:
    assert not any(name.startswith(SCRIPT) for name in read_folder(SHIPPED)[0])
