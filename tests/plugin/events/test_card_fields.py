"""Fields that only the client's card in the CRM holds: read before a call is decided, or later."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import update

from connectors.base import Card, CardRef
from plugin.events.card_fields import CardFieldReader
from plugin.events.intake import Intake
from plugin.events.late_card_fields import LateCardFields
from plugin.ledger.chain.forget import hold
from plugin.ledger.history import read_call
from plugin.ledger.schema import events
from plugin.ledger.unread_cards import unread_cards
from plugin.operations.purge import Purge
from plugin.resilience.gates import AccountGates
from plugin.resilience.reads import CrmReads
from tests.connectors.embedded.rig import EmbeddedRig, rig
from tests.plugin.events.support import CALLS, HALF, Office, at, call_result, edited_rules, office_on, rulebook
from tests.plugin.promise.test_chain import faults, take_all
from tests.support.fake_api import Fault

KIA, OTHER = "survey_coordinator:Иванова", "survey_coordinator:Петрова"
PEOPLE = [
    {"name": "Иванова", "crm_user": "ivanova", "address": "i@example.org", "when": {"card": {"brand": "Kia"}}},
    {"name": "Петрова", "crm_user": "petrova", "address": "p@example.org", "when": {"card.brand": {"not": "Kia"}}},
    {"name": "Сидорова", "crm_user": "sidorova", "address": "s@example.org", "when": {"card.brand": {"unknown": True}}},
]
UNKNOWN = "survey_coordinator:Сидорова"


def _edit(content: dict[str, Any]) -> None:
    content["roles.toml"]["role"]["survey_coordinator"] = {"label": "Координатор опросов", "person": PEOPLE}
    for script in ("survey_opt_out", "survey_opt_in"):
        facts = content[f"{script}/vocabulary.toml"]["fact"]
        facts["brand"] = {"type": "text", "from": "card.brand", "label": "Марка"}
        facts["vip"] = {"type": "bool", "from": "card.vip", "label": "VIP"}
    head = {"id": "head", "kind": "comment", "text": "Особый клиент", "when": {"vip": True}}
    content["survey_opt_out/outcomes.toml"]["outcome"]["exclude_calls"]["action"].append(head)


@dataclass
class Dealership:
    """An intake on a CRM whose cards hold the brand, and what reads late."""

    office: Office
    crm: EmbeddedRig
    reader: CardFieldReader
    wakes: int = 0

    def __post_init__(self) -> None:
        office = self.office
        self.late = LateCardFields(
            office.ledger, office.rules, office.settings, self.reader, office.clock, wake=self._woken
        )

    def _woken(self) -> None:
        self.wakes += 1

    def take(self, facts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
        """The 202 of an event of the CRM's card that tells nothing of it but its id."""
        changes = {"card": {"type": "contact", "id": self.crm.card.id}} | changes
        return self.office.taken(CALLS if facts is None else facts, **changes)

    def reminded(self, number: int | None = None) -> list[str | None]:
        return [row["role"] for row in self.office.deliveries(number) if row["kind"] == "reminder"]

    def waiting(self) -> int:
        return len(self.office.rows(unread_cards))

    def asked(self) -> int:
        return len(self.crm.front.requests)


@pytest.fixture
def dealership(ledger_url: str) -> Iterator[Dealership]:
    with office_on(ledger_url) as office, rig() as crm:
        office.rules.activate(edited_rules(_edit), "test", "card fields")
        gates = AccountGates(office.ledger, crm.connector, office.settings.delivery, office.clock)
        reads = CrmReads(crm.connector, gates, refreshing=True)
        made = Dealership(office, crm, CardFieldReader(reads, crm.connector.card_fields()))
        office.intake = Intake(office.ledger, office.rules, office.settings, office.clock, made.reader)
        yield made


def test_the_card_chooses_the_people_and_actions(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", True)
    answer = dealership.take()
    assert dealership.reminded() == [KIA]
    assert "head" in [action["id"] for action in answer["decision"]["actions"]]
    assert "warnings" not in answer
    assert dealership.waiting() == 0


def test_a_field_that_the_event_brings_is_not_read(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", True)
    before = dealership.asked()
    dealership.take(card={"type": "contact", "id": dealership.crm.card.id, "brand": "Lada", "vip": False})
    assert dealership.reminded() == [OTHER]
    assert dealership.asked() == before


def test_rules_that_read_no_field_of_the_card_ask_the_crm_nothing(dealership: Dealership) -> None:
    dealership.office.rules.activate(rulebook(), "test", "shipped")
    before = dealership.asked()
    dealership.take()
    assert dealership.asked() == before


def test_a_repeated_event_asks_the_crm_nothing_more(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", None)
    dealership.take(id="evt-1")
    before = dealership.asked()
    sent = call_result(CALLS, id="evt-1", card={"type": "contact", "id": dealership.crm.card.id})
    assert dealership.office.send(sent).status == 200
    assert dealership.asked() == before


def test_without_a_card_the_one_contact_with_the_number_tells(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", None)
    dealership.take(card=None)
    assert dealership.reminded() == [KIA]


def test_with_several_contacts_the_field_is_unknown_and_nothing_waits(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", None)
    dealership.crm.namesake()
    answer = dealership.take(card=None)
    assert dealership.reminded() == [UNKNOWN]
    assert any(warning.startswith("card.brand: not one card alone") for warning in answer["warnings"])
    assert dealership.waiting() == 0


def test_a_card_that_is_gone_leaves_the_field_unknown(dealership: Dealership) -> None:
    dealership.take(card={"type": "contact", "id": dealership.crm.missing.id})
    assert dealership.reminded() == [UNKNOWN]
    assert dealership.waiting() == 0


def test_a_value_that_is_not_mapped_is_unknown_and_named(dealership: Dealership) -> None:
    dealership.crm.fill("Opel", True)
    answer = dealership.take()
    assert dealership.reminded() == [UNKNOWN]
    assert "head" in [action["id"] for action in answer["decision"]["actions"]]
    assert [warning for warning in answer["warnings"] if "not mapped" in warning]


def test_a_crm_that_is_away_holds_up_no_event_and_loses_no_reminder(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", True)
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    answer = dealership.take()
    assert dealership.reminded() == [UNKNOWN]
    assert [warning for warning in answer["warnings"] if warning.startswith("card.brand: the CRM could not be asked")]
    assert dealership.waiting() == 1

    dealership.late.step()
    assert dealership.office.outcomes() == [(1, "exclude_calls")]
    dealership.crm.front.outage = None
    dealership.office.clock.pass_(minutes=10)
    dealership.late.step()

    assert dealership.office.outcomes() == [(1, "exclude_calls"), (2, "exclude_calls")]
    assert dealership.reminded(2) == [KIA]
    assert {row["state"] for row in dealership.office.deliveries(1)} == {"cancelled"}
    assert "Особый клиент" in [row["text"].split("\n")[0] for row in dealership.office.deliveries(2)]
    assert (dealership.waiting(), dealership.wakes) == (0, 1)
    dealership.late.step()
    assert len(dealership.office.outcomes()) == 2


def test_what_was_read_late_stays_with_later_events(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", None)
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take(HALF)
    dealership.crm.front.outage = None
    dealership.office.clock.pass_(minutes=1)
    dealership.late.step()
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take(CALLS, occurred_at=at(1))
    assert dealership.reminded() == [KIA]


def test_what_is_read_late_changes_nothing_that_the_chain_holds_and_is_chained_itself(dealership: Dealership) -> None:
    office = dealership.office
    dealership.crm.fill("Kia", None)
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take()
    take_all(office)
    dealership.crm.front.outage = None
    office.clock.pass_(minutes=1)
    dealership.late.step()
    take_all(office)
    assert faults(office) == []
    (event,) = office.rows(events)
    with office.ledger.write() as connection:
        connection.execute(update(events).values(card_facts=event["card_facts"] | {"brand": "Lada"}))
    assert [(fault.what, fault.kind, fault.ref) for fault in faults(office)] == [("record", "card", event["id"])]


def test_what_was_read_late_is_shown_and_purged_with_the_event(dealership: Dealership) -> None:
    office = dealership.office
    dealership.crm.fill("Kia", None)
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take(HALF)
    dealership.crm.front.outage = None
    office.clock.pass_(minutes=1)
    dealership.late.step()
    (event,) = office.rows(events)
    with office.ledger.read() as connection:
        shown = read_call(connection, event["call_ref"], office.clock()).events[0]["facts"]
    assert shown == event["facts"] | event["card_facts"]
    take_all(office)
    with office.ledger.write() as connection:
        hold(connection)
        Purge.of_person(office.ledger, office.clock).purge_calls(connection, [event["call_ref"]])
    take_all(office)
    assert faults(office) == []
    assert [list(row["card_facts"] or {}) for row in office.rows(events)] == [[]]


def test_a_late_reading_that_changes_nothing_writes_nothing(dealership: Dealership) -> None:
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take()
    dealership.crm.front.outage = None
    dealership.office.clock.pass_(minutes=1)
    dealership.late.step()
    assert dealership.office.outcomes() == [(1, "exclude_calls")]
    assert (dealership.waiting(), dealership.wakes) == (0, 0)


def test_rules_published_meanwhile_do_not_hide_what_is_read_late(dealership: Dealership) -> None:
    dealership.crm.fill("Kia", None)
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take()
    dealership.crm.front.outage = None

    def other(content: dict[str, Any]) -> None:
        _edit(content)
        content["survey_opt_out/script.toml"]["title"] = "Другой"

    dealership.office.rules.activate(edited_rules(other), "test", "another title")
    dealership.office.clock.pass_(minutes=1)
    dealership.late.step()
    assert dealership.reminded(2) == [KIA]


def test_what_can_never_be_read_is_given_up_after_days(dealership: Dealership) -> None:
    dealership.crm.front.outage = Fault.ERROR_BEFORE
    dealership.take()
    dealership.office.clock.pass_(days=4)
    dealership.late.step()
    assert dealership.waiting() == 0
    assert dealership.reminded() == [UNKNOWN]


class HangingReads:
    """A CRM that answers only once it is let."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def read_card(self, card: CardRef) -> Card | None:
        self.go.wait(30)
        return None

    def find_contact(self, phone: str | None = None, name: str | None = None) -> list[Card]:
        raise AssertionError

    read_cards = find = reminder_state = find_contact


def test_a_crm_that_hangs_is_waited_for_no_longer_than_the_event_can(dealership: Dealership) -> None:
    hanging = HangingReads()
    office = dealership.office
    reader = CardFieldReader(hanging, ["brand", "vip"], wait=0.05)  # type: ignore[arg-type]
    office.intake = Intake(office.ledger, office.rules, office.settings, office.clock, reader)
    try:
        dealership.take()
    finally:
        hanging.go.set()
    assert dealership.reminded() == [UNKNOWN]
    assert dealership.waiting() == 1
