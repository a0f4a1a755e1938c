"""Exclusions in the console: searched, added and released with a reason, read from and written to files; tokens."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage

from plugin.ledger.schema import acts
from plugin.ledger.suppression import suppressions
from tests.plugin.events.support import CALLS
from tests.plugin.web.console.console_site import ConsoleSite, Person, Shown

NUMBER = "+79161112233"
SAY: dict[str, Any] = {"numbers": "8 916 111-22-33", "scope": ["calls"], "reason": "письмо", "does": "add"}


def uploaded(person: Person, text: str | bytes, **more: Any) -> Shown:
    data = text if isinstance(text, bytes) else text.encode()
    return person.post("/console/suppression/import", file=FileStorage(io.BytesIO(data), "list.txt"), **more)


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"numbers": "моб"}, "нет ни одного номера"),
        ({"numbers": "\n".join(f"+7916000{n:04}" for n in range(101))}, "загрузите их файлом"),
        ({"scope": []}, "Отметьте, из чего"),
        ({"scope": ["everything"]}, "Отметьте, из чего"),
        ({"reason": " "}, "Напишите, зачем"),
    ],
)
def test_what_cannot_be_said_of_numbers_is_refused(console: ConsoleSite, changed: dict[str, Any], told: str) -> None:
    page = console.person("admin").post("/console/suppression", **(SAY | changed))
    assert (page.status, told in page.text) == (422, True)
    assert console.rows(suppressions) == []


def test_a_search_for_what_is_no_number_says_so(console: ConsoleSite) -> None:
    page = console.person("supervisor").get("/console/suppression?number=абв")
    assert (page.status, "Это не номер телефона" in page.text) == (422, True)


@pytest.mark.parametrize("text", ["", "моб\nжена\n", "{", "[]"])
def test_a_file_without_numbers_changes_nothing(console: ConsoleSite, text: str) -> None:
    page = uploaded(console.person("admin"), text)
    assert page.status == 422
    assert console.rows(suppressions) == []


def test_a_file_with_too_many_numbers_is_for_the_command_line(console: ConsoleSite) -> None:
    page = uploaded(console.person("admin"), "\n".join(f"+7916{number:07}" for number in range(10_001)))
    assert (page.status, "номеров больше 10000" in page.text) == (422, True)


def test_a_number_is_not_read_in_without_a_reason(console: ConsoleSite) -> None:
    page = console.person("admin").post(
        "/console/suppression/import", numbers=NUMBER, scope=["calls"], confirmed="1", reason=""
    )
    assert (page.status, "Напишите, откуда эти номера" in page.text) == (422, True)


# --- the list --------------------------------------------------------------------------------------


def test_a_number_is_excluded_and_released_with_who_and_why(console: ConsoleSite) -> None:
    admin = console.person("admin", "главная")
    page = admin.done("/console/suppression", **SAY)
    assert "Добавлено записей: 1." in page.text
    assert "Исключён: звонки" in page.text
    assert "главная: письмо" in page.text
    console.clock.forward(minutes=1)
    page = admin.done("/console/suppression", **(SAY | {"does": "release", "reason": "передумал"}))
    assert "Снято записей: 1." in page.text
    assert "Не исключён." in page.text
    assert "главная: передумал" in page.text
    assert "и так не исключены" in admin.done("/console/suppression", **(SAY | {"does": "release"})).text


def test_a_number_leads_to_the_call_that_said_so(console: ConsoleSite) -> None:
    call = console.report("c-1", CALLS, ago=1)
    page = console.person("supervisor").get("/console/suppression?number=89161234567")
    assert f'href="/console/calls/{call}"' in page.html


def test_the_list_goes_on_page_by_page(console: ConsoleSite) -> None:
    admin = console.person("admin")
    numbers = "\n".join(f"+7916{number:07}" for number in range(150))
    admin.done("/console/suppression/import", numbers=numbers, scope=["calls"], confirmed="1", reason="старый список")
    first = admin.get("/console/suppression")
    more = re.search(r'href="([^"]+)" rel="next"', first.html)
    assert more
    second = admin.get(more.group(1).replace("&amp;", "&"))
    shown = [len(re.findall(r"<li><a href=\"/console/suppression\?number", page.html)) for page in (first, second)]
    assert shown == [100, 50]


# --- files -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "cp1251", "utf-16"])
def test_a_file_is_read_first_and_taken_in_once_confirmed(console: ConsoleSite, encoding: str) -> None:
    admin = console.person("admin")
    page = uploaded(admin, "телефон;имя\n8 916 111-22-33;Иванов\nнет номера;Петров\n".encode(encoding))
    assert "Номеров в файле: 1." in page.text
    assert "Строк без номера: 1 (3)" in page.text
    assert console.rows(suppressions) == []
    kept = re.search(r'name="numbers" value="([^"]*)"', page.html)
    assert kept
    done = admin.done(
        "/console/suppression/import",
        numbers=kept.group(1),
        scope=["calls", "mailings"],
        confirmed="1",
        reason="список",
    )
    assert "Добавлено записей: 2." in done.text
    assert {row["number"] for row in console.rows(suppressions)} == {NUMBER}


def test_the_list_is_written_as_a_file_and_that_is_on_record(console: ConsoleSite) -> None:
    admin = console.person("admin")
    admin.done("/console/suppression", **SAY)
    file = admin.post("/console/suppression/export", scope="calls", format="lines", notation="8")
    assert (file.status, file.html) == (200, "89161112233\n")
    assert "attachment" in file.headers["Content-Disposition"]
    (told,) = [row for row in console.rows(acts) if row["act"] == "export"]
    assert (told["by"], told["details"]["count"]) == ("admin-1", 1)
    assert admin.post("/console/suppression/export", scope="calls", format="exe", notation="8").status == 422


# --- tokens ----------------------------------------------------------------------------------------


def test_a_token_is_shown_once_and_revoked(console: ConsoleSite) -> None:
    admin = console.person("admin")
    page = admin.post("/console/tokens/add", name="обзвон")
    token = re.search(r'class="secret">(optout_[\w-]+)<', page.html)
    assert token
    assert token.group(1) not in admin.get("/console/tokens").html
    bearer = {"Authorization": f"Bearer {token.group(1)}"}
    asked = console.app.test_client().get(f"/suppression/{NUMBER}", headers=bearer)
    assert asked.status_code == 200
    assert "отозван" in admin.done("/console/tokens/revoke", name="обзвон").text
    assert console.app.test_client().get(f"/suppression/{NUMBER}", headers=bearer).status_code == 401
    assert [row["details"]["did"] for row in console.rows(acts)] == ["выдан", "отозван"]
    assert token.group(1) not in str(console.rows(acts))


@pytest.mark.parametrize("name", ["", "a b", "<b>"])
def test_a_token_with_an_impossible_name_is_not_made(console: ConsoleSite, name: str) -> None:
    page = console.person("admin").post("/console/tokens/add", name=name)
    assert (page.status, "имя токена не годится" in page.text) == (422, True)
