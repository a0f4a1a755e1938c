"""What publishing would come to: a yes is wanted where calls would stay unfinished, or something would not be done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from plugin.authoring.revisions.candidate import RulesCandidate, publish_candidate
from plugin.authoring.revisions.copy_base import CopyBase
from plugin.authoring.revisions.working_copy import rule_texts
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.operations.outlook import RulesOutlook, outlook
from tests.plugin.authoring.inspection.support import SCRIPT, copied, edited
from tests.plugin.events.support import CALLS, NONE, RULES, Office, office_at

QUESTION = """
[[question]]
id = "1-reason"
paragraph = "1"
when = { survey_type = "calls" }
fact = "reason"
hint = "Причина"
answers = [{ value = "often", label = "Часто" }, { value = "other", label = "Другое" }]
"""
FACT = '\n[fact.reason]\ntype = "choice"\nvalues = ["often", "other"]\nlabel = "Причина"\n'


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        yield office


def seen(office: Office, folder: Path, *, days_later: int = 0) -> RulesOutlook:
    with office.ledger.read() as connection:
        candidate = publish_candidate(connection, rule_texts(folder), CopyBase("r", rule_texts(RULES)))
    with closing(Rulebook.load(folder)) as rulebook:
        return outlook(office.ledger, candidate, rulebook, now=office.clock() + timedelta(days=days_later))


def with_a_question(folder: Path) -> Path:
    copied(folder)
    rules, facts = folder / SCRIPT / "rules.toml", folder / SCRIPT / "vocabulary.toml"
    rules.write_text(rules.read_text(encoding="utf-8") + QUESTION, encoding="utf-8")
    facts.write_text(facts.read_text(encoding="utf-8") + FACT, encoding="utf-8")
    edited(
        folder, f"{SCRIPT}/rules.toml", 'when = { point = "1" }', 'when = { point = "1", reason = { known = true } }'
    )
    return folder


def test_calls_that_would_stay_unfinished_want_a_yes(office: Office, tmp_path: Path) -> None:
    office.taken(CALLS, call={"id": "c-1"})
    office.taken(NONE, call={"id": "c-2"})
    found = seen(office, with_a_question(tmp_path / "new"))
    assert found.backtest is not None
    assert (found.backtest.calls, found.backtest.different) == (2, 1)
    assert "Звонков за 30 дней, которые стали бы «не завершён»: 1" in found.demands


def test_calls_of_more_than_thirty_days_ago_are_not_asked(office: Office, tmp_path: Path) -> None:
    office.taken(CALLS, call={"id": "c-1"})
    found = seen(office, with_a_question(tmp_path / "new"), days_later=40)
    assert found.backtest is not None
    assert found.backtest.calls == 0
    assert found.demands == ()


def test_answers_that_would_be_refused_want_a_yes(office: Office, tmp_path: Path) -> None:
    office.taken(CALLS, call={"id": "c-1"})
    copied(tmp_path / "new")
    edited(tmp_path / "new", f"{SCRIPT}/vocabulary.toml", "[fact.client_name]", "[fact.name]")
    rules = tmp_path / "new" / SCRIPT / "rules.toml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("client_name", "name"), encoding="utf-8")
    script = tmp_path / "new" / SCRIPT / "script.toml"
    script.write_text(script.read_text(encoding="utf-8").replace("fact.client_name", "fact.name"), encoding="utf-8")
    office.taken({"related_to_car": False, "is_client": True, "client_name": "Иванова Анна"}, call={"id": "c-2"})
    found = seen(office, tmp_path / "new")
    assert any("новые правила не принимают: 1" in demand for demand in found.demands)


def test_a_recipient_who_is_no_longer_reminded_wants_a_yes_and_another_text_does_not(
    office: Office, tmp_path: Path
) -> None:
    copied(tmp_path / "new")
    edited(tmp_path / "new", f"{SCRIPT}/outcomes.toml", "Исключить клиента из звонков с опросом.", "Исключить.")
    assert seen(office, tmp_path / "new").demands == ()
    copied(tmp_path / "fewer")
    outcomes = tmp_path / "fewer" / SCRIPT / "outcomes.toml"
    text = outcomes.read_text(encoding="utf-8")
    outcomes.write_text(
        text.replace('["survey_coordinator", "sms_manager"]', '["survey_coordinator"]', 1), encoding="utf-8"
    )
    (demand,) = seen(office, tmp_path / "fewer").demands
    assert demand.startswith("Пропадёт: Координатор опросов, СМС-менеджер")


def test_a_script_that_is_gone_wants_a_yes(office: Office, tmp_path: Path) -> None:
    copied(tmp_path / "new")
    for file in (tmp_path / "new" / "survey_opt_in").iterdir():
        file.unlink()
    (tmp_path / "new" / "survey_opt_in").rmdir()
    assert "Скрипта survey_opt_in больше не будет" in seen(office, tmp_path / "new").demands


def test_where_nothing_is_active_there_is_nothing_to_compare(office: Office) -> None:
    candidate = RulesCandidate(publish_candidate(None, {}, CopyBase(None, None)).kind, rule_texts(RULES), None, None)
    with closing(Rulebook.load(RULES)) as rulebook:
        assert outlook(office.ledger, candidate, rulebook, now=office.clock()) == RulesOutlook(None, None, ())


def test_people_who_get_what_was_anothers_want_a_yes_and_new_people_do_not(office: Office, tmp_path: Path) -> None:
    copied(tmp_path / "new")
    edited(tmp_path / "new", "roles.toml", "sms.manager@example.org", "new@example.org")
    assert seen(office, tmp_path / "new").demands == ()
    copied(tmp_path / "swapped")
    roles = tmp_path / "swapped" / "roles.toml"
    text = roles.read_text(encoding="utf-8").replace("sms.manager@", "x@").replace("coordinator@", "sms.manager@")
    roles.write_text(text.replace("x@", "coordinator@"), encoding="utf-8")
    assert seen(office, tmp_path / "swapped").demands == (
        "Координатор опросов: напоминания пойдут на sms.manager@example.org, а сейчас это адрес роли «СМС-менеджер»",
        "СМС-менеджер: напоминания пойдут на coordinator@example.org, а сейчас это адрес роли «Координатор опросов»",
    )


def test_the_crm_user_of_another_role_wants_a_yes_too(office: Office, tmp_path: Path) -> None:
    copied(tmp_path / "new")
    edited(tmp_path / "new", "roles.toml", 'crm_user = "coordinator"', 'crm_user = "sms.manager"')
    assert seen(office, tmp_path / "new").demands == (
        "Координатор опросов: напоминания пойдут пользователю CRM sms.manager, а сейчас это пользователь роли "
        "«СМС-менеджер»",
    )
