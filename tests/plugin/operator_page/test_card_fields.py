"""What the card holds is known to the page once the card was found, and the call is decided by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.base import CardRef
from plugin.operator_page.call import PageCall
from plugin.operator_page.client_lookup import ClientLookup
from plugin.operator_page.confirmation import read_confirmation
from plugin.operator_page.tickets import Tickets
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import CrmReads
from tests.connectors.contract.rig import PHONE
from tests.connectors.embedded.rig import EmbeddedRig, rig
from tests.plugin.events.support import CALLS, edited_rules
from tests.plugin.operator_page.pages import SCRIPT, PageHarness
from tests.support.fake_api import Fault


def _edit(content: dict[str, Any]) -> None:
    vip = {"type": "bool", "from": "card.vip", "label": "VIP"}
    content["survey_opt_out/vocabulary.toml"]["fact"]["vip"] = vip
    head = {"id": "head", "kind": "comment", "text": "Особый клиент", "when": {"vip": True}}
    content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"].append(head)


@pytest.fixture
def crm(pages: PageHarness) -> Iterator[EmbeddedRig]:
    pages.rules.activate(edited_rules(_edit), "test", "card fields")
    with rig() as made:
        yield made


def clients(pages: PageHarness, crm: EmbeddedRig) -> ClientLookup:
    reads = CrmReads(crm.connector, AccountGates(pages.ledger, crm.connector, pages.settings.delivery, pages.clock))
    return ClientLookup(pages.sessions, pages.ledger, reads, 4, reads_fields=True)


def with_card(pages: PageHarness, card: CardRef | None) -> PageCall:
    return pages.call(phone=PHONE, card=(card.type, card.id) if card else None)


def endings(told: dict[str, Any]) -> list[list[str]]:
    """The actions of every ending that excludes from calls."""
    nodes = [node for node in told["tree"]["nodes"] if node.get("outcome") == "exclude_calls"]
    return [[action["id"] for action in node["actions"]] for node in nodes]


@pytest.mark.parametrize("by_number", [False, True])
def test_the_card_that_was_found_brings_its_fields(pages: PageHarness, crm: EmbeddedRig, by_number: bool) -> None:
    crm.fill("Kia", True)
    call = with_card(pages, None if by_number else crm.card)
    found = clients(pages, crm).look_up(call).call

    assert dict(found.card_fields) == {"brand": "Kia", "vip": True}
    assert not pages.sessions.tells_the_same(call, found, SCRIPT, pages.revision)
    assert all("head" in actions for actions in endings(pages.sessions.conversation(found, SCRIPT, pages.revision)))
    assert not any("head" in actions for actions in endings(pages.sessions.conversation(call, SCRIPT, pages.revision)))


def test_the_end_is_decided_by_what_the_page_knew_of_the_card(pages: PageHarness, crm: EmbeddedRig) -> None:
    crm.fill("Kia", True)
    found = clients(pages, crm).look_up(with_card(pages, crm.card)).call
    crm.front.outage = Fault.ERROR_BEFORE
    shown = next(iter(endings(pages.sessions.conversation(found, SCRIPT, pages.revision))))
    confirmation = read_confirmation(pages.confirmation(CALLS, "exclude_calls", shown))

    foreseen = pages.sessions.preview(found, SCRIPT, confirmation)
    assert "Особый клиент" in str(foreseen)
    assert pages.sessions.confirm(found, SCRIPT, confirmation)[0] == 202
    assert [event["facts"]["vip"] for event in pages.events] == [True]


def test_a_crm_that_does_not_answer_leaves_the_fields_unknown(pages: PageHarness, crm: EmbeddedRig) -> None:
    crm.fill("Kia", True)
    crm.front.outage = Fault.ERROR_BEFORE
    found = clients(pages, crm).look_up(with_card(pages, crm.card))
    assert (found.state, dict(found.call.card_fields)) == ("unknown", {})


def test_a_ticket_and_the_journal_carry_the_fields_on(pages: PageHarness, crm: EmbeddedRig) -> None:
    crm.fill("Kia", False)
    found = clients(pages, crm).look_up(with_card(pages, crm.card)).call
    tickets = Tickets.of(pages.settings.page, pages.clock)
    assert tickets.read(tickets.make(found), found.id) == found
    pages.sessions.begin(found)
    begun = pages.sessions.begun(found.id, "ivanova")
    assert begun is not None
    assert begun.card_fields == found.card_fields
