"""A call is found by what people know of it: numbers in any notation and parts of them, names, cards, times."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from plugin.ledger.schema import calls
from tests.plugin.cli.test_calls import Cli, Home, rows


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    yield home
    home.close()


@pytest.fixture
def cli(home: Home, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(home, capsys)


@pytest.fixture
def three(home: Home) -> Home:
    """Three calls of three clients."""
    people = (
        ("+79161234567", "7", "Иванов  ПЁТР Сергеевич", "olga"),
        ("+79037654321", "8", "Петрова Анна", "olga"),
        ("+74951234500", "9", "O'Neil_100% Дмитрий Ёлкин", "vera"),
    )
    for number, (phone, card, name, operator) in enumerate(people, 1):
        home.report(
            f"c-{number}",
            ago=timedelta(hours=4 - number),
            call={"id": f"c-{number}", "phone": phone, "operator": operator},
            card={"type": "contact", "id": card, "name": name},
        )
    return home


@pytest.mark.parametrize("arguments", [("--phone", "нет"), ("--phone", ""), ("--name", "  "), ("--until", "завтра")])
def test_what_says_nothing_to_search_for_is_bad_input(cli: Cli, three: Home, arguments: tuple[str, str]) -> None:
    status, out, err = cli.run("list", *arguments)
    assert (status, out) == (2, "")
    assert arguments[0] in err


def test_a_page_after_a_call_that_is_not_there_is_bad_input(cli: Cli, three: Home) -> None:
    status, _, err = cli.run("list", "--after", "77")
    assert status == 2
    assert "Звонок «77» не найден" in err


@pytest.mark.parametrize(
    ("phone", "found"),
    [
        ("+79161234567", ["1"]),
        ("8 (916) 123-45-67", ["1"]),
        ("9161234567", ["1"]),
        ("8 916 12", ["1"]),
        ("***4567", ["1"]),
        ("45-67", ["1"]),
        ("1234", ["3", "1"]),
        ("(903) 765", ["2"]),
        ("+79161234568", []),
        ("999", []),
    ],
)
def test_a_number_is_found_in_any_notation_and_by_a_part(cli: Cli, three: Home, phone: str, found: list[str]) -> None:
    assert rows(cli.out("list", "--phone", phone)) == found


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("иванов", ["1"]),
        ("ИВАНОВ", ["1"]),
        ("петр иванов", ["1"]),
        ("пЁтр", ["2", "1"]),
        ("пЕтР", ["2", "1"]),
        ("елкин", ["3"]),
        ("o'neil_100%", ["3"]),
        ("_", ["3"]),
        ("%анна", []),
        ("сидоров", []),
    ],
)
def test_a_name_is_found_by_parts_of_its_words_whatever_their_case(
    cli: Cli, three: Home, name: str, found: list[str]
) -> None:
    assert rows(cli.out("list", "--name", name)) == found


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (("--card", "8"), ["2"]),
        (("--operator", "olga"), ["2", "1"]),
        (("--operator", "olga", "--phone", "4567"), ["1"]),
        (("--script", "survey_opt_out"), ["3", "2", "1"]),
        (("--script", "survey_opt_in"), []),
        (("--source", "telephony"), ["3", "2", "1"]),
        (("--source", "crm"), []),
        (("--outcome", "exclude_calls", "--name", "анна"), ["2"]),
        (("--since", "2h"), ["3", "2"]),
        (("--until", "2h"), ["1"]),
        (("--since", "3h", "--until", "1h"), ["2", "1"]),
    ],
)
def test_conditions_are_met_together(cli: Cli, three: Home, arguments: tuple[str, ...], found: list[str]) -> None:
    # The rounded seconds of a call's time fall to one side.
    with three.ledger.write() as connection:
        for number in (1, 2, 3):
            ended = three.now - timedelta(hours=4 - number) + timedelta(minutes=5)
            connection.execute(update(calls).where(calls.c.id == number).values(last_occurred_at=ended))
    assert rows(cli.out("list", *arguments)) == found


def test_until_a_day_is_meant_with_all_of_it(cli: Cli, home: Home) -> None:
    home.report("c-1")
    with home.ledger.write() as connection:
        # 23:30 in Moscow on the 22nd.
        connection.execute(update(calls).values(last_occurred_at=datetime(2026, 11, 22, 20, 30, tzinfo=UTC)))
    assert rows(cli.out("list", "--until", "2026-11-22")) == ["1"]
    assert rows(cli.out("list", "--until", "2026-11-21")) == []
    assert rows(cli.out("list", "--until", "2026-11-22 23:00")) == []


def test_pages_go_through_all_calls_once_also_those_of_one_moment(cli: Cli, home: Home) -> None:
    for number in range(1, 8):
        home.report(f"c-{number}", ago=timedelta(hours=1 if number < 5 else 0))
    seen: list[str] = []
    after: list[str] = []
    while True:
        out = cli.out("list", "--limit", "2", "--phone", "4567", *after)
        seen += rows(out)
        if "--after" not in out:
            break
        after = ["--after", out.split("--after ")[1].strip()]
        assert after[1] == seen[-1]
    assert seen == ["7", "6", "5", "4", "3", "2", "1"]


def test_the_operator_is_told_within_80_columns_and_for_programs(cli: Cli, three: Home) -> None:
    out = cli.out("list")
    assert "(olga)" in out
    assert max(map(len, out.splitlines())) <= 80
    told = json.loads(cli.out("list", "--json", "--operator", "vera"))
    assert (told["operator"], told["card_id"]) == ("vera", "9")


def test_a_name_that_a_later_event_brings_is_found(cli: Cli, home: Home) -> None:
    home.report("c-1")
    home.report("c-1", id="evt-2", card={"type": "contact", "id": "7", "name": "Сидоров"})
    assert rows(cli.out("list", "--name", "сидор")) == ["1"]
