"""The server itself refuses an end that cannot be carried out, in words for the operator, and nothing is lost."""

from __future__ import annotations

from typing import Any, cast

import pytest

from connectors.base import Card, CardRef, Connector
from plugin.config.settings import DeliveryPolicy
from plugin.errors import EventError
from plugin.operator_page.call import PageCall
from plugin.operator_page.client_lookup import ClientLookup
from plugin.operator_page.confirmation import read_confirmation
from plugin.operator_page.requirements import can_be_name, name_facts
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import CrmReads
from tests.plugin.operator_page.pages import SCRIPT, PageHarness
from tests.plugin.web.harness import Crm

NOT_CLIENT = {"related_to_car": False, "is_client": False}
OTHER_CLIENT = {"related_to_car": False, "is_client": True, "survey_type": "calls"}
CALLS = {"related_to_car": True, "survey_type": "calls"}


class EmptyCrm(Crm):
    """A CRM whose every card is there, without a name."""

    def read_card(self, card: object) -> Card:
        return Card(cast(CardRef, card))


def confirm(
    pages: PageHarness, call: PageCall, facts: dict[str, Any], outcome: str, **more: Any
) -> tuple[int, dict[str, Any]]:
    """Confirm what the preview shows; status and error."""
    asked = pages.confirmation(facts, outcome, **more)
    shown = pages.sessions.preview(call, SCRIPT, read_confirmation(asked))
    target = shown["target"] and shown["target"]["name"]
    asked["shown"] = {"outcome": outcome, "actions": shown["actions"], "target": target}
    status, body = pages.sessions.confirm(call, SCRIPT, read_confirmation(asked))
    return status, body.get("error", {})


@pytest.mark.parametrize(
    ("facts", "outcome", "card"),
    [
        (NOT_CLIENT, "exclude_all_not_client", ("contact", "42")),
        (OTHER_CLIENT | {"client_name": "Иванова Анна"}, "exclude_calls", ("contact", "42")),
        (CALLS, "exclude_calls", None),
    ],
    ids=["about-the-number", "another-client", "no-card"],
)
def test_an_end_that_lacks_its_number_is_refused_until_there_is_one(
    pages: PageHarness, facts: dict[str, Any], outcome: str, card: tuple[str, str] | None
) -> None:
    status, error = confirm(pages, pages.call(phone=None, card=card), facts, outcome)

    assert (status, error["code"]) == (422, "number_needed")
    assert list(error["fields"]) == ["phone"]
    assert "Укажите номер" in error["fields"]["phone"][0]
    assert pages.events == []
    assert confirm(pages, pages.call(card=card), facts, outcome)[0] == 202


def test_a_card_alone_is_enough_where_the_outcome_is_about_its_client(pages: PageHarness) -> None:
    assert confirm(pages, pages.call(phone=None), CALLS, "exclude_calls")[0] == 202


def test_what_writes_nothing_needs_no_number(pages: PageHarness) -> None:
    facts = {"related_to_car": True, "survey_type": "online", "agreed_to_warning": "changed_mind"}

    assert confirm(pages, pages.call(phone=None, card=None), facts, "none")[0] == 202


@pytest.mark.parametrize("name", ["123", "—", "8 916 123-45-67", "?"])
def test_what_has_no_letter_is_no_clients_name(pages: PageHarness, name: str) -> None:
    facts = OTHER_CLIENT | {"client_name": name}
    status, error = confirm(pages, pages.call(), facts, "exclude_calls")

    assert (status, error["code"]) == (422, "bad_name")
    assert error["fields"] == {"client_name": ["Это не похоже на имя. Впишите его буквами."]}
    assert pages.events == []
    with pytest.raises(EventError, match="cannot be the name"):
        pages.sessions.next(pages.call(), SCRIPT, pages.revision, {"client_name": name})


def test_a_call_that_cannot_be_written_can_be_handed_over(pages: PageHarness) -> None:
    facts = {"related_to_car": False, "is_client": True, "client_name": "—"}
    handed_over = pages.confirmation(facts, None, why="by_hand")

    assert pages.sessions.confirm(pages.call(phone=None), SCRIPT, read_confirmation(handed_over))[0] == 202


def test_a_number_can_still_be_added_to_a_call_that_is_recorded_without_one(pages: PageHarness) -> None:
    call = pages.call(phone=None)
    assert confirm(pages, call, CALLS, "exclude_calls")[0] == 202
    crm = cast(Connector, EmptyCrm({}))
    reads = CrmReads(crm, AccountGates(pages.ledger, crm, DeliveryPolicy(), pages.clock))
    clients = ClientLookup(pages.sessions, pages.ledger, reads, 1)
    with pytest.raises(EventError, match="cannot be changed"):
        clients.change(call, {"phone": "8 916 123-45-67", "card": "43"})
    found = clients.change(call, {"phone": "8 916 123-45-67", "card": "42"})

    facts = dict.fromkeys(CALLS) | NOT_CLIENT
    assert confirm(pages, found.call, facts, "exclude_all_not_client", id="confirm-2")[0] == 202
    assert [(one["phone"], one["outcome"]) for one in pages.calls] == [("+79161234567", "exclude_all_not_client")]


def test_facts_that_name_another_client_are_known_by_the_rules(pages: PageHarness) -> None:
    assert name_facts(pages.rules.current().script(SCRIPT).script) == {"client_name"}


@pytest.mark.parametrize("name", ["Ли", "O'Neil", "Ёлкина-Палкина", "李", "д"])
def test_names_of_any_script_are_names(name: str) -> None:
    assert can_be_name(name)
