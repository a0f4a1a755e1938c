"""A card that the CRM no longer has: cards get merged, so it is looked for once more by its phone number."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from connectors.base import Card, CardRef, CrmRefused, CrmUnavailable, Kind, NotDone, Outcome
from tests.plugin.delivery.fake_crm import Crm, FakeCrm
from tests.plugin.delivery.harness import CARD, House

PHONE = "+79160000042"
MERGED = CardRef("contact", "77")
LABEL = "Карточка: ‹ссылка на карточку›"


class Merging(FakeCrm):
    """A CRM in which only the known contacts' cards can be written to; any other is answered 404 (or ``status``)."""

    status = 404
    unreachable = False

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        if all(known.ref != card for known in self.crm.contacts):
            return NotDone("no such card", permanent=True, status=self.status)
        return super().add_comment(card, text, key)

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        if all(known.ref != card for known in self.crm.contacts):
            raise CrmRefused("no such card", status=self.status)
        return super().find(kind, card, key)

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        if self.unreachable:
            raise CrmUnavailable("no connection", after=20)
        return super().find_contact(phone, name)


def merge(crm: Crm, *ids: str) -> None:
    """The client's card is gone; cards with these ids have its phone number."""
    crm.contacts[:] = [Card(CardRef("contact", id_), "Клиент Карточки", phones=(PHONE,)) for id_ in ids]


def run(house: House, crm: FakeCrm, times: int = 3) -> None:
    worker = house.worker(crm)
    for _ in range(times):
        worker.run_once()


# --- not found again ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        ([], "no contact has its phone number"),
        (["77", "78"], "2 contacts have its phone number"),
        (["42", "77"], "is found by its phone number all the same"),
    ],
)
def test_without_exactly_one_other_card_it_is_left_to_a_human(house: House, ids: list[str], why: str) -> None:
    decision = house.decision()
    comment = house.delivery(decision)
    merge(house.crm, *ids)

    class Refusing(Merging):
        def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
            return NotDone("no such card", permanent=True, status=404)

    run(house, Refusing(house.crm))
    row = house.row(comment)
    assert row.state == "parked"
    assert row.why.startswith("no such card; the card contact 42 is")
    assert why in row.why
    assert house.card_of(decision)["id"] == "42"


def test_without_a_phone_number_it_is_left_to_a_human(house: House) -> None:
    comment = house.delivery(house.decision(phone=None))
    merge(house.crm, "77")
    run(house, Merging(house.crm))
    assert house.row(comment).state == "parked"
    assert "no phone number is known" in house.row(comment).why


@pytest.mark.parametrize("status", [400, 403, 422])
def test_any_other_refusal_parks_without_a_look(house: House, status: int) -> None:
    comment = house.one()
    merge(house.crm, "77")
    crm = Merging(house.crm)
    crm.status = status
    run(house, crm)
    assert (house.row(comment).state, house.row(comment).why) == ("parked", "no such card")
    assert "find_contact" not in crm.log


def test_it_is_looked_for_once_only(house: House) -> None:
    decision = house.decision()
    comment = house.delivery(decision)
    merge(house.crm, "77")
    crm = Merging(house.crm)
    house.worker(crm).run_once()
    merge(house.crm, "78")
    run(house, crm)
    row = house.row(comment)
    assert row.state == "parked"
    assert "the card contact 77, found in place of contact 42, is gone too" in row.why
    assert crm.log.count("find_contact") == 1


def test_a_crm_that_does_not_answer_the_look_is_asked_again_later(house: House) -> None:
    comment = house.one()
    merge(house.crm, "77")
    crm = Merging(house.crm)
    crm.unreachable = True
    house.worker(crm).run_once()
    assert (house.row(comment).state, house.row(comment).sent_at) == ("waiting", None)
    crm.unreachable = False
    house.clock.advance(30)
    run(house, crm)
    assert house.row(comment).state == "done"


# --- found again -------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
def test_the_one_card_with_its_phone_number_is_written_to_and_the_old_one_noted(house: House, status: int) -> None:
    decision = house.decision()
    comment = house.delivery(decision)
    merge(house.crm, "77")
    crm = Merging(house.crm)
    crm.status = status
    run(house, crm)
    assert [(record.kind, record.card) for record in house.crm.records] == [("comment", MERGED)]
    row = house.row(comment)
    assert (row.state, row.why) == ("done", "written to contact 77: the card contact 42 was gone")
    was = {"type": "contact", "id": "42"}
    assert house.card_of(decision) == {"type": "contact", "id": "77", "fallback": False, "was": was}
    assert house.steps(comment) == [("send", "not_done"), ("look_up", "found"), ("send", "done")]


def test_a_card_that_cannot_be_read_is_found_to_be_gone_before_anything_is_written(house: House) -> None:
    decision = house.decision()
    reminder = house.delivery(decision, "reminder", text=f"Исключить\n{LABEL}")
    merge(house.crm, "77")
    crm = FakeCrm(house.crm)
    run(house, crm)
    assert crm.log.index("find_contact") < crm.log.index("reminder")
    assert house.crm.records[0].card == MERGED
    assert house.row(reminder).why == "written to contact 77: the card contact 42 was gone"


def test_all_actions_of_the_decision_go_to_the_card_found(house: House) -> None:
    decision = house.decision()
    house.delivery(decision)
    house.delivery(decision, "reminder", text=f"Исключить\n{LABEL}")
    merge(house.crm, "77")
    crm = Merging(house.crm)
    run(house, crm, 4)
    assert {record.card for record in house.crm.records} == {MERGED}
    assert len(house.crm.records) == 2
    assert crm.log.count("find_contact") == 1


def test_what_may_have_been_written_before_is_looked_for_on_the_card_found(house: House) -> None:
    comment = house.one()
    crm = Merging(house.crm)
    crm.writes.append("dropped")
    house.worker(crm).run_once()
    assert house.row(comment).state == "unknown"
    merge(house.crm, "77")
    # A merge takes the old card's comments along.
    house.crm.records[0].card = MERGED
    house.clock.advance(30)
    run(house, crm)
    assert (house.row(comment).state, house.written(comment)) == ("done", 1)


def test_another_clients_card_is_looked_for_by_that_clients_number(house: House) -> None:
    other = "+79160000077"
    house.crm.contacts.append(Card(CardRef("contact", "50"), "Другой Клиент", phones=(other,)))
    decision = house.decision(target={"name": "Другой Клиент", "phone": other})
    first = house.delivery(decision)
    run(house, Merging(house.crm), 1)
    assert house.card_of(decision)["id"] == "50"
    house.crm.contacts[-1] = Card(CardRef("contact", "51"), "Другой Клиент", phones=(other,))
    later = house.delivery(decision)
    run(house, Merging(house.crm))
    assert house.row(first).state == house.row(later).state == "done"
    assert house.card_of(decision)["id"] == "51"
    assert CARD not in {record.card for record in house.crm.records}
