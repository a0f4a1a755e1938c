"""``optout rules backtest``: past calls decided again, nothing sent and nothing written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from plugin.cli.main import main
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.ledger.schema import metadata, revisions
from plugin.operations.backtest import REFUSED, UNFINISHED, Backtest, backtest
from plugin.operations.purge import Purge
from tests.plugin.authoring.inspection.support import SCRIPT, copied, edited, without_entry
from tests.plugin.cli.test_calls import PHONE, Home
from tests.plugin.events.support import (
    ALL,
    CALLS,
    HALF,
    NONE,
    ONLINE,
    OTHER_CLIENT,
    RULES,
    Office,
    at,
    edited_rules,
    office_at,
)
from tests.support.rules_folder import TINY

OUTCOMES = f"{SCRIPT}/outcomes.toml"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with office_at(tmp_path) as office:
        yield office


def _again(office: Office, candidate: Rulebook, **options: Any) -> Backtest:
    with office.ledger.read() as connection:
        return backtest(connection, candidate, **options)


def _changed(folder: Path, *edits: tuple[str, str, str]) -> Rulebook:
    copied(folder)
    for file, old, new in edits:
        edited(folder, file, old, new)
    return Rulebook.load(folder)


def _ended_otherwise(outcome: str) -> tuple[str, str, str]:
    """The client who changed their mind ends with this outcome instead."""
    rule = 'when = {{ point = "2.3" }}\noutcome = "{}"'
    return f"{SCRIPT}/rules.toml", rule.format("none"), rule.format(outcome)


def _take(office: Office, facts: dict[str, Any], call: str, **more: Any) -> None:
    office.taken(facts, call={"id": call}, **more)


def _told(result: Backtest) -> list[tuple[str, str, str, str]]:
    return [(past.call_id, past.old, past.new, past.what) for past in result.listed]


# --- nothing to tell -------------------------------------------------------------------------------


def test_an_empty_ledger_has_no_calls(office: Office) -> None:
    result = _again(office, Rulebook.load(RULES))
    assert (result.calls, result.different, result.listed) == (0, 0, [])


def test_the_same_rules_decide_every_call_the_same(office: Office) -> None:
    for number, facts in enumerate((CALLS, ONLINE, ALL, NONE, HALF, OTHER_CLIENT)):
        _take(office, facts, f"c-{number}")

    result = _again(office, Rulebook.load(RULES))

    assert (result.calls, result.different, result.refused, result.listed) == (6, 0, 0, [])


def test_calls_before_the_beginning_are_left_out(office: Office, tmp_path: Path) -> None:
    _take(office, CALLS, "c-1", occurred_at=at(-300))
    _take(office, CALLS, "c-2")

    result = _again(office, Rulebook.load(RULES), since=office.clock() - timedelta(hours=1))

    assert result.calls == 1


# --- what would differ -----------------------------------------------------------------------------


def test_another_outcome_is_told_with_both_sides(office: Office, tmp_path: Path) -> None:
    _take(office, NONE, "c-1")
    _take(office, CALLS, "c-2")
    candidate = _changed(
        tmp_path / "rules",
        (
            f"{SCRIPT}/rules.toml",
            'when = { point = "2.3" }\noutcome = "none"',
            'when = { point = "2.3" }\noutcome = "exclude_calls"',
        ),
    )

    result = _again(office, candidate)

    assert (result.calls, result.different) == (2, 1)
    assert _told(result) == [("c-1", "исключать не требуется", "исключить из звонков с опросом", "")]
    assert result.groups == {("исключать не требуется", "исключить из звонков с опросом", ""): 1}


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        (OUTCOMES, 'text = "Клиент просит исключить из звонков с опросом"', 'text = "Просит"', "текст"),
        (f"{SCRIPT}/script.toml", "due_in_hours = 24", "due_in_hours = 12", "срок"),
        (f"{SCRIPT}/script.toml", "email = true", "email = false", "письмо"),
        (f"{SCRIPT}/script.toml", 'subject = "ИСКЛЮЧИТЬ"', 'subject = "УБРАТЬ"', "тема"),
        (OUTCOMES, 'roles = ["survey_coordinator"]', 'roles = ["survey_coordinator", "sms_manager"]', "записей больше"),
    ],
)
def test_the_same_outcome_with_other_actions_says_what_is_other(
    office: Office, tmp_path: Path, file: str, old: str, new: str, what: str
) -> None:
    _take(office, CALLS, "c-1")

    result = _again(office, _changed(tmp_path / "rules", (file, old, new)))

    label = "исключить из звонков с опросом"
    assert _told(result) == [("c-1", label, label, what)]


def test_another_card_is_told_and_a_name_is_no_difference(office: Office, tmp_path: Path) -> None:
    _take(office, OTHER_CLIENT, "c-1")
    _take(office, OTHER_CLIENT | {"client_name": "Мария Иванова"}, "c-2")
    target = 'target = { name = "{fact.client_name}", phone = "{call.phone}" }'

    result = _again(office, _changed(tmp_path / "rules", (f"{SCRIPT}/rules.toml", target, "")))

    assert [what for *_, what in _told(result)] == ["другая карточка", "другая карточка"]


def test_a_closing_phrase_alone_changes_no_action(office: Office, tmp_path: Path) -> None:
    _take(office, CALLS, "c-1")
    say = 'в течение суток Ваш номер исключат из звонков с опросом"'

    result = _again(office, _changed(tmp_path / "rules", (OUTCOMES, say, 'до свидания"')))

    assert result.different == 0


def test_a_gap_of_the_new_rules_is_told(office: Office, tmp_path: Path) -> None:
    _take(office, NONE, "c-1")
    folder = copied(tmp_path / "rules")
    without_entry(folder, f"{SCRIPT}/rules.toml", '[[rule]]\nid = "2.3"')

    assert _told(_again(office, Rulebook.load(folder))) == [
        ("c-1", "исключать не требуется", "нет итога: ни одно правило не заканчивает разговор", "")
    ]


def test_all_events_of_a_call_are_merged_as_the_new_rules_merge_them(office: Office, tmp_path: Path) -> None:
    _take(office, CALLS, "c-1")
    _take(office, NONE, "c-1", occurred_at=at(5))

    result = _again(office, Rulebook.load(RULES))
    assert (result.calls, result.different) == (1, 0)

    shorter = _changed(
        tmp_path / "rules",
        (
            f"{SCRIPT}/rules.toml",
            'when = { point = "2.3" }\noutcome = "none"',
            'when = { point = "2.3" }\noutcome = "exclude_all"',
        ),
    )
    assert [old for _, old, *_ in _told(_again(office, shorter))] == ["исключать не требуется"]


def test_the_same_outcome_reported_with_another_name_is_no_difference(office: Office) -> None:
    facts = {"related_to_car": False, "is_client": False}
    _take(office, facts, "c-1")
    _take(office, facts | {"client_name": "Кто-то другой"}, "c-1", occurred_at=at(5))

    assert _again(office, Rulebook.load(RULES)).different == 0


def test_a_call_never_finished_may_be_finished_by_the_new_rules(office: Office, tmp_path: Path) -> None:
    _take(office, HALF, "c-1")
    folder = copied(tmp_path / "rules")
    edited(folder, f"{SCRIPT}/rules.toml", 'when = { section = "1" }', 'when = { section = "1", is_client = true }')
    edited(folder, f"{SCRIPT}/rules.toml", 'when = { point = "1" }', "when = { related_to_car = true }")

    assert _told(_again(office, Rulebook.load(folder))) == [("c-1", UNFINISHED, "исключить из звонков с опросом", "")]


# --- facts that do not fit -------------------------------------------------------------------------


def test_facts_that_the_new_rules_refuse_are_listed_as_such(office: Office, tmp_path: Path) -> None:
    _take(office, {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "calls_only"}, "c-1")
    _take(office, CALLS, "c-2")
    answer = '    { value = "calls_only", label = "Рассылки оставить, звонки исключить" },\n'

    result = _again(office, _changed(tmp_path / "rules", (f"{SCRIPT}/rules.toml", answer, "")))

    assert (result.different, result.refused) == (0, 1)
    (past,) = result.listed
    assert (past.call_id, past.new, past.refused) == ("c-1", REFUSED, True)
    assert past.what == "Ответ на предупреждение об исключении из рассылок: в вопросе нет ответа «calls_only»"


def test_a_script_that_the_new_rules_lack_is_listed_as_such(office: Office, tmp_path: Path) -> None:
    _take(office, CALLS, "c-1")

    result = _again(office, Rulebook.load(TINY))

    assert _told(result) == [("c-1", "исключить из звонков с опросом", REFUSED, f"нет скрипта {SCRIPT}")]


def test_what_a_person_said_is_not_repeated_when_it_is_refused(office: Office, tmp_path: Path) -> None:
    _take(office, OTHER_CLIENT, "c-1")
    folder = copied(tmp_path / "rules")
    edited(folder, f"{SCRIPT}/vocabulary.toml", 'type = "text"', 'type = "number"')

    (past,) = _again(office, Rulebook.load(folder)).listed

    assert past.refused
    assert past.what == "ФИО ответившего клиента: не подходит значение"


def test_fields_of_the_call_are_heard_as_far_as_the_ledger_holds_them(office: Office) -> None:
    _take(office, CALLS, "c-1")

    def hear(content: dict[str, Any]) -> None:
        facts = content[f"{SCRIPT}/vocabulary.toml"]["fact"]
        facts["who_called"] = {"type": "text", "label": "Оператор", "from": "call.operator"}
        facts["talk_seconds"] = {"type": "number", "label": "Длительность", "from": "call.duration"}
        for rule in content[f"{SCRIPT}/rules.toml"]["rule"]:
            if rule["id"] == "1":
                rule["when"]["who_called"] = {"contains": "petrova"}
        content.pop(f"{SCRIPT}/cases.toml", None)

    result = _again(office, edited_rules(hear))

    assert [new for _, _, new, _ in _told(result)] == ["нет итога: ни одно правило не заканчивает разговор"]
    assert list(result.unheard) == ["call.duration"]


# --- the rules of that day -------------------------------------------------------------------------


def test_each_call_is_compared_with_the_rules_of_its_day(office: Office, tmp_path: Path) -> None:
    comment = 'text = "Клиент просит исключить из звонков с опросом"'
    _take(office, CALLS, "c-1")
    office.rules.activate(_changed(tmp_path / "later", (OUTCOMES, comment, 'text = "Просит"')), "test", "later")
    _take(office, CALLS, "c-2")

    again = _changed(tmp_path / "candidate", (OUTCOMES, comment, 'text = "Просит"'))

    assert [call for call, *_ in _told(_again(office, again))] == ["c-1"]


def test_where_the_rules_of_that_day_cannot_be_read_only_outcomes_are_compared(office: Office, tmp_path: Path) -> None:
    _take(office, CALLS, "c-1")
    _take(office, NONE, "c-2")
    with office.ledger.write() as connection:
        connection.execute(update(revisions).values(content={"roles.toml": {}, "later/form.toml": {}}))
    candidate = _changed(
        tmp_path / "rules",
        (OUTCOMES, 'text = "Клиент просит исключить из звонков с опросом"', 'text = "Просит"'),
        (
            f"{SCRIPT}/rules.toml",
            'when = { point = "2.3" }\noutcome = "none"',
            'when = { point = "2.3" }\noutcome = "exclude_all"',
        ),
    )

    result = _again(office, candidate)

    assert result.outcomes_only == 1
    assert [(call, old) for call, old, *_ in _told(result)] == [("c-2", "none")]


def test_a_call_without_its_personal_data_is_not_decided_again_but_counted(office: Office) -> None:
    _take(office, OTHER_CLIENT, "c-1")
    office.deliver()
    office.clock.pass_(days=400)
    assert Purge(office.ledger, office.clock, timedelta(days=365)).step() == 1
    _take(office, CALLS, "c-2", occurred_at=office.clock().isoformat())

    result = _again(office, Rulebook.load(RULES))

    assert (result.calls, result.purged, result.different, result.refused) == (1, 1, 0, 0)


# --- limits and harm -------------------------------------------------------------------------------


def test_the_newest_calls_are_listed_and_all_are_counted(office: Office, tmp_path: Path) -> None:
    for number in range(5):
        _take(office, CALLS, f"c-{number}")
    comment = 'text = "Клиент просит исключить из звонков с опросом"'

    result = _again(office, _changed(tmp_path / "rules", (OUTCOMES, comment, 'text = "Просит"')), limit=2)

    assert result.different == 5
    assert [call for call, *_ in _told(result)] == ["c-4", "c-3"]
    assert sum(result.groups.values()) == 5


def test_nothing_is_written(office: Office, tmp_path: Path) -> None:
    for number, facts in enumerate((CALLS, NONE, HALF)):
        _take(office, facts, f"c-{number}")
    before = _everything(office)

    _again(office, _changed(tmp_path / "rules", _ended_otherwise("exclude_all")))

    assert _everything(office) == before


def _everything(office: Office) -> str:
    with office.ledger.read() as connection:
        rows = [str(connection.execute(select(table)).all()) for table in metadata.sorted_tables]
    return hashlib.sha256("".join(rows).encode()).hexdigest()


# --- the command -----------------------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.close()


def _run(home: Home, *arguments: str) -> int:
    return main(["--config", str(home.folder), "rules", "backtest", *arguments])


def test_without_a_ledger_it_is_bad_input(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(home) == 2
    assert "Журнала ещё нет" in capsys.readouterr().err
    assert not (home.folder / "ledger.db").exists()


@pytest.mark.parametrize("arguments", [("--since", "yesterday"), ("--limit", "-1"), ("0123abcd",)])
def test_what_it_cannot_understand_is_bad_input(
    home: Home, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    home.report("c-1")
    capsys.readouterr()
    assert _run(home, *arguments) == 2
    assert capsys.readouterr().out == ""


def test_it_says_when_there_were_no_calls(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.report("c-1", ago=timedelta(days=100))
    capsys.readouterr()
    assert _run(home) == 0
    assert capsys.readouterr().out == "За это время звонков в журнале нет.\n"


def test_it_says_when_nothing_would_differ(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    home.report("c-1")
    capsys.readouterr()
    assert _run(home, "active") == 0
    out = capsys.readouterr().out
    assert "1 звонок. Ничего не отправлено и не записано." in " ".join(out.split())
    assert "Ни один звонок не решился бы иначе." in out


def test_the_page_sums_up_and_lists_within_80_columns_with_phones_masked(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(3):
        home.report(f"a-call-with-a-rather-long-id-{number}")
    capsys.readouterr()
    folder = copied(tmp_path / "candidate")
    edited(folder, OUTCOMES, 'text = "Клиент просит исключить из звонков с опросом"', 'text = "Просит"')

    assert _run(home, str(folder), "--limit", "2") == 0

    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "Решились бы иначе: 3" in out
    assert "  3: исключить из звонков с опросом: текст" in out
    assert out.count("***4567") == 2
    assert PHONE not in out
    assert "… и ещё 1 звонок; все покажет --limit 0" in out


def test_json_holds_the_same_and_all_phones_on_request(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.report("c-1")
    capsys.readouterr()
    folder = copied(tmp_path / "candidate")
    edited(folder, OUTCOMES, 'text = "Клиент просит исключить из звонков с опросом"', 'text = "Просит"')

    assert _run(home, str(folder), "--json", "--full", "--limit", "0") == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["calls"], answer["different"], answer["refused"]) == (1, 1, 0)
    (past,) = answer["listed"]
    assert (past["call"], past["phone"], past["what"]) == ("c-1", PHONE, "текст")
    assert answer["groups"] == [
        {"old": past["old"], "new": past["new"], "what": "текст", "calls": 1},
    ]


def test_the_ledger_of_a_deployment_is_left_as_it_is(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home.report("c-1")
    capsys.readouterr()
    home.close()
    before = (home.folder / "ledger.db").read_bytes()

    assert _run(home) == 0

    assert (home.folder / "ledger.db").read_bytes() == before
