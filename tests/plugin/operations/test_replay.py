"""Deciding calls again: by the rules that are asked for, as events decide, and never twice."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from plugin.ledger.schema import decisions, revisions
from plugin.ledger.suppression import suppressions
from tests.plugin.events.support import ALL, CALLS, HALF, ONLINE, edited_rules
from tests.plugin.operations.harness import DO, Firm

TODAY = ("calls", "replay", "--rules-of", "today")
THAT_DAY = ("calls", "replay", "--rules-of", "that-day")


def all_at_once(content: dict[str, Any]) -> None:
    """Whoever refuses calls is taken out of everything."""
    for rule in content["survey_opt_out/rules.toml"]["rule"]:
        if rule["id"] == "1":
            rule["outcome"] = "exclude_all"


def without_all(content: dict[str, Any]) -> None:
    """Nobody is asked who refuses everything, and the fact of it is unknown."""
    vocabulary = content["survey_opt_out/vocabulary.toml"]["fact"]
    vocabulary["survey_type"]["values"] = ["calls", "online"]
    rules = content["survey_opt_out/rules.toml"]
    for question in rules["question"]:
        if question["fact"] == "survey_type":
            question["answers"] = [answer for answer in question["answers"] if answer["value"] != "all"]
    for table in ("question", "rule"):
        rules[table] = [one for one in rules[table] if (one.get("when") or {}).get("survey_type") != "all"]


def change_rules(firm: Firm, edit: Any) -> None:
    firm.office.rules.activate(edited_rules(edit), "admin", "a mistake in the rules")


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--rules-of", "today"), "Не сказано, какие звонки"),
        (("--rules-of", "today", "1", "--since", "24h"), "Номера и условия вместе"),
        (("--rules-of", "today", "c-99"), "не найден"),
        (("--rules-of", "yesterday", "1"), "that-day"),
        (("--rules-of", "today", "1", "--yes"), "--by: пусто"),
    ],
)
def test_what_cannot_be_meant_is_refused(firm: Firm, arguments: tuple[str, ...], said: str) -> None:
    firm.report("c-1")
    assert said in firm.refused("calls", "replay", *arguments)


def test_whose_rules_decide_has_to_be_said_where_nobody_can_be_asked(
    firm: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    firm.report("c-1")
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert "--rules-of today" in firm.refused("calls", "replay", "1")


def test_a_call_whose_rules_of_that_day_are_gone_is_left_alone(firm: Firm) -> None:
    firm.report("c-1")
    change_rules(firm, all_at_once)
    with firm.ledger.write() as connection:
        used = connection.execute(decisions.select()).first()
        assert used is not None
        connection.execute(update(revisions).where(revisions.c.revision == used.revision).values(content={"no": 1}))
    out = firm.out(*THAT_DAY, "1", *DO)
    assert "звонок № 1 (c-1): правил того дня нет" in out
    assert "не трогать: 1" in out
    assert "Менять нечего." in out


def test_a_call_that_todays_rules_do_not_end_keeps_its_decision(firm: Firm) -> None:
    firm.report("c-1", ALL)
    change_rules(firm, without_all)
    out = firm.out(*TODAY, "1", *DO)
    assert "разговор не закончен; остаётся прежнее решение" in " ".join(out.split())
    assert [row["outcome"] for row in firm.office.decisions()] == ["exclude_all"]
    assert set(firm.states()) == {"pending"}


def test_a_call_without_its_personal_data_is_left_alone(firm: Firm) -> None:
    firm.report("c-1")
    change_rules(firm, all_at_once)
    firm.change_calls(purged_at=firm.clock())
    assert "личные данные звонка удалены" in firm.out(*TODAY, "1", *DO)
    assert firm.json(*TODAY, "1")["problem"] == "личные данные звонка удалены"
    assert "звонков: 0" in firm.out(*TODAY, "--since", "24h")


# --- plan and act ----------------------------------------------------------------------------------


def test_the_same_rules_change_nothing(firm: Firm) -> None:
    firm.report("c-1")
    firm.report("c-2", ALL)
    firm.report("c-3", HALF)
    for rules_of in (TODAY, THAT_DAY):
        out = firm.out(*rules_of, "--since", "24h", *DO)
        assert "изменилось: 0, без изменений: 3" in out
        assert "Менять нечего." in out
    assert len(firm.office.decisions()) == 2
    assert firm.acts() == []


def test_the_plan_shows_what_would_change_and_changes_nothing(firm: Firm) -> None:
    firm.report("c-1")
    firm.report("c-2", ONLINE)
    change_rules(firm, all_at_once)
    out = firm.out(*TODAY, "--since", "24h")
    for shown in (
        *("Пересчёт сегодняшними правилами, звонков: 2", "изменится: 1, без изменений: 1, не трогать: 0"),
        *("Звонок № 1 (c-1): исключить из звонков с опросом →", "добавить: комментарий в карточку, напоминание × 2"),
        *("отменить, что не ушло: 3", "Это план"),
    ):
        assert shown in " ".join(out.split())
    assert len(firm.office.decisions()) == 2
    assert set(firm.states()) == {"pending"}
    assert firm.acts() == []


def test_a_replay_corrects_and_repeated_it_writes_nothing(either_firm: Firm) -> None:
    firm = either_firm
    firm.report("c-1")
    firm.office.deliver()
    change_rules(firm, all_at_once)
    done = firm.json(*TODAY, "c-1", *DO)
    assert (done["before"], done["after"], done["done"]) == ("exclude_calls", "exclude_all", True)
    assert firm.office.outcomes() == [(1, "exclude_calls"), (2, "exclude_all")]
    first, second = firm.office.decisions()
    assert second["event_ref"] is None
    assert second["revision"] != first["revision"]
    (call,) = firm.office.calls()
    assert (call["outcome"], call["decision_number"]) == ("exclude_all", 2)
    new = firm.office.deliveries(2)
    assert {row["kind"] for row in new} == {"comment", "reminder", "smtp_email", "withdrawal"}
    assert "Исправление" in new[0]["corrections"][0]["text"]
    count = len(firm.states())

    again = firm.json(*TODAY, "c-1", *DO)
    assert (again["changed"], again["done"]) == (False, False)
    assert len(firm.states()) == count
    assert len(firm.acts()) == 1


def test_an_event_that_comes_after_a_replay_writes_nothing_twice(firm: Firm) -> None:
    firm.report("c-1")
    change_rules(firm, all_at_once)
    firm.json(*TODAY, "1", *DO)
    count = len(firm.states())
    firm.clock.pass_(minutes=1)
    firm.report("c-1")
    assert len(firm.states()) == count


def test_a_wrong_replay_is_taken_back_by_the_rules_of_that_day(firm: Firm) -> None:
    firm.report("c-1")
    change_rules(firm, all_at_once)
    firm.json(*TODAY, "1", *DO)
    back = firm.json(*THAT_DAY, "1", *DO)
    assert (back["before"], back["after"]) == ("exclude_all", "exclude_calls")
    assert firm.json(*THAT_DAY, "1", *DO)["changed"] is False


def test_a_replay_is_on_record(firm: Firm) -> None:
    firm.report("c-1")
    change_rules(firm, all_at_once)
    firm.out(*TODAY, "1", *DO)
    (act,) = firm.acts()
    assert (act["act"], act["by"], act["why"], act["call_ref"]) == ("replay", "иванова", "CRM починили", 1)
    out = firm.out("calls", "show", "1")
    assert "пересчёт: exclude_calls → exclude_all" in out
    assert "иванова: CRM починили" in out


@pytest.mark.parametrize(
    ("arguments", "found"),
    [(("--since", "24h"), [2, 3]), (("--outcome", "exclude_calls"), [1, 2]), (("3", "c-1"), [3, 1])],
)
def test_calls_are_chosen_by_number_or_by_conditions(firm: Firm, arguments: tuple[str, ...], found: list[int]) -> None:
    firm.report("c-1", ago=timedelta(days=3))
    firm.report("c-2", CALLS)
    firm.report("c-3", ALL)
    shown = firm.out(*TODAY, *arguments, "--json").splitlines()
    assert [json.loads(line)["id"] for line in shown] == found


def test_answers_that_these_rules_do_not_know_are_named(firm: Firm) -> None:
    firm.report("c-1", HALF)
    firm.clock.pass_(minutes=1)
    firm.report("c-1", ALL)

    def forget(content: dict[str, Any]) -> None:
        without_all(content)
        all_at_once(content)

    change_rules(firm, forget)
    assert firm.json(*TODAY, "1")["problem"].startswith("по этим правилам разговор не закончен")


def test_a_replay_of_a_call_on_trial_sends_nothing(firm: Firm) -> None:
    crm, *others = firm.office.settings.sources
    trial = firm.office.with_settings(sources=(replace(crm, dry_run=True), *others))
    trial.taken(CALLS, occurred_at=firm.clock().isoformat())
    change_rules(firm, all_at_once)
    assert firm.json(*TODAY, "1", *DO)["after"] == "exclude_all"
    assert set(firm.states()) == {"cancelled"}
    assert "проба" in firm.out("calls", "list")


def test_what_the_rules_did_not_say_of_numbers_before_is_said_by_a_replay_once(firm: Firm) -> None:
    def silent(content: dict[str, Any]) -> None:
        for outcome in content["survey_opt_out/outcomes.toml"]["outcome"].values():
            outcome.pop("suppress", None)

    change_rules(firm, silent)
    firm.report("c-1", CALLS)
    firm.office.rules.activate(edited_rules(lambda content: None), "admin", "numbers")
    assert firm.office.rows(suppressions) == []
    firm.out(*TODAY, "1")
    assert firm.office.rows(suppressions) == []
    for _ in range(2):
        firm.out(*TODAY, "1", *DO)
        assert [(row["number"], row["scope"]) for row in firm.office.rows(suppressions)] == [("+79161234567", "calls")]
