"""Another person's word before rules go live, in the browser: sent, agreed to, revoked by an edit, taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from plugin.ledger.drafts import drafts
from plugin.ledger.schema import activations
from tests.plugin.web.console.console_site import ConsoleSite, Person, Shown
from tests.plugin.web.console.test_rules_pages import COORDINATOR, SCRIPT, write


@pytest.fixture
def four_eyes(console: ConsoleSite) -> ConsoleSite:
    """The same console, where one other person has to agree."""
    return ConsoleSite(console.ledger, console.rules, replace(console.settings, approvals=1), console.clock)


def send(site: ConsoleSite, person: Person, owner: str, reason: str = "Новый координатор") -> Shown:
    """Publish a person's draft, its cases accepted."""
    person.post(f"{SCRIPT}/cases/accept")
    version = site.rows(drafts, owner=owner)[0]["version"]
    return person.post(f"{SCRIPT}/publish", version=str(version), reason=reason)


def waiting(person: Person) -> list[str]:
    """The reviews that the history leads to."""
    html = person.get("/console/rules/history").html
    return [part.partition('"')[0] for part in html.split('href="')[1:] if part.startswith("/console/rules/review/")]


def test_nobody_agrees_to_their_own_rules_and_what_is_taken_back_is_agreed_to_no_more(four_eyes: ConsoleSite) -> None:
    anna, boris = four_eyes.person("admin", "anna"), four_eyes.person("admin", "boris")
    write(anna, "/people", COORDINATOR, "new@example.org")
    assert "Отправить на согласование" in anna.get(f"{SCRIPT}/publish").text
    assert send(four_eyes, anna, "anna").status == 202

    (review,) = waiting(anna)
    assert "Согласовать" not in anna.get(review).text
    assert "своё изменение согласовать нельзя" in anna.post(review, reason="Сама себе").text
    assert four_eyes.person("supervisor").post(review, reason="Пусть").status == 403
    assert boris.post(review, reason=" ").status == 422
    boris.done(review, reason="Согласен")
    assert boris.post(review, act="withdraw", reason=" ").status == 422
    assert "Снято с согласования" in boris.done(review, act="withdraw", reason="Передумали").text

    assert waiting(boris) == []
    assert boris.post(review, act="withdraw", reason="Ещё раз").status == 422
    assert send(four_eyes, anna, "anna").status == 202
    assert len(waiting(boris)) == 1
    assert len(four_eyes.rows(activations)) == 1


def test_what_another_admin_agreed_to_is_published_and_an_edit_needs_it_anew(four_eyes: ConsoleSite) -> None:
    anna, boris = four_eyes.person("admin", "anna"), four_eyes.person("admin", "boris")
    write(anna, "/people", COORDINATOR, "new@example.org")
    send(four_eyes, anna, "anna")
    (review,) = waiting(boris)
    assert "new@example.org" in boris.get(review).text
    boris.done(review, reason="Согласен")
    assert "Согласовано: boris" in anna.get(f"{SCRIPT}/publish").text

    write(anna, "/people", COORDINATOR, "other@example.org")
    assert "Согласовано" not in anna.get(f"{SCRIPT}/publish").text
    assert send(four_eyes, anna, "anna").status == 202
    assert len(four_eyes.rows(activations)) == 1

    newer = next(one for one in waiting(boris) if one != review)
    boris.done(newer, reason="Согласен и так")
    assert send(four_eyes, anna, "anna").status == 303
    newest = four_eyes.rows(activations)[-1]
    assert (newest["by"], newest["approved_by"]) == ("anna", "boris")
    # What was sent over the rules of before waits no more.
    assert waiting(boris) == []
