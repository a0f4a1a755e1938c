"""A role may have several people, chosen by fields of the call and the card, with absences and deputies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest

from plugin.authoring.verification import prove
from plugin.deciding.decision.compiled_rules import Rulebook
from plugin.deciding.ruleset import read_folder
from plugin.deciding.ruleset.people import addressee, are_recipients, everybody, present
from plugin.errors import RulesError
from tests.support.rules_folder import ROOT

SHIPPED = read_folder(ROOT / "rules")[0]
CALLS = {"related_to_car": True, "survey_type": "calls"}


def _people(content: dict[str, Any], *people: dict[str, Any]) -> None:
    content["roles.toml"]["role"]["survey_coordinator"] = {"label": "Координатор опросов", "person": list(people)}
    for script in ("survey_opt_out", "survey_opt_in"):
        content[f"{script}/vocabulary.toml"]["fact"]["brand"] = {
            "type": "choice",
            "values": ["Kia", "Lada"],
            "from": "card.brand",
            "label": "Марка",
        }


def _person(name: str, **more: Any) -> dict[str, Any]:
    login = name.lower()
    return {"name": name, "crm_user": login, "address": "x@example.org", **more}


def _rulebook(change: Callable[[dict[str, Any]], None]) -> Rulebook:
    content: dict[str, Any] = copy.deepcopy(SHIPPED)
    change(content)
    return Rulebook.from_content(content)


@pytest.fixture
def by_brand() -> Iterator[Rulebook]:
    def change(content: dict[str, Any]) -> None:
        _people(
            content,
            _person("Иванова", when={"card": {"brand": "Kia"}}),
            _person("Петрова", when={"card.brand": {"not": "Kia"}}),
            _person("Сидорова", when={"card.brand": {"unknown": True}}),
        )

    rulebook = _rulebook(change)
    yield rulebook
    rulebook.close()


@pytest.mark.parametrize(("brand", "person"), [("Kia", "Иванова"), ("Lada", "Петрова"), (None, "Сидорова")])
def test_the_person_is_chosen_by_a_field_of_the_card(by_brand: Rulebook, brand: str | None, person: str) -> None:
    facts = CALLS | ({"brand": brand} if brand else {})

    (reminder,) = [one for one in by_brand.script("survey_opt_out").decide(facts).actions if one.role]

    assert (reminder.role, reminder.person) == ("survey_coordinator", person)
    assert reminder.recipient == f"survey_coordinator:{person}"
    assert reminder.to_json()["person"] == person


def test_somebody_fills_the_role_for_every_value(by_brand: Rulebook) -> None:
    assert prove(by_brand).faults == ()


def test_a_value_for_which_the_role_is_empty_is_a_fault() -> None:
    rulebook = _rulebook(lambda content: _people(content, _person("Иванова", when={"card.brand": "Kia"})))

    faults = prove(rulebook).faults

    assert {fault.what for fault in faults} == {
        "в роли никого нет, если «Марка: не сообщено» (скрипт survey_opt_in)",
        "в роли никого нет, если «Марка: не сообщено» (скрипт survey_opt_out)",
    }
    rulebook.close()


def test_several_people_without_conditions_are_all_reminded_and_of_unfinished_calls_too() -> None:
    rulebook = _rulebook(lambda content: _people(content, _person("Иванова"), _person("Петрова", address="y@x.org")))
    decider = rulebook.script("survey_opt_out")

    assert [one.person for one in decider.decide(CALLS).actions if one.role] == ["Иванова", "Петрова"]
    assert decider.people("survey_coordinator", {}) == ["Иванова", "Петрова"]
    assert prove(rulebook).faults == ()
    rulebook.close()


def test_a_role_with_one_person_is_as_it_was() -> None:
    rulebook = _rulebook(lambda content: None)

    (reminder,) = [one for one in rulebook.script("survey_opt_out").decide(CALLS).actions if one.role]

    assert reminder.recipient == "survey_coordinator"
    assert "person" not in reminder.to_json()
    rulebook.close()


def test_who_is_away_is_stood_in_for_on_those_days_and_no_others() -> None:
    deputy = {"name": "Петрова", "crm_user": "petrova", "address": "p@example.org"}
    rulebook = _rulebook(
        lambda content: _people(content, _person("Иванова", away=["2026-12-24/2027-01-08"], deputy=deputy))
    )
    role = addressee(rulebook.roles, "survey_coordinator:Иванова")
    assert role is not None

    days = [date(2026, 12, 23), date(2026, 12, 24), date(2027, 1, 8), date(2027, 1, 9)]
    assert [present(role, day).crm_user for day in days] == ["иванова", "petrova", "petrova", "иванова"]
    assert [one.crm_user for one in everybody(rulebook.roles)][:2] == ["иванова", "petrova"]
    rulebook.close()


def test_what_is_addressed_to_a_person_who_left_finds_somebody_of_the_role() -> None:
    rulebook = _rulebook(
        lambda content: _people(content, _person("Иванова", when={"card.brand": "Kia"}), _person("Петрова"))
    )

    found = addressee(rulebook.roles, "survey_coordinator:Сидорова")

    assert found is not None
    assert found.name == "survey_coordinator:Петрова"
    assert addressee(rulebook.roles, "survey_coordinator") == found
    assert addressee(rulebook.roles, "nobody:Сидорова") is None
    rulebook.close()


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ([{"name": "Иванова", "address": "x@example.org"}], "нет пользователя CRM"),
        ([_person("Иванова"), _person("Иванова")], "в этой роли уже есть"),
        ([_person("Иванова", away=["2026-12-24"])], "на время отсутствия нет заместителя"),
        ([_person("Иванова", away=["24.12.2026"])], "нужны дни вида"),
        ([_person("Иванова", away=["2027-01-08/2026-12-24"])], "последний день раньше первого"),
        ([_person("Иванова", when={"card.city": "Москва"})], "поле «card.city» не объявлено в словаре"),
        ([_person("Иванова", when={"card.brand": "BMW"})], "допустимы"),
    ],
)
def test_people_who_cannot_be_reminded_are_faults(people: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(RulesError, match=told):
        _rulebook(lambda content: _people(content, *people))


def test_a_person_in_two_roles_that_are_both_reminded_is_told() -> None:
    def change(content: dict[str, Any]) -> None:
        _people(content, _person("Иванова", crm_user="sms.manager"), _person("Петрова", address="y@x.org"))

    rulebook = _rulebook(change)

    assert any("за один разговор" in fault.what for fault in prove(rulebook).faults)
    rulebook.close()


@pytest.mark.parametrize(
    ("named", "found", "same"),
    [
        (["a", "b"], ["b", "a"], True),
        (["a"], ["a", "b"], False),
        (["a"], ["a", "a"], False),
        (["a"], [], False),
        (["a"], ["a:Иванова"], True),
        (["a"], ["a:Иванова", "a:Петрова"], True),
        (["a"], ["a:Иванова", "a:Иванова"], False),
        (["a"], ["ab:Иванова"], False),
        (["a:Иванова"], ["a:Иванова", "a:Петрова"], False),
        (["a:Иванова", "a"], ["a:Иванова", "a:Петрова"], True),
        (["a:Иванова"], ["a:Петрова"], False),
        (["a:Иванова"], ["a"], False),
    ],
)
def test_the_name_of_a_role_stands_for_whoever_of_it_is_reminded(
    named: list[str], found: list[str], *, same: bool
) -> None:
    assert are_recipients(named, found) == same
