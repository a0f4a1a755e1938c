"""How scripts are used: counted over trails, told in Russian within 80 columns, and anonymous after a purge."""

from __future__ import annotations

import json
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert, update

from plugin.authoring.revisions.active import ActiveRules
from plugin.authoring.verification.cases import run_case
from plugin.cli.format.script import page
from plugin.cli.main import main
from plugin.deciding.ruleset import Script
from plugin.deciding.ruleset.cases import build_cases
from plugin.deciding.ruleset.faults import Faults
from plugin.ledger.schema import calls
from plugin.ledger.trails import trails
from plugin.operations.purge import Purge
from plugin.operator_page.missing_answers import draft_case
from plugin.operator_page.usage_report import ScriptUse, use_of_scripts
from tests.plugin.operator_page.pages import SCRIPT, PageHarness
from tests.plugin.web.harness import PLUGIN_TOML


def script_of(rules: ActiveRules, revision: str, name: str) -> Script | None:
    return rules.at(revision).script(name).script


def used(pages: PageHarness, **chosen: object) -> list[ScriptUse]:
    with pages.ledger.read() as connection:
        return use_of_scripts(connection, lambda *names: script_of(pages.rules, *names), **chosen)  # type: ignore[arg-type]


@pytest.fixture
def busy(pages: PageHarness) -> PageHarness:
    """Four calls: one confirmed after a step back, one by name, one handed over, one left open."""

    def answered(fact: str, value: object, question: str, seconds: float) -> dict[str, object]:
        asked = pages.clock().isoformat()
        pages.clock.forward(seconds=seconds)
        return {
            **{"kind": "answer", "q": question, "fact": fact, "value": value, "words": "…"},
            **{"asked": asked, "at": pages.clock().isoformat()},
        }

    first = [
        answered("related_to_car", False, "who-answered", 4),
        pages.entry("back", fact="related_to_car"),
        answered("related_to_car", True, "who-answered", 6),
        answered("survey_type", "calls", "section-1-kind", 30),
        pages.entry("note", fact=None, text="Иванов просил не звонить"),
        pages.entry("confirmed", event="e-1", outcome="exclude_calls"),
    ]
    second = [
        answered("related_to_car", False, "who-answered", 8),
        answered("is_client", True, "section-2-client", 5),
        answered("client_name", "Иванова Анна", "section-2-name", 12),
    ]
    third = [
        answered("related_to_car", True, "who-answered", 3600),
        pages.entry("other", q="section-1-kind", fact="survey_type", text="Звоните +79161234567 вечером"),
        pages.entry("unfinished", event="e-3", why="by_hand"),
    ]
    for number, entries in enumerate((first, second, third, []), 1):
        call = pages.call(f"c-{number}", phone=f"+7916123456{number}", card=None)
        pages.sessions.save(call, SCRIPT, pages.saving(1, *entries))
    return pages


def test_branches_ends_times_steps_back_and_remarks_are_counted(busy: PageHarness) -> None:
    (use,) = used(busy)

    assert (use.calls, use.handed_over, use.broken_off, use.open) == (4, 1, 0, 2)
    assert dict(use.outcomes) == {"исключить из звонков с опросом": 1}
    who = use.questions["who-answered"]
    assert dict(who.answers) == {"Да, имеет отношение": 2, "Нет, не имеет отношения": 1}
    # An hour at one question is no time that the question took.
    assert (who.median_seconds, who.backs) == (6.0, 1)
    assert dict(use.questions["section-2-name"].answers) == {"вписан ответ": 1}
    assert [remark.text for remark in use.questions["section-1-kind"].remarks] == ["Звоните +79161234567 вечером"]


def test_each_remark_names_its_call_its_operator_and_the_answers_before_it(busy: PageHarness) -> None:
    (remark,) = used(busy)[0].questions["section-1-kind"].remarks
    (number,) = (call["id"] for call in busy.calls if call["call_id"] == "c-3")
    told = remark.to_json()
    assert (told["number"], told["call"], told["operator"]) == (number, "c-3", "ivanova")
    assert told["answers"] == [{"fact": "related_to_car", "value": True, "words": "Да, имеет отношение"}]
    shown = " ".join(page(used(busy)[0], busy.settings.timezone).split())
    assert f"звонок № {number} (c-3), оператор ivanova; до этого: «Да, имеет отношение»" in shown


def test_of_calls_under_one_id_it_is_the_nearest_in_time(busy: PageHarness) -> None:
    (before,) = used(busy)[0].questions["section-1-kind"].remarks
    (call,) = (call for call in busy.calls if call["call_id"] == "c-3")
    other = {name: value for name, value in call.items() if name != "id"}
    other |= {"generation": 7, "last_occurred_at": busy.clock() + timedelta(days=40)}
    with busy.ledger.write() as connection:
        connection.execute(insert(calls), other)
    assert used(busy)[0].questions["section-1-kind"].remarks == [before]


def test_a_call_that_is_not_in_the_ledger_is_told_as_such(busy: PageHarness) -> None:
    with busy.ledger.write() as connection:
        connection.execute(update(trails).where(trails.c.call_id == "c-3").values(call_id="c-33"))
    shown = " ".join(page(used(busy)[0], busy.settings.timezone).split())
    assert "звонок c-33, в журнале его нет, оператор ivanova" in shown


def test_a_draft_case_of_a_remark_holds_as_it_is_and_tells_nothing_typed(pages: PageHarness) -> None:
    entries = [
        pages.entry("answer", q="who-answered", fact="related_to_car", value=False, asked=pages.clock().isoformat()),
        pages.entry("answer", q="section-2-client", fact="is_client", value=True, asked=pages.clock().isoformat()),
        pages.entry(
            "answer", q="section-2-name", fact="client_name", value="Иванова Анна", asked=pages.clock().isoformat()
        ),
        pages.entry("other", q="section-1-kind", fact="survey_type", text='Только "вечером", +79161234567'),
    ]
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, *entries))
    (remark,) = used(pages)[0].questions["section-1-kind"].remarks
    decider = pages.rules.current().script(SCRIPT)

    draft = draft_case(remark, decider.script)

    assert "Иванова" not in draft
    assert "9161234567" not in draft
    (case,) = tomllib.loads(draft)["case"]
    assert case["facts"]["related_to_car"] == "Нет, не имеет отношения"
    (built,) = build_cases(SCRIPT, {"case": [case]}, decider.script, (), Faults())
    assert run_case(decider, built).differences == ()
    assert case["next"] == "survey_type"


def test_only_what_is_asked_for_is_counted(busy: PageHarness) -> None:
    assert used(busy, script="survey_opt_in") == []
    assert used(busy, since=busy.clock() + timedelta(hours=1)) == []
    assert used(busy, script=SCRIPT, since=busy.clock() - timedelta(days=1))[0].calls == 4


def test_it_is_told_within_80_columns_and_without_numbers_or_names(busy: PageHarness) -> None:
    (use,) = used(busy)
    text = page(use, busy.settings.timezone)

    assert all(len(line) <= 80 for line in text.splitlines())
    assert "Просьбы клиентов исключить из опросов (survey_opt_out): 4 звонка" in text
    assert "     2   67 %  Да, имеет отношение" in text
    assert "на ответ обычно 6,0 с; возвращались 1 раз" in text
    assert "нет нужного ответа — 1 раз:" in text
    assert "вечером" in text
    assert "9161234567" not in text
    assert "Иванов" not in text


def test_a_purge_leaves_the_counts_and_takes_what_is_personal(busy: PageHarness) -> None:
    before = used(busy)[0].to_json()
    busy.clock.forward(days=400)
    purge = Purge(busy.ledger, busy.clock, timedelta(days=365))
    while purge.step():
        pass
    after = used(busy)[0].to_json()
    kept = json.dumps(
        [{**row, "started_at": "", "updated_at": "", "purged_at": ""} for row in busy.trails], default=str
    )

    for one in (*before["questions"], *after["questions"]):
        one["other"] = len(one["other"])
    assert after == before
    assert not any(word in kept for word in ("Иванов", "вечером", "7916", "ivanova"))
    assert all(row["purged_at"] for row in busy.trails)
    assert busy.sessions.begun("c-1", "petrova") is None


def test_what_is_not_old_is_left_alone(busy: PageHarness) -> None:
    busy.clock.forward(days=10)
    assert Purge(busy.ledger, busy.clock, timedelta(days=365)).step() == 0

    assert not any(row["purged_at"] for row in busy.trails)


# --- the command -----------------------------------------------------------------------------------


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_the_command_prints_it_and_json(pages: PageHarness, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, pages.answer("related_to_car", True)))
    (tmp_path / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")

    assert main(["--config", str(tmp_path), "script", "report", "--since", "2020-01-01"]) == 0
    assert "1 звонок" in capsys.readouterr().out
    assert main(["--config", str(tmp_path), "script", "report", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["calls"] == 1
    assert main(["--config", str(tmp_path), "script", "report", "--script", "nothing"]) == 0
    assert capsys.readouterr().out == "На странице оператора ещё не было звонков.\n"
    assert main(["--config", str(tmp_path), "script", "report", "--since", "soon"]) == 2
    capsys.readouterr()
    assert main(["--config", str(tmp_path), "script", "report", "--case", "c-1"]) == 2
    assert "нет нужного ответа" in capsys.readouterr().err
    remark = pages.entry("other", q="section-1-kind", fact="survey_type", text="Звоните вечером")
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(2, remark))
    capsys.readouterr()
    assert main(["--config", str(tmp_path), "script", "report", "--case", "c-1"]) == 0
    assert tomllib.loads(capsys.readouterr().out)["case"][0]["next"] == "survey_type"
