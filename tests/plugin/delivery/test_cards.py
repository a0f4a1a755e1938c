"""Which card things are written to, and that it stays the same one."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from connectors.base import Card, CardRef
from tests.plugin.delivery.fake_crm import START, FakeCrm
from tests.plugin.delivery.harness import CARD, House

OTHER = CardRef("contact", "77")
PHONE = "+79160000042"
TARGET = {"name": "Другой Клиент", "phone": PHONE}
FALLBACK = "Ответил другой клиент: Другой Клиент; клиента этой карточки не исключать"


def other_client(house: House, *ids: str) -> None:
    house.crm.contacts += [Card(CardRef("contact", id_), "Другой Клиент", phones=(PHONE,)) for id_ in ids]


# --- no card -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phone", "twins", "why"),
    [
        (None, 0, "the call names neither a card nor a phone number"),
        ("+79990000000", 0, "the call names no card, and no contact has its phone number"),
        (PHONE, 1, "the call names no card, and 2 contacts have its phone number"),
    ],
)
def test_a_call_whose_card_cannot_be_told_is_parked_with_an_alert(
    house: House, phone: str | None, twins: int, why: str
) -> None:
    other_client(house, *["77"] * twins)
    decision = house.decision(card=None, phone=phone)
    comment = house.delivery(decision)
    with capture_logs() as logs:
        house.worker().run_once()
    assert (house.row(comment).state, house.row(comment).why) == ("parked", why)
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == ["delivery.parked"]
    assert house.card_of(decision) is None


def test_a_missing_card_does_not_hold_up_the_mail(house: House) -> None:
    decision = house.decision(card=None, phone=None, target=TARGET)
    house.delivery(decision, "reminder", fallback_text=FALLBACK)
    house.delivery(decision, "smtp_email", fallback_text=FALLBACK)
    house.worker().run_once()
    assert [row.state for row in house.rows()] == ["parked", "done"]
    assert FALLBACK in house.mailer.mails[0][2]


def test_a_crm_that_is_away_is_asked_for_the_card_again_later(house: House) -> None:
    delivery = house.delivery(house.decision(card=None))
    house.run_once(reads=["down"])
    assert (house.row(delivery).state, house.until_due(delivery)) == ("waiting", 20)
    assert house.steps(delivery) == [("look_up", "not_done")]
    house.clock.advance(20)
    house.worker().run_once()
    assert house.row(delivery).state == "done"


def test_a_crm_that_does_not_let_contacts_be_read_parks(house: House) -> None:
    delivery = house.delivery(house.decision(card=None))
    house.run_once(reads=["refused"])
    assert (house.row(delivery).state, house.row(delivery).why) == ("parked", "no access")


def test_a_call_without_a_card_goes_to_the_one_contact_with_its_phone(house: House) -> None:
    decision = house.decision(card=None)
    house.delivery(decision)
    house.worker().run_once()
    assert house.crm.records[0].card == CARD
    assert house.card_of(decision) == {"type": "contact", "id": "42", "fallback": False}


def test_the_same_card_found_twice_is_one_card(house: House) -> None:
    house.crm.contacts.append(house.crm.contacts[0])
    decision = house.decision(card=None)
    house.delivery(decision)
    house.worker().run_once()
    assert house.crm.records[0].card == CARD


# --- another client answered -------------------------------------------------------------------------


def test_another_client_found_once_gets_everything_on_their_own_card(house: House) -> None:
    other_client(house, "77")
    decision = house.decision(target=TARGET)
    house.delivery(decision, fallback_text=FALLBACK)
    house.delivery(decision, "reminder", fallback_text=FALLBACK)
    house.delivery(decision, "smtp_email", fallback_text=FALLBACK)
    house.worker().run_once()
    assert [record.card for record in house.crm.records] == [OTHER, OTHER]
    assert not any(FALLBACK in text for text in [*(r.text for r in house.crm.records), house.mailer.mails[0][2]])
    assert house.card_of(decision) == {"type": "contact", "id": "77", "fallback": False}


@pytest.mark.parametrize("twins", [[], ["77", "78"]], ids=["none", "several"])
def test_another_client_not_found_exactly_once_is_written_to_the_calls_card_saying_so(
    house: House, twins: list[str]
) -> None:
    other_client(house, *twins)
    decision = house.decision(target=TARGET)
    comment = house.delivery(decision, fallback_text=FALLBACK)
    house.delivery(decision, "smtp_email", fallback_text=FALLBACK)
    house.worker().run_once()
    [record] = house.crm.records
    mark = f"[ref:{house.row(comment).key[:16]}]"
    assert (record.card, record.text) == (CARD, f"Клиент просит исключить\n{FALLBACK}\n{mark}")
    assert house.mailer.mails[0][2].split("\n")[-2] == FALLBACK
    assert house.card_of(decision) == {"type": "contact", "id": "42", "fallback": True}


def test_a_text_without_a_mark_gets_the_line_at_its_end(house: House) -> None:
    house.delivery(house.decision(target=TARGET), text="Текст", fallback_text=FALLBACK)
    house.worker().run_once()
    assert house.crm.records[0].text == f"Текст\n{FALLBACK}"


@pytest.mark.parametrize("target", [{}, {"name": None, "phone": None}, {"name": "", "phone": ""}])
def test_a_target_without_phone_and_name_is_ignored(house: House, target: dict[str, str | None]) -> None:
    decision = house.decision(target=target)
    house.delivery(decision)
    crm = house.run_once()
    assert crm.log == ["comment"]
    assert house.card_of(decision)["fallback"] is True


@pytest.mark.parametrize(
    ("held", "asked"),
    [
        ("8 (903) 765-43-21 (жена)", "+79037654321"),
        ("+8 (903) 765-43-21", "8 903 765-43-21"),
        ("8 916 555-00-01, жена 8 903 765-43-21", "+79037654321"),
        ("+79037654321", "8 916 555-00-01, жена 8 903 765-43-21"),
        ("+79037654321", "8 903 765-43-21 моб"),
    ],
)
@pytest.mark.parametrize("called", [None, "Зайцев Андрей"])
def test_another_client_is_found_by_any_number_of_both_fields(
    house: House, held: str, asked: str, called: str | None
) -> None:
    decomposed = unicodedata.normalize("NFD", "Зайцев Андрей")
    house.crm.contacts += [Card(OTHER, decomposed, phones=(held,)), Card(CardRef("contact", "78"), "Зайцев Пётр")]
    house.delivery(house.decision(target={"name": called, "phone": asked}), fallback_text=FALLBACK)
    house.worker().run_once()
    assert [record.card for record in house.crm.records] == [OTHER]


@pytest.mark.parametrize("phone", ["Unknown", "не знает", "8 903 765-43-2", "112"])
def test_what_is_no_number_is_never_looked_for(house: House, phone: str) -> None:
    house.crm.contacts.append(Card(OTHER, "Кто-то", phones=(phone,)))
    target = house.decision(target={"name": " ", "phone": phone})
    house.delivery(target)
    caller = house.delivery(house.decision(card=None, phone=phone))
    crm = house.run_once()
    assert crm.log == ["comment"]
    assert house.card_of(target)["fallback"] is True
    assert house.row(caller).why == "the call names neither a card nor a phone number"


def test_the_crm_is_asked_for_the_number_alone_and_the_name_is_compared_here(house: House) -> None:
    asked: list[tuple[str | None, str | None]] = []

    class Listening(FakeCrm):
        def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
            asked.append((phone, name))
            return super().find_contact(phone, name)

    other_client(house, "77")
    house.crm.contacts.append(Card(CardRef("contact", "78"), "Жена Клиента", phones=(PHONE,)))
    house.delivery(house.decision(target={"name": "клиент  другoй", "phone": PHONE}), fallback_text=FALLBACK)
    house.worker(Listening(house.crm)).run_once()
    assert asked == [(PHONE, None)]
    assert [record.card for record in house.crm.records] == [OTHER]


# --- once settled ------------------------------------------------------------------------------------


def test_the_card_is_chosen_before_the_first_write(house: House) -> None:
    decision = house.decision(card=None)
    house.delivery(decision)
    crm = FakeCrm(house.crm)
    seen = []
    crm.meanwhile = lambda: seen.append(house.card_of(decision))
    house.worker(crm).run_once()
    assert seen == [{"type": "contact", "id": "42", "fallback": False}]


def test_a_repeat_looks_on_the_card_that_was_written_to_even_if_the_other_client_appears_meanwhile(
    house: House,
) -> None:
    delivery = house.delivery(house.decision(target=TARGET), fallback_text=FALLBACK)
    house.run_once("dropped")
    other_client(house, "77")
    house.clock.advance(30)
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
    assert house.crm.records[0].card == CARD


def test_later_deliveries_go_to_the_chosen_card_without_asking_again(house: House) -> None:
    decision = house.decision(target=TARGET)
    house.delivery(decision)
    house.worker().run_once()
    other_client(house, "77")
    late = house.delivery(decision, "reminder")
    crm = house.run_once()
    assert (crm.log, house.row(late).state) == (["reminder"], "done")
    assert {record.card for record in house.crm.records} == {CARD}


def test_of_two_processes_that_find_different_cards_the_first_one_counts_for_both(house: House) -> None:
    decision = house.decision(target=TARGET)
    house.delivery(decision)
    reminder = house.delivery(decision, "reminder", not_before=START + timedelta(seconds=1))
    slow, quick = FakeCrm(house.crm), FakeCrm(house.crm)

    def settle_otherwise() -> None:
        other_client(house, "77")
        house.clock.advance(1)
        house.worker(quick).run_once()
        assert house.row(reminder).state == "done"

    slow.meanwhile_reading = settle_otherwise
    house.worker(slow).run_once()
    assert {record.card for record in house.crm.records} == {OTHER}
    assert [record.kind for record in house.crm.records] == ["reminder", "comment"]
