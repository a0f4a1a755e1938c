"""The CRM's mapping is checked against the rules: facts, values, and facts that are never mapped."""

from __future__ import annotations

from typing import Any

import pytest
from structlog.testing import capture_logs

from plugin.events.mapping_check import remarks
from plugin.service.start_rules import remark_on_facts
from tests.plugin.events.support import SETTINGS, Office, rulebook
from tests.plugin.web.harness import Crm

BOOL = frozenset[str | bool]({True, False})
#: Everything that the shipped script asks for.
WHOLE: dict[str, frozenset[str | bool] | None] = {
    "related_to_car": BOOL,
    "is_client": BOOL,
    "client_name": None,
    "survey_type": frozenset({"calls", "online", "all"}),
    "agreed_to_warning": frozenset({"yes", "surveys_only"}),
    "agreed_after_explanation": frozenset({True}),
}


def found(mapped: dict[str, Any]) -> list[tuple[str, str]]:
    scripts = {name: decider.script for name, decider in rulebook().scripts.items()}
    return [(one.what, one.remedy) for one in remarks(mapped, scripts, "survey_opt_out", "testcrm")]


def test_a_fact_that_no_script_has_is_remarked_on_with_the_closest() -> None:
    [(what, remedy)] = found(WHOLE | {"relatd_to_car": BOOL})
    assert what == "the fact relatd_to_car is mapped, and no script has it"
    assert remedy == "did you mean related_to_car? Correct [crm.testcrm.facts.relatd_to_car]"


def test_a_value_that_no_question_offers_is_remarked_on_with_those_that_are() -> None:
    [(what, remedy)] = found(WHOLE | {"survey_type": frozenset({"calls", "post"})})
    assert what == 'the fact survey_type is mapped to "post", which no question offers'
    assert remedy == 'Allowed in [crm.testcrm.facts.survey_type]: "all", "calls", "online"'


@pytest.mark.parametrize(
    ("fact", "values", "what"),
    [
        ("related_to_car", frozenset({"yes"}), 'mapped to "yes", which no question offers'),
        ("related_to_car", None, "is yes or no, and mapped as any text"),
        ("survey_type", frozenset({True}), "mapped to true, which no question offers"),
    ],
)
def test_values_of_another_type_are_remarked_on(fact: str, values: Any, what: str) -> None:
    [(told, _)] = found(WHOLE | {fact: values})
    assert what in told


def test_a_fact_that_the_default_script_asks_for_and_is_not_mapped_is_remarked_on() -> None:
    some = {name: values for name, values in WHOLE.items() if name != "survey_type"}
    assert found(some) == [
        (
            "the script survey_opt_out asks for the fact survey_type, and nothing is mapped to it",
            "Add [crm.testcrm.facts.survey_type], or every call that asks for it stays unfinished",
        )
    ]


def test_a_mapping_that_fits_and_none_at_all_are_both_fine() -> None:
    assert found(WHOLE) == []
    assert found({}) == []


def test_free_text_and_a_choice_spelt_in_the_field_itself_are_fine() -> None:
    assert found(WHOLE | {"survey_type": None, "client_name": frozenset({"Иванов Иван Иванович"})}) == []


def test_a_start_warns_of_each_remark_and_goes_on_where_the_connector_cannot_tell(office: Office) -> None:
    class Mapping(Crm):
        def facts(self) -> Any:
            return WHOLE | {"unknown_fact": BOOL}

    class Broken(Crm):
        def facts(self) -> Any:
            raise RuntimeError("+79161234567")

    with capture_logs() as logs:
        remark_on_facts(office.rules, SETTINGS, Mapping({}))
        remark_on_facts(office.rules, SETTINGS, Broken({}))
    assert [(log["event"], log["log_level"]) for log in logs] == [
        ("facts.not_fitting", "warning"),
        ("facts.fault", "error"),
    ]
    assert logs[0]["why"] == "the fact unknown_fact is mapped, and no script has it"
