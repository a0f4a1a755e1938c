"""A text waits for its card until the deadline is near; many cards are one request; a mail is repeated as it was."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta

import pytest

from connectors.base import Assignee, Card, CardRef, CrmRefused
from plugin.config.settings import DeliveryPolicy
from plugin.deciding.ruleset import Role
from plugin.delivery.card_reader import CardReader
from plugin.resilience.reads import Reads
from tests.plugin.delivery.fake_crm import Crm, FakeCrm
from tests.plugin.delivery.harness import CARD, House
from tests.plugin.delivery.test_outage import Behind502

TEXT = "Исключить\nКлиент: ‹имя в карточке›"


class Plural(FakeCrm):
    """A CRM that reads up to ten cards at once; ``poison`` spoils any request that it is in."""

    most_cards = 10
    poison: CardRef | None = None

    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.read: list[int] = []

    def read_cards(self, cards: Sequence[CardRef]) -> Mapping[CardRef, Card | None]:
        self.read.append(len(cards))
        self._read("read_cards")
        if self.poison in cards:
            raise CrmRefused("one of them is not for you", status=403)
        known = {card.ref: card for card in self.crm.contacts}
        return {card: known.get(card) for card in cards}

    def read_card(self, card: CardRef) -> Card | None:
        if card == self.poison:
            raise CrmRefused("not for you", status=403)
        return super().read_card(card)


@pytest.fixture
def busy(house: House) -> House:
    house.policy = DeliveryPolicy(threads=1, batch=40, jitter=0.0, poll_seconds=0.01)
    return house


def contacts(house: House, count: int) -> list[CardRef]:
    refs = [CardRef("contact", f"{number}") for number in range(100, 100 + count)]
    house.crm.contacts += [Card(ref, f"Клиент {ref.id}") for ref in refs]
    return refs


# --- the CRM cannot be asked --------------------------------------------------------------------------


def test_a_mail_waits_for_the_name_while_the_crm_is_away_and_then_goes_out_with_it(busy: House) -> None:
    crm = Behind502(busy.crm)
    worker = busy.worker(crm)
    mail = busy.one("smtp_email", text=TEXT)
    for _ in range(60):
        worker.run_once()
        busy.clock.advance(60)
    row = busy.row(mail)
    assert (row.state, busy.mailer.mails) == ("waiting", [])
    assert row.why.startswith("waits for the card: ")
    crm.away = False
    # The probe that finds the CRM back wakes what waited for it.
    for _ in range(4):
        busy.clock.advance(30)
        worker.run_once()
    assert [text for _, _, text, _ in busy.mailer.mails] == ["Исключить\nКлиент: Клиент Карточки"]


@pytest.mark.parametrize(
    ("hours", "left", "goes"), [(24, 6.1, False), (24, 5.9, True), (1, 0.6, False), (1, 0.4, True)]
)
def test_near_the_deadline_a_mail_goes_out_without(busy: House, hours: float, left: float, goes: bool) -> None:
    busy.policy = DeliveryPolicy(threads=1, jitter=0.0, breaker_failures=1000)
    crm = FakeCrm(busy.crm)
    decision = busy.decision(deadline=busy.clock() + timedelta(hours=hours))
    mail = busy.delivery(decision, "smtp_email", text=TEXT)
    busy.clock.advance((hours - left) * 3600)
    crm.reads.append("down")
    busy.worker(crm).run_once()
    assert busy.row(mail).state == ("done" if goes else "waiting")
    assert [text for _, _, text, _ in busy.mailer.mails] == (["Исключить"] if goes else [])


def test_a_mail_of_the_crm_waits_for_the_crm_however_near_the_deadline_is(busy: House) -> None:
    mail = busy.one("crm_email", text=TEXT)
    busy.clock.advance(23.9 * 3600)
    busy.run_once(reads=["down"])
    assert busy.row(mail).state == "waiting"
    assert busy.crm.records == []


# --- one key, one body --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["crm_email", "smtp_email"])
def test_a_mail_is_repeated_as_it_went_out_first(busy: House, kind: str) -> None:
    mail = busy.one(kind, text=TEXT)
    busy.mailer.answers = ["unknown"]
    busy.run_once("lost")
    first = busy.row(mail).sent_text
    busy.crm.contacts[0] = Card(CARD, "Клиент Переименованный")
    busy.roles["coordinator"] = Role("coordinator", "Другая", "u9", "other@example.org", "smtp")
    busy.clock.advance(3600)
    busy.run_once()
    assert busy.row(mail).state == "done"
    if kind == "crm_email":
        (record,) = busy.crm.records
        assert (record.text, record.assignee) == (first, Assignee("u7", "coordinator@example.org"))
    else:
        assert [text for _, _, text, _ in busy.mailer.mails] == [first, first]


def test_what_surely_did_not_go_out_says_how_it_is_now(busy: House) -> None:
    mail = busy.one("crm_email", text=TEXT)
    busy.run_once("error")
    busy.crm.contacts[0] = Card(CARD, "Клиент Переименованный")
    busy.clock.advance(3600)
    busy.run_once()
    assert busy.row(mail).state == "done"
    assert busy.crm.records[0].text.endswith("Клиент Переименованный")


# --- many cards at once -------------------------------------------------------------------------------


def test_the_cards_of_a_claim_are_read_together_and_shared_by_mails(busy: House) -> None:
    crm = Plural(busy.crm)
    for ref in contacts(busy, 20):
        busy.planned(busy.decision(card=ref), ["comment", "smtp_email"], text=TEXT)
    while busy.worker(crm).run_once():
        pass
    assert crm.read == [10, 10]
    assert "read_card" not in crm.log
    assert {row.state for row in busy.rows()} == {"done"}
    assert {record.text for record in busy.crm.records} == {f"Исключить\nКлиент: Клиент {n}" for n in range(100, 120)}


def test_a_card_that_spoils_the_request_is_read_alone(busy: House) -> None:
    crm = Plural(busy.crm)
    refs = contacts(busy, 10)
    crm.poison = refs[4]
    deliveries = {ref: busy.delivery(busy.decision(card=ref), text=TEXT) for ref in refs}
    busy.worker(crm).run_once()
    states = {ref: busy.row(one).state for ref, one in deliveries.items()}
    assert states == {ref: "parked" if ref == crm.poison else "done" for ref in refs}


def test_threads_that_want_the_same_card_make_one_request() -> None:
    begun, go_on = threading.Event(), threading.Event()
    asked: list[CardRef] = []

    class Slow:
        def read_card(self, card: CardRef) -> Card | None:
            asked.append(card)
            begun.set()
            go_on.wait(5)
            return Card(card, "Клиент")

    reader = CardReader(_reads(Slow()), 1, lambda: 0.0)
    found: list[Card | None] = []
    threads = [threading.Thread(target=lambda: found.append(reader.read(CARD))) for _ in range(4)]
    for thread in threads:
        thread.start()
    begun.wait(5)
    go_on.set()
    for thread in threads:
        thread.join(5)
    assert asked == [CARD]
    assert found == [Card(CARD, "Клиент")] * 4


def test_a_card_is_read_again_after_a_while() -> None:
    seconds = [0.0]
    asked: list[CardRef] = []

    class Counting:
        def read_card(self, card: CardRef) -> Card | None:
            asked.append(card)
            return None

    reader = CardReader(_reads(Counting()), 1, lambda: seconds[0])
    for at in (0.0, 60.0, 3600.0):
        seconds[0] = at
        assert reader.read(CARD) is None
    assert len(asked) == 2


def _reads(crm: object) -> Reads:
    return crm  # type: ignore[return-value]
