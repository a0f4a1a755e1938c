"""What an operator or admin sees of the ledger: in Russian, within 80 columns, with phones masked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from plugin.authoring.revisions.active import ActiveRules
from plugin.cli.main import main
from plugin.config.load import load_settings
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.events.intake import Intake
from plugin.ledger import Ledger
from plugin.ledger.schema import activations, attempts, calls, decisions, deliveries, revisions
from tests.support.databases import migrate

PLUGIN_TOML = f"""
[plugin]
id = "optout"
version = "0.1.0"
events = ["call-result"]
default_script = "survey_opt_out"
rules = "{Path(__file__).parents[3] / "rules"}"
timezone = "Europe/Moscow"

[ledger]
url = "sqlite:///ledger.db"

[crm]
connector = "embedded"

[crm.embedded]
base_url = "http://127.0.0.1:9"
token = {{ env = "NOWHERE" }}

[sources.telephony]
secrets = [{{ env = "NOWHERE" }}]
"""
COMPLETE = {"related_to_car": True, "survey_type": "calls", "agreed_to_warning": "yes"}
PHONE = "+79161234567"


class Home:
    """A deployment's folder and what was reported to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "plugin.toml").write_text(PLUGIN_TOML, encoding="utf-8")
        self.now = datetime.now(UTC)
        self._settings = load_settings(folder, {}, secrets=False)
        self.ledger = Ledger(self._settings.ledger_url)
        self._rules = ActiveRules(self.ledger, lambda: self.now)

    def report(self, call: str, /, *, ago: timedelta = timedelta(0), **more: Any) -> None:
        """Take in a call result of ``ago`` from the source ``telephony``, named after its call."""
        migrate(self.ledger)
        self._rules.activate_first(Rulebook.load(self._settings.rules_dir), "test", "start")
        event = {
            "id": f"evt-{call}",
            "occurred_at": (self.now - ago).isoformat(timespec="seconds"),
            "final": True,
            "call": {"id": call, "phone": PHONE, "operator": "operator-1"},
            "facts": COMPLETE,
        } | more
        answer = Intake(self.ledger, self._rules, self._settings, lambda: self.now).receive_results(
            "telephony", [event]
        )
        assert answer.status == 202, answer.body

    def activate(self, rulebook: Rulebook) -> None:
        """From now on calls are decided by these rules."""
        self._rules.activate(rulebook, "test", "change")

    def set_deliveries(self, call: int, **columns: Any) -> None:
        with self.ledger.write() as connection:
            connection.execute(update(deliveries).where(deliveries.c.call_ref == call).values(**columns))

    def close(self) -> None:
        self._rules.close()
        self.ledger.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.close()


class Cli:
    def __init__(self, home: Home, capsys: pytest.CaptureFixture[str]) -> None:
        self._home = home
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        # What the fixtures logged.
        self._capsys.readouterr()
        status = main(["--config", str(self._home.folder), "calls", *arguments])
        said = self._capsys.readouterr()
        return status, said.out, said.err

    def out(self, *arguments: str) -> str:
        status, out, err = self.run(*arguments)
        assert (status, err) == (0, "")
        return out


@pytest.fixture
def cli(home: Home, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(home, capsys)


def rows(out: str) -> list[str]:
    """The numbers of the calls that a table shows, in its order."""
    return [line.split()[0] for line in out.splitlines()[2:] if line[:1].isdigit()]


# --- nothing there, or not that --------------------------------------------------------------------


def test_without_a_ledger_the_list_says_so_and_makes_none(cli: Cli, home: Home) -> None:
    assert cli.out("list") == "Журнал пуст: звонков ещё не было.\n"
    assert cli.out("list", "--json") == ""
    assert not (home.folder / "ledger.db").exists()


def test_a_ledger_without_calls_says_so(cli: Cli, home: Home) -> None:
    home.ledger.upgrade()
    assert cli.out("list") == "Журнал пуст: звонков ещё не было.\n"


def test_conditions_that_nothing_meets_are_told_apart_from_an_empty_ledger(cli: Cli, home: Home) -> None:
    home.report("c-1")
    assert cli.out("list", "--outcome", "none") == "Под эти условия звонков нет.\n"


@pytest.mark.parametrize("id_", ["7", "c-7", "99999999999999999999", "\x1b[31mred", "²"])
def test_a_call_that_is_not_there_is_bad_input_with_a_remedy(cli: Cli, home: Home, id_: str) -> None:
    home.report("c-1")
    status, out, err = cli.run("show", id_)
    assert (status, out) == (2, "")
    assert "не найден" in err
    assert "optout calls list" in err
    assert "\x1b" not in err


def test_a_call_is_not_found_where_there_is_no_ledger(cli: Cli, home: Home) -> None:
    assert cli.run("show", "1")[0] == 2
    assert not (home.folder / "ledger.db").exists()


@pytest.mark.parametrize("since", ["вчера", "2026-13-01", "7w", ""])
def test_a_time_that_is_none_is_bad_input_with_examples(cli: Cli, home: Home, since: str) -> None:
    home.report("c-1")
    status, _, err = cli.run("list", "--since", since)
    assert status == 2
    assert "2026-11-22" in err


def test_a_state_that_does_not_exist_names_those_that_do(cli: Cli) -> None:
    status, _, err = cli.run("list", "--state", "lost")
    assert status == 2
    assert "parked" in err


# --- the list --------------------------------------------------------------------------------------


def test_the_list_is_a_table_of_80_columns_the_newest_first(cli: Cli, home: Home) -> None:
    home.report("c-1")
    home.report("a-very-long-id-of-a-call-0f8fad5b-d9cb-469f-a165-70867728950e")
    home.report("c-3", facts={"related_to_car": True, "survey_type": "all"})
    out = cli.out("list")
    assert rows(out) == ["3", "2", "1"]
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "***4567" in out
    assert PHONE not in out
    assert "исключить из звонков" in out
    assert "не завершён" in out
    assert "0/3 в работе" in out
    assert "!" not in out


def test_a_table_with_large_numbers_still_fits(cli: Cli, home: Home) -> None:
    home.report("c-1")
    with home.ledger.write() as connection:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        connection.execute(update(calls).values(id=2_000_000_000))
        for table in ("deliveries", "decisions", "events", "suppressions", "promises"):
            connection.exec_driver_sql(f"UPDATE {table} SET call_ref = 2000000000")
    assert max(len(line) for line in cli.out("list").splitlines()) <= 80


def test_full_shows_the_phone(cli: Cli, home: Home) -> None:
    home.report("c-1")
    assert PHONE in cli.out("list", "--full")


def test_a_call_without_a_phone_shows_a_dash(cli: Cli, home: Home) -> None:
    home.report("c-1", call={"id": "c-1"}, card={"type": "contact", "id": "42"})
    assert " — " in cli.out("list")


def test_what_a_sender_wrote_cannot_command_the_terminal(cli: Cli, home: Home) -> None:
    home.report("c-1")
    with home.ledger.write() as connection:
        connection.execute(update(calls).values(call_id="c\x1b[2J\n1", note="a\x1b]0;title\x07b", operator="x\r\ny"))
    for out in (cli.out("list"), cli.out("show", "1")):
        assert "\x1b" not in out
        assert "\x07" not in out
        assert "\r" not in out


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        ({"state": "done"}, "3/3 сделано"),
        ({"state": "parked"}, "0/3 остановлено"),
        ({"state": "unknown"}, "0/3 в работе"),
        ({"state": "cancelled"}, "отменено"),
    ],
)
def test_deliveries_are_summed_up_in_a_word(cli: Cli, home: Home, columns: dict[str, Any], shown: str) -> None:
    home.report("c-1")
    home.set_deliveries(1, finished_at=home.now, **columns)
    assert shown in cli.out("list")


def test_a_promise_kept_too_late_is_marked_and_explained(cli: Cli, home: Home) -> None:
    home.report("c-1")
    home.set_deliveries(1, state="done", finished_at=home.now + timedelta(hours=25))
    out = cli.out("list")
    assert "!" in out.splitlines()[2]
    assert "! — с опозданием" in out
    assert "с опозданием" in cli.out("show", "1")


def test_a_promise_that_is_open_past_its_deadline_is_late_and_a_cancelled_one_is_not(cli: Cli, home: Home) -> None:
    home.report("c-1")
    home.report("c-2")
    for call, state in ((1, "waiting"), (2, "cancelled")):
        home.set_deliveries(call, state=state, deadline_at=home.now - timedelta(minutes=1))
    first, second = (json.loads(line) for line in cli.out("list", "--json").splitlines())
    assert (first["id"], first["late"]) == (2, False)
    assert (second["id"], second["late"]) == (1, True)


def test_a_call_that_was_reported_too_late_is_late(cli: Cli, home: Home) -> None:
    home.report("c-1", ago=timedelta(hours=30))
    assert json.loads(cli.out("list", "--json"))["late"] is True


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["--since", "24h"], ["4", "3"]),
        (["--since", "7d"], ["4", "3", "2"]),
        (["--since", "2020-01-01"], ["4", "3", "2", "1"]),
        (["--since", "2020-01-01T00:00:00+03:00"], ["4", "3", "2", "1"]),
        (["--outcome", "exclude_mailings"], ["3"]),
        (["--state", "done"], ["4"]),
        (["--limit", "1"], ["4"]),
        (["--state", "pending", "--since", "7d"], ["3", "2"]),
    ],
)
def test_the_list_can_be_narrowed(cli: Cli, home: Home, arguments: list[str], found: list[str]) -> None:
    mailings = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "yes"}
    home.report("c-1", ago=timedelta(days=30))
    home.report("c-2", ago=timedelta(days=3))
    home.report("c-3", ago=timedelta(hours=1), facts=mailings)
    home.report("c-4")
    home.set_deliveries(4, state="done", finished_at=home.now)
    assert rows(cli.out("list", *arguments)) == found


def test_since_a_day_is_its_midnight_in_the_deployments_time_zone(cli: Cli, home: Home) -> None:
    home.report("c-1")
    with home.ledger.write() as connection:
        # 00:30 in Moscow on the 22nd, still the 21st in UTC.
        moment = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
        connection.execute(update(calls).values(last_occurred_at=moment))
    assert rows(cli.out("list", "--since", "2026-11-22")) == ["1"]
    assert "22.11.26 00:30" in cli.out("list")
    assert cli.out("list", "--since", "2026-11-22 00:31") == "Под эти условия звонков нет.\n"


def test_for_programs_each_call_is_a_json_object_on_a_line(cli: Cli, home: Home) -> None:
    home.report("c-1")
    (line,) = cli.out("list", "--json").splitlines()
    call = json.loads(line)
    assert (call["call"], call["phone"], call["outcome"]) == ("c-1", "***4567", "exclude_calls")
    assert call["label"] == "исключить из звонков с опросом"
    assert call["deliveries"] == {"pending": 3}
    assert call["occurred_at"].endswith("+03:00")
    assert json.loads(cli.out("list", "--json", "--full"))["phone"] == PHONE


# --- one call --------------------------------------------------------------------------------------


def test_one_call_is_told_with_its_conversation_its_deliveries_and_their_attempts(cli: Cli, home: Home) -> None:
    card = {"type": "contact", "id": "42", "name": "Тестова Анна", "url": "https://crm.example/contacts/42"}
    home.report("c-1", card=card, note="Перезвонить на 8 (916) 765-43-21")
    home.set_deliveries(1, state="done", finished_at=home.now, remote_id="550", assignee={"user": "7", "address": None})
    attempt = {
        "delivery_ref": 1,
        "at": home.now,
        "step": "send",
        "outcome": "unknown",
        "why": "timed out",
        "seconds": 20.0,
    }
    with home.ledger.write() as connection:
        connection.execute(insert(attempts), attempt)
        connection.execute(insert(attempts), attempt | {"step": "look_up", "outcome": "found", "why": None})
    out = cli.out("show", "1")
    assert max(len(line) for line in out.splitlines()) <= 80
    for shown in (
        *("Звонок № 1: c-1 (telephony)", "Карточка:  contact 42, Тестова Анна", "https://crm.example/contacts/42"),
        *("evt-c-1 от telephony, окончательное", "исключить из звонков с опросом (exclude_calls)"),
        *("Уточните, пожалуйста", "Только от звонков с опросом", "Спасибо, Ваши контакты переданы"),
        *("комментарий в карточку: сделано", "напоминание, survey_coordinator: сделано", "тема: ИСКЛЮЧИТЬ"),
        *("Клиент просит исключить из звонков с опросом", "в CRM: 550", "кому: 7", "[ref:"),
        *("отправка: неизвестно, дошло ли (timed out), 20.00 с", "поиск в CRM: найдено", "(текст как в № 2)"),
    ):
        assert shown in out
    assert "4567" in out
    assert "1234567" not in out
    assert "765" not in out
    assert "в срок" in out


def test_what_was_written_is_shown_with_its_card_and_in_its_own_words(cli: Cli, home: Home) -> None:
    home.report("c-1", card={"type": "contact", "id": "42"})
    written = "Исправлено, клиент Петров\n[ref:0123456789abcdef]"
    home.set_deliveries(1, sent_text=written, card={"type": "contact", "id": "7"})
    planned = cli.out("show", "1")
    assert "карточка: contact 7" not in planned
    assert "клиент Петров" not in planned
    home.set_deliveries(1, state="done", finished_at=home.now, sent_at=home.now)
    out = cli.out("show", "1")
    assert "карточка: contact 7" in out
    assert "Исправлено, клиент Петров" in out
    assert "Клиент просит исключить из звонков" not in out
    assert json.loads(cli.out("show", "1", "--json"))["deliveries"][0]["sent_text"] == written


def test_a_card_that_an_earlier_version_wrote_to_is_that_of_its_decision(cli: Cli, home: Home) -> None:
    home.report("c-1", card={"type": "contact", "id": "42"})
    home.set_deliveries(1, state="done", finished_at=home.now, sent_at=home.now)
    with home.ledger.write() as connection:
        connection.execute(update(decisions).values(card={"type": "contact", "id": "7", "fallback": False}))
    assert "карточка: contact 7" in cli.out("show", "1")


def test_full_shows_every_phone_of_the_call(cli: Cli, home: Home) -> None:
    home.report("c-1", note="Перезвонить на 8 (916) 765-43-21")
    out = cli.out("show", "1", "--full")
    assert PHONE in out
    assert "8 (916) 765-43-21" in out


def test_a_call_is_found_by_the_crms_id_too(cli: Cli, home: Home) -> None:
    home.report("c-1")
    home.report("c-2")
    assert "Звонок № 2: c-2" in cli.out("show", "c-2")


def test_our_own_number_goes_before_the_crms_and_the_others_are_named(cli: Cli, home: Home) -> None:
    home.report("2")
    home.report("1")
    out = cli.out("show", "1")
    assert "Звонок № 1: 2 (telephony)" in out
    assert "Под этим номером есть и другие звонки: 2" in out


def test_of_a_crms_id_used_again_the_newest_call_is_shown(cli: Cli, home: Home) -> None:
    home.report("c-1", ago=timedelta(days=3))
    home.report("c-1", id="evt-again")
    out = cli.out("show", "c-1")
    assert "Звонок № 2: c-1" in out
    assert "другие звонки: 1" in out


def test_an_unfinished_call_without_deliveries_is_told_as_such(cli: Cli, home: Home) -> None:
    home.report("c-1", facts={"related_to_car": True, "survey_type": "all"}, final=False)
    out = cli.out("show", "1")
    assert "Итог:      не завершён" in out
    assert out.count("  нет\n") == 2
    assert "срок не прошёл" in out


def test_outcomes_of_rules_that_can_no_longer_be_read_go_by_their_names(cli: Cli, home: Home) -> None:
    home.report("c-1")
    with home.ledger.write() as connection:
        connection.execute(update(revisions).values(content={"no": "rules"}))
    assert "exclude_calls" in cli.out("list")
    out = cli.out("show", "1")
    assert "exclude_calls" in out
    assert "survey_type: calls" in out
    with home.ledger.read() as connection:
        assert connection.execute(activations.select()).all()


def test_for_programs_one_call_is_one_json_object_with_everything(cli: Cli, home: Home) -> None:
    home.report("c-1", note="Перезвонить на 8 (916) 765-43-21")
    out = cli.out("show", "c-1", "--json")
    assert PHONE not in out
    assert "765-43-21" not in out
    call = json.loads(out)
    assert [event["event_id"] for event in call["events"]] == ["evt-c-1"]
    assert call["decisions"][0]["decision"]["outcome"] == "exclude_calls"
    assert [delivery["kind"] for delivery in call["deliveries"]] == ["comment", "reminder", "smtp_email"]
    assert all(len(delivery["key"]) == 64 and delivery["attempts"] == [] for delivery in call["deliveries"])
    assert PHONE in cli.out("show", "c-1", "--json", "--full")
