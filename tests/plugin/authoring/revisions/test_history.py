"""Who changed the active rules, when and why: Russian, within 80 columns, the active one marked."""

from __future__ import annotations

import json

from plugin.ledger import Ledger
from tests.plugin.authoring.revisions.conftest import Home, Rules
from tests.support.databases import migrate


def test_without_a_ledger_it_says_what_to_do_and_makes_none(home: Home, rules: Rules) -> None:
    said = rules("history")
    assert (said.status, said.out) == (2, "")
    assert "optout rules publish" in said.err
    assert not home.ledger.exists()


def test_a_ledger_that_is_none_is_one_line(home: Home, rules: Rules) -> None:
    (home.folder / "optout.db").write_text("These are notes, and not a database at all. " * 100)
    said = rules("history")
    assert (said.status, said.err.count("\n")) == (1, 1)


def test_a_ledger_in_which_nothing_was_ever_active_says_so(home: Home, rules: Rules) -> None:
    migrate(home.ledger)
    assert rules("history").out == "Активных правил ещё не было.\n"
    assert rules("history", "--json").out == ""


def test_every_change_is_a_row_the_newest_first_and_only_the_active_one_is_marked(home: Home, rules: Rules) -> None:
    first = home.activate("иванова", "начало")
    home.say("Другой")
    second = home.activate("петрова", "новый координатор")
    home.say("Координатор опросов")
    third = home.activate("иванова", "назад")
    out = rules("history").out
    rows = [line.split() for line in out.splitlines()[2:5]]
    assert [row[0] for row in rows] == ["3*", "2", "1"]
    assert [row[3] for row in rows] == [third, second, first]
    assert rows[1][1:3] == ["22.11.2026", "10:16"]
    assert "петрова" in out
    assert "новый координатор" in out
    assert "* — активная редакция. Время: Europe/Moscow." in out


def test_long_names_and_reasons_stay_within_80_columns_and_are_told_in_full(home: Home, rules: Rules) -> None:
    reason = "потому что " + "очень " * 40 + "надо было"
    home.activate("Александра-Константиновна " + "ъ" * 60, reason)
    out = rules("history").out
    assert max(len(line) for line in out.splitlines()) <= 80
    column = out.splitlines()[0].index("Зачем")
    assert " ".join(line[column:] for line in out.splitlines()[2:-2]).split() == reason.split()
    assert out.count("ъ") == 60


def test_what_was_written_into_the_ledger_cannot_command_the_terminal(home: Home, rules: Rules) -> None:
    home.activate("a\x1b[2J", "b\x1b]0;title\x07\r\nc")
    out = rules("history").out
    assert not set(out) & set("\x1b\x07\r")


def test_the_newest_so_many_and_that_there_are_more(home: Home, rules: Rules) -> None:
    for number in range(4):
        home.say(f"Роль {number}")
        home.activate()
    out = rules("history", "--limit", "3").out
    assert [line.split()[0] for line in out.splitlines()[2:5]] == ["4*", "3", "2"]
    assert "--limit" in out
    assert "--limit" not in rules("history", "--limit", "4").out


def test_for_programs_each_change_is_a_json_object_on_a_line(home: Home, rules: Rules) -> None:
    first = home.activate("иванова", "начало")
    home.say("Другой")
    home.activate()
    newest, oldest = (json.loads(line) for line in rules("history", "--json").out.splitlines())
    assert (newest["active"], oldest["active"]) == (True, False)
    assert oldest == {
        "id": 1,
        "revision": first,
        "at": "2026-11-22T10:15:00+03:00",
        "by": "иванова",
        "reason": "начало",
        "kind": None,
        "approved_by": [],
        "active": False,
    }


def test_reading_the_history_waits_for_nobody(home: Home, rules: Rules) -> None:
    home.activate()
    other = Ledger(home.settings.ledger_url)
    with other.write():
        assert rules("history").status == 0
    other.close()
