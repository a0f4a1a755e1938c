"""``optout suppression``: changed with person and reason only, shown with numbers masked, read and written as files."""

from __future__ import annotations

import json
from datetime import timedelta

from plugin.ledger.suppression import suppressions
from tests.plugin.events.support import ALL, CALLS, call_result
from tests.plugin.operations.harness import PHONE, Firm

WHO = ("--by", "иванова", "--reason", "просил письмом")
OTHER = "+74951234567"


def test_what_cannot_be_done_is_told(firm: Firm) -> None:
    for arguments, said in (
        (("add", PHONE, "--scope", "calls", "--by", "иванова"), "--reason"),
        (("add", PHONE, "--scope", "calls", "--by", " ", "--reason", "x"), "--by: пусто"),
        (("add", PHONE, "--scope", "all", *WHO), "'all' is not one of"),
        (("add", PHONE, *WHO), "--scope"),
        (("add", "12-34", "--scope", "calls", *WHO), "«12-34» не номер телефона"),
        (("check",), "NUMBER"),
        (("import", str(firm.folder / "none"), "--scope", "calls"), "не прочитать"),
        (("export", str(firm.folder / "none" / "list")), "не записать"),
    ):
        status, out, err = firm.run("suppression", *arguments)
        assert (status, out) == (2, ""), arguments
        assert said in err
    assert firm.office.rows(suppressions) == []


def test_numbers_are_added_and_removed_by_name_and_reason(firm: Firm) -> None:
    assert firm.out("suppression", "add", "8 (916) 123-45-67", "--scope", "calls", *WHO) == "Добавлено записей: 1.\n"
    assert "уже исключены" in firm.out("suppression", "add", PHONE, "--scope", "calls", *WHO)
    page = firm.out("suppression", "check", "89161234567")
    assert f"{PHONE}: исключён (звонки с" in page
    assert "вручную: иванова (просил письмом)" in page
    assert firm.out("suppression", "remove", PHONE, "--scope", "calls", "--scope", "mailings", *WHO).startswith("Снято")
    assert f"{PHONE}: не исключён" in firm.out("suppression", "check", PHONE)


def test_a_check_tells_which_call_says_so(firm: Firm) -> None:
    firm.report("c-1", CALLS)
    told = firm.json("suppression", "check", PHONE)
    assert list(told["suppressed"]) == ["calls"]
    assert [(one["call_id"], one["by"]) for one in told["said"]] == [("c-1", None)]


def test_the_list_masks_numbers_unless_they_are_asked_for(firm: Firm) -> None:
    assert "Список пуст" in firm.out("suppression", "list")
    firm.report("c-1", ALL)
    shown = firm.out("suppression", "list")
    assert PHONE not in shown
    assert "4567" in shown
    assert PHONE in firm.out("suppression", "list", "--full")
    lines = [json.loads(line) for line in firm.out("suppression", "list", "--json", "--full").splitlines()]
    assert [(one["number"], one["scope"], one["until"]) for one in lines] == [
        (PHONE, "calls", None),
        (PHONE, "mailings", None),
    ]


def test_an_import_shows_its_plan_first_and_names_lines_without_a_number(firm: Firm) -> None:
    file = firm.folder / "old.csv"
    file.write_text("телефон;имя\n89161234567;Иванов\n;Петров\n84951234567;Сидоров\n", encoding="utf-8")
    plan = firm.out("suppression", "import", str(file), "--scope", "calls")
    assert "В файле 2 номера." in plan
    assert "Без номера: 1 строка (3)" in plan
    assert firm.office.rows(suppressions) == []
    assert "пусто" in firm.refused("suppression", "import", str(file), "--scope", "calls", "--yes")
    done = firm.out("suppression", "import", str(file), "--scope", "calls", "--yes", *WHO)
    assert "Добавлено записей: 2." in done
    assert len(firm.office.rows(suppressions)) == 2


def test_an_export_holds_what_is_excluded_and_the_same_list_gives_the_same_bytes(firm: Firm) -> None:
    firm.report("c-1", ALL)
    firm.run("suppression", "add", OTHER, "--scope", "calls", *WHO)
    path = firm.folder / "list.txt"
    assert firm.out("suppression", "export", str(path), "--number", "8") == "Записано номеров: 2.\n"
    first = path.read_bytes()
    assert first == b"84951234567\n89161234567\n"
    firm.run("suppression", "export", str(path), "--number", "8")
    assert path.read_bytes() == first
    assert firm.out("suppression", "export", "-", "--scope", "mailings") == f"{PHONE}\n"


def test_calls_after_a_refusal_are_listed_with_their_source(firm: Firm) -> None:
    assert "не замечено" in firm.out("suppression", "calls")
    firm.report("c-1", CALLS, ago=timedelta(hours=2))
    event = call_result({}, call={"id": "c-2"}, occurred_at=firm.clock().isoformat())
    assert "ignored" in firm.office.send(event).body
    shown = firm.out("suppression", "calls")
    assert "crm" in shown
    assert PHONE not in shown
    (line,) = firm.out("suppression", "calls", "--json", "--full", "--since", "24h").splitlines()
    told = json.loads(line)
    assert (told["source"], told["number"], told["scope"], told["call"]) == ("crm", PHONE, "calls", None)
