"""The rules' pages: drafts saved field by field, faults at their fields, stale forms, publishing and taking back."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from sqlalchemy import update
from werkzeug.datastructures import MultiDict

from plugin.authoring.revisions.working_copy import rule_texts
from plugin.ledger.drafts import drafts
from plugin.ledger.schema import activations
from tests.plugin.web.console.conftest import RULES
from tests.plugin.web.console.console_site import ConsoleSite, Person, Shown

SCRIPT = "/console/rules/script/survey_opt_out"
PAGES = ("", "/outcomes", "/people", "/settings", "/cases", "/try", "/files", "/publish", "/changes")
SAY = "rules.question[section-1-kind].say"
HOURS = "script.promise_hours"
COORDINATOR = "roles.role.survey_coordinator.address"


class Forms(HTMLParser):
    """The forms of a page as a browser would send them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[tuple[str, str]]]] = []
        self._name: str | None = None
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        held = dict(attrs)
        name, value = held.get("name"), held.get("value") or ""
        if tag == "form":
            self.found.append((held.get("action") or "", []))
        elif tag in ("textarea", "select") and name:
            self._name, self._text = name, ""
            if tag == "select":
                self.found[-1][1].append((name, ""))
        elif tag == "option" and "selected" in held and self._name:
            self.found[-1][1][-1] = (self._name, value)
        elif tag == "input" and name and (held.get("type") != "checkbox" or "checked" in held):
            self.found[-1][1].append((name, value))

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._name:
            # A browser leaves out a line break right after the tag, and sends CRLF.
            self.found[-1][1].append((self._name, self._text.removeprefix("\n").replace("\n", "\r\n")))


def forms_of(html: str, action: str) -> list[MultiDict[str, str]]:
    """What the forms of a page send that go to this action."""
    parser = Forms()
    parser.feed(html)
    return [MultiDict(fields) for to, fields in parser.found if to.endswith(action)]


def was(page: Shown, address: str) -> str:
    """The fingerprint that a page's form sends along."""
    found = re.search(rf'name="was:{re.escape(address)}" value="([^"]*)"', page.html)
    assert found, address
    return unescape(found[1])


def value(page: Shown, address: str) -> str:
    """What a page shows in a field."""
    found = re.search(rf'name="f:{re.escape(address)}"[^>]*?(?: value="([^"]*)"|>([^<]*)<)', page.html)
    assert found, address
    return unescape(found[1] if found[1] is not None else found[2])


def write(person: Person, path: str, address: str, text: Any, **more: str) -> Shown:
    """Type into a field of a page and save its form."""
    page = person.get(f"{SCRIPT}{path}")
    return person.post(f"{SCRIPT}/save", **{f"was:{address}": was(page, address), f"f:{address}": text, **more})


def files(console: ConsoleSite, owner: str) -> dict[str, str]:
    return dict(console.rows(drafts, owner=owner)[0]["files"])


def test_every_page_opens_before_there_is_a_draft_and_begins_none(console: ConsoleSite) -> None:
    anna = console.person("editor")
    for path in PAGES:
        page = anna.get(f"{SCRIPT}{path}")
        assert page.status == 200, page.text
        assert len(page.html.encode()) < 150_000
    assert anna.get(f"{SCRIPT}/picture.svg").headers["Content-Type"].startswith("image/svg+xml")
    assert console.rows(drafts) == []


def test_an_unknown_script_or_field_is_refused_in_words(console: ConsoleSite) -> None:
    anna = console.person("editor")
    assert anna.get("/console/rules/script/nowhere").status == 422
    for address in ("rules.question[nobody].say", "roles.nothing", "script.calendar", "rules.rule[1].when"):
        answer = anna.post(f"{SCRIPT}/save", **{f"was:{address}": "x", f"f:{address}": "y"})
        assert (answer.status, "Вернуться к правилам" in answer.text) == (422, True), address
    for what in ("answer", "answer-out", "conditions", "action", "action-if", "person"):
        assert anna.get(f"{SCRIPT}/add?what={what}&page=rules_conversation").status == 422
    assert console.rows(drafts) == []


def test_a_field_is_saved_in_a_draft_that_nobody_else_sees(console: ConsoleSite) -> None:
    anna, boris = console.person("editor", "anna"), console.person("admin", "boris")

    assert write(anna, "/people", COORDINATOR, "new@example.org").status == 303

    page = anna.get(f"{SCRIPT}/people")
    assert value(page, COORDINATOR) == "new@example.org"
    assert "Сейчас действует: coordinator@example.org" in page.text
    assert value(boris.get(f"{SCRIPT}/people"), COORDINATOR) == "coordinator@example.org"
    assert "Этот скрипт меняет и anna" in boris.get(f"{SCRIPT}/people").text
    assert "Черновик есть и у anna" in boris.get("/console/rules").text


def test_the_edited_files_differ_in_the_fields_line_alone(console: ConsoleSite) -> None:
    anna = console.person("editor", "anna")
    write(anna, "/people", COORDINATOR, "new@example.org")

    before, after = rule_texts(RULES), files(console, "anna")
    assert [name for name in before if before[name] != after[name]] == ["roles.toml"]
    assert after["roles.toml"] == before["roles.toml"].replace("coordinator@example.org", "new@example.org")
    anna.post(f"{SCRIPT}/undo")
    assert files(console, "anna") == before


def test_a_form_that_is_sent_unchanged_changes_nothing(console: ConsoleSite) -> None:
    anna = console.person("editor", "anna")
    for path in ("", "/outcomes", "/people", "/settings"):
        forms = forms_of(anna.get(f"{SCRIPT}{path}").html, "/save")
        assert forms
        for sent in forms:
            answer = anna.client.post(f"{SCRIPT}/save", data=sent)
            assert answer.status_code == 303
    assert console.rows(drafts) == []


@pytest.mark.parametrize(
    ("path", "address", "typed", "fault"),
    [
        ("/settings", HOURS, "сутки", "нужно целое число часов"),
        ("/settings", "script.title", "", "текст пуст"),
        ("/people", COORDINATOR, "не адрес", "это не почтовый адрес"),
        ("/outcomes", "outcomes.outcome.exclude_calls.action[remind].text", "{нет}", "нет"),
        ("/settings", "script.escalation[supervisor_before].text", "{нет}", "неизвестная подстановка"),
        ("/settings", "script.escalation[supervisor_before].before_hours", "", "не сказано, когда"),
        ("/settings", "script.escalation[supervisor_before].roles", "", "шаг никому"),
    ],
)
def test_a_fault_stands_beside_its_field(console: ConsoleSite, path: str, address: str, typed: str, fault: str) -> None:
    anna = console.person("editor")
    write(anna, path, address, typed)

    page = anna.get(f"{SCRIPT}{path}")
    field = re.search(rf'data-address="{re.escape(address)}">(.*?)</div>\s*</div>', page.html, re.DOTALL)
    assert field
    assert fault in unescape(field[1]).partition('class="fault"')[2]
    assert "Ошибок:" in page.text


def test_a_page_that_was_opened_before_another_change_never_writes_over_it(console: ConsoleSite) -> None:
    anna = console.person("editor", "anna")
    first = was(anna.get(f"{SCRIPT}/people"), COORDINATOR)
    write(anna, "/people", COORDINATOR, "one@example.org")

    late = {f"was:{COORDINATOR}": first, f"f:{COORDINATOR}": "two@example.org"}
    answer = anna.post(f"{SCRIPT}/save", here="rules_people", **late)

    assert (answer.status, value(answer, COORDINATOR)) == (409, "two@example.org")
    assert "one@example.org" in answer.text
    assert "one@example.org" in files(console, "anna")["roles.toml"]
    again = anna.post(f"{SCRIPT}/save", **(late | {f"was:{COORDINATOR}": was(answer, COORDINATOR)}))
    assert again.status == 303
    assert "two@example.org" in files(console, "anna")["roles.toml"]


def test_two_pages_that_change_different_fields_are_both_saved(console: ConsoleSite) -> None:
    anna = console.person("editor", "anna")
    people, settings = anna.get(f"{SCRIPT}/people"), anna.get(f"{SCRIPT}/settings")
    for page, address, typed in ((people, COORDINATOR, "x@example.org"), (settings, "script.title", "Другое")):
        anna.post(f"{SCRIPT}/save", **{f"was:{address}": was(page, address), f"f:{address}": typed})
    made = files(console, "anna")
    assert "x@example.org" in made["roles.toml"]
    assert 'title = "Другое"' in made["survey_opt_out/script.toml"]


def test_what_is_typed_is_shown_as_text_everywhere(console: ConsoleSite) -> None:
    evil = '</textarea><script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}'
    anna = console.person("admin", "anna")
    for path, address in (
        ("", SAY),
        ("", "rules.question[section-1-kind].answers[#0].label"),
        ("/outcomes", "outcomes.outcome.exclude_calls.label"),
        ("/people", "roles.role.survey_coordinator.label"),
        ("/settings", "script.title"),
    ):
        assert write(anna, path, address, evil).status == 303
    for path in PAGES:
        page = anna.get(f"{SCRIPT}{path}")
        assert page.status == 200
        assert "<script>alert" not in page.html
        assert "<img" not in page.html
        assert "49" not in page.text.replace("149", "")


def test_a_save_by_script_tells_faults_and_what_comes_next(console: ConsoleSite) -> None:
    anna = console.person("editor")
    page = anna.get(f"{SCRIPT}/settings")
    sent = {f"was:{HOURS}": was(page, HOURS), f"f:{HOURS}": "0", "csrf": anna.csrf}
    told = anna.client.post(f"{SCRIPT}/save", data=sent, headers={"Accept": "application/json"}).get_json()
    assert told["fields"][HOURS]["faults"]
    assert (told["edits"], told["stale"], told["redo"]) == (1, [], None)
    assert "срок" in told["undo"].lower()


def test_a_phrase_is_changed_its_cases_too_and_published_with_a_reason(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "", SAY, "Скажите, пожалуйста, от чего Вы хотите отказаться?")

    page = anna.get(f"{SCRIPT}/publish")
    assert "разговор" in anna.get(f"{SCRIPT}/changes").text, anna.get(f"{SCRIPT}/changes").text
    assert "поправить случаи тоже" in page.text
    anna.post(f"{SCRIPT}/cases/accept")
    page = anna.get(f"{SCRIPT}/publish")
    assert "Все случаи сошлись" in page.text
    version = re.search(r'name="version" value="(\d+)"', page.html)
    assert version
    assert anna.post(f"{SCRIPT}/publish", version=version[1], reason=" ").status == 422
    done = anna.done(f"{SCRIPT}/publish", version=version[1], reason="Так понятнее")

    assert "Опубликовано" in done.text
    newest = console.rows(activations)[-1]
    assert (newest["by"], newest["reason"]) == ("anna", "Так понятнее")
    assert console.rows(drafts) == []
    assert "Скажите, пожалуйста" in anna.get(SCRIPT).html


def test_a_draft_with_faults_or_changed_since_is_not_published(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/settings", HOURS, "0")
    version = str(console.rows(drafts)[0]["version"])
    assert anna.post(f"{SCRIPT}/publish", version=version, reason="x").status == 422
    assert anna.post(f"{SCRIPT}/publish", version="999", reason="x").status == 409
    assert len(console.rows(activations)) == 1


def test_a_publication_is_told_in_words_and_taken_back(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/people", COORDINATOR, "new@example.org")
    anna.post(f"{SCRIPT}/cases/accept")
    anna.done(f"{SCRIPT}/publish", version=str(console.rows(drafts)[0]["version"]), reason="Новый координатор")

    first, second = console.rows(activations)
    assert "new@example.org" in anna.get(f"/console/rules/history/{second['id']}").text
    assert anna.post(f"/console/rules/history/{first['id']}/back", reason="").status == 422
    anna.done(f"/console/rules/history/{first['id']}/back", reason="Рано", people="yes")
    assert console.rows(activations)[-1]["revision"] == first["revision"]


def bring(person: Person, texts: Mapping[str, str], folder: str = "rules") -> None:
    """Bring a folder of rules in."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"{folder}/{name}", text)
    sent = {"csrf": person.csrf, "folder": (io.BytesIO(packed.getvalue()), "r.zip")}
    person.client.post(f"{SCRIPT}/import", data=sent)


def test_the_folder_is_taken_along_and_brought_back_to_the_byte(console: ConsoleSite) -> None:
    anna = console.person("editor", "anna")
    packed = anna.client.get(f"{SCRIPT}/export").data
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        held = {name.removeprefix("rules/"): archive.read(name).decode() for name in archive.namelist()}
    assert held == rule_texts(RULES)
    mine = {name: text.replace("coordinator@example.org", "zip@example.org") for name, text in held.items()}
    bring(anna, mine, "mine/rules")
    assert "zip@example.org" in files(console, "anna")["roles.toml"]
    bad = anna.client.post(f"{SCRIPT}/import", data={"csrf": anna.csrf, "folder": (io.BytesIO(b"PK no"), "r.zip")})
    assert bad.status_code == 422


def test_a_draft_is_thrown_away_only_once_that_was_confirmed(console: ConsoleSite) -> None:
    anna = console.person("editor", "anna")
    write(anna, "/settings", HOURS, "12")
    assert "Удалить черновик?" in anna.post(f"{SCRIPT}/discard").text
    assert len(console.rows(drafts)) == 1
    anna.post(f"{SCRIPT}/discard", sure="yes", version="1")
    assert console.rows(drafts) == []


def publish(person: Person, console: ConsoleSite, owner: str, reason: str, **sent: str) -> Shown:
    """Publish a person's draft, its cases accepted."""
    person.post(f"{SCRIPT}/cases/accept")
    version = console.rows(drafts, owner=owner)[0]["version"]
    return person.post(f"{SCRIPT}/publish", version=str(version), reason=reason, **sent)


def test_two_people_at_once_lose_nothing(console: ConsoleSite) -> None:
    anna, boris = console.person("admin", "anna"), console.person("admin", "boris")
    write(anna, "/people", COORDINATOR, "anna@example.org")
    write(boris, "/people", "roles.role.sms_manager.address", "boris@example.org")
    publish(anna, console, "anna", "Анна")

    page = boris.get(f"{SCRIPT}/people")
    assert "Правила с тех пор опубликованы: anna" in page.text
    assert forms_of(page.html, "/merge")
    assert publish(boris, console, "boris", "Борис").status == 422
    assert boris.post(f"{SCRIPT}/merge").status == 303
    assert publish(boris, console, "boris", "Борис").status == 303
    held = anna.get(f"{SCRIPT}/people")
    assert value(held, COORDINATOR) == "anna@example.org"
    assert value(held, "roles.role.sms_manager.address") == "boris@example.org"


def test_a_field_that_both_changed_is_shown_with_both_values(console: ConsoleSite) -> None:
    anna, boris = console.person("admin", "anna"), console.person("admin", "boris")
    write(anna, "/people", COORDINATOR, "anna@example.org")
    write(boris, "/people", COORDINATOR, "boris@example.org")
    publish(anna, console, "anna", "Анна")

    shown = boris.post(f"{SCRIPT}/merge")
    assert shown.status == 409
    assert {"anna@example.org", "boris@example.org"} <= set(shown.text.split())
    boris.post(f"{SCRIPT}/merge", keep="theirs")
    assert value(boris.get(f"{SCRIPT}/people"), COORDINATOR) == "anna@example.org"
    boris.post(f"{SCRIPT}/undo")
    assert value(boris.get(f"{SCRIPT}/people"), COORDINATOR) == "boris@example.org"


def test_one_publication_is_taken_out_and_later_ones_stay(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    write(anna, "/people", COORDINATOR, "anna@example.org")
    publish(anna, console, "anna", "Координатор")
    write(anna, "/settings", "script.title", "Другое название")
    publish(anna, console, "anna", "Название")
    number = console.rows(activations)[1]["id"]

    anna.done(f"/console/rules/history/{number}/revert", reason="Рано")

    assert value(anna.get(f"{SCRIPT}/people"), COORDINATOR) == "coordinator@example.org"
    assert value(anna.get(f"{SCRIPT}/settings"), "script.title") == "Другое название"
    assert "отмена одной публикации" in anna.get("/console/rules/history").text


def test_a_new_script_begins_as_a_copy_and_is_published_with_its_cases(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    assert anna.post("/console/rules/copy", script="survey_opt_out", title=" ").status == 422
    page = anna.done("/console/rules/copy", script="survey_opt_out", title="Обратные звонки")
    assert "Обратные звонки" in page.text
    assert "новый, ещё не опубликован" in anna.get("/console/rules").text

    made = "/console/rules/script/obratnye_zvonki"
    anna.post(f"{made}/cases/accept")
    version = console.rows(drafts)[0]["version"]
    assert anna.post(f"{made}/publish", version=str(version), reason="Перезваниваем").status == 303
    listed = anna.get("/console/rules").text
    assert "Обратные звонки" in listed
    assert "ещё не опубликован" not in listed


def test_a_new_script_that_nobody_has_said_a_case_of_is_not_published(console: ConsoleSite) -> None:
    anna = console.person("admin", "anna")
    anna.post("/console/rules/copy", script="survey_opt_out", title="Обратные звонки")
    made = "/console/rules/script/obratnye_zvonki"
    (draft,) = console.rows(drafts)
    left = {name: text for name, text in draft["files"].items() if name != "obratnye_zvonki/cases.toml"}
    with console.ledger.write() as connection:
        connection.execute(update(drafts).values(files=left))

    page = anna.get(f"{made}/publish")
    assert "У нового скрипта «Обратные звонки» нет ни одного случая" in page.text
    assert 'name="reason"' not in page.html
    answer = anna.post(f"{made}/publish", version=str(draft["version"]), reason="Перезваниваем")
    assert (answer.status, len(console.rows(activations))) == (422, 1)
