"""E-mail addresses of those who refuse mailings: taken from the card, excluded as long as the number is."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from connectors.base import Card, CardRef, CrmUnavailable
from plugin.ledger.audit import Actor
from plugin.ledger.suppressed_emails import email_reads, suppressed_emails
from plugin.operations.purge_person import purge_person
from plugin.promise.email_list import address_in, suppressed_addresses, suppressed_of, write_addresses
from plugin.promise.email_reader import EmailReader
from plugin.promise.person import read_person
from plugin.promise.purge_suppressions import purge_suppressions
from tests.plugin.events.support import ALL, CALLS, HALF, NONE, Office, at
from tests.plugin.promise.test_suppression_list import PHONE, by_hand

IN_AGAIN = {"asks_for_own_card": True, "wanted_again": "all", "agreed_to_every_mailing": True}
#: Whoever answered is not the card's client: the number is excluded.
NOT_THE_CLIENT = {"related_to_car": False, "is_client": False}
MAIL = "Ivan@Example.org"


class Cards:
    """The CRM's cards, by id; or it is away."""

    def __init__(self, emails: Mapping[str, tuple[str, ...]]) -> None:
        self.emails = emails
        self.is_away = False
        self.faulty = ""
        self.read: list[str] = []

    def read_card(self, card: CardRef) -> Card | None:
        if self.is_away:
            raise CrmUnavailable("down", code="known_away")
        if card.id == self.faulty:
            raise ValueError("a fault of ours")
        self.read.append(card.id)
        return Card(card, emails=self.emails[card.id]) if card.id in self.emails else None

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


class Mailing:
    """An office whose refusals are looked through."""

    def __init__(self, office: Office, emails: tuple[str, ...] = (MAIL, "second@example.org", "nonsense")) -> None:
        self.office = office
        self.cards = Cards({"42": emails})
        self.reader = EmailReader(office.ledger, office.rules, self.cards, office.clock)
        self.reader.step()

    def look(self) -> None:
        for _ in range(2):
            self.reader.step()

    def excluded(self) -> list[str]:
        with self.office.ledger.read() as connection:
            return [entry.address for entry in suppressed_addresses(connection)]


def waiting(office: Office) -> list[int]:
    """How often each card that is still to be read was asked for in vain."""
    with office.ledger.read() as connection:
        return list(connection.execute(select(email_reads.c.tries)).scalars())


CARD = {"type": "contact", "id": "42", "name": "Иванов Иван"}


def refused(office: Office, facts: Mapping[str, Any] = ALL, **more: Any) -> None:
    office.taken(facts, card=CARD, **more)


def test_only_addresses_of_a_card_whose_client_refuses_mailings_are_excluded(office: Office) -> None:
    mailing = Mailing(office)
    refused(office, CALLS)
    mailing.look()
    assert (mailing.excluded(), mailing.cards.read) == ([], [])
    refused(office, ALL, call={"id": "more"}, occurred_at=at(1))
    mailing.look()
    assert mailing.excluded() == ["ivan@example.org", "second@example.org"]
    with office.ledger.read() as connection:
        assert set(suppressed_of(connection, ["ivan@example.org", "other@example.org"])) == {"ivan@example.org"}


def test_a_call_that_was_left_unfinished_before_holds_up_nobody(office: Office) -> None:
    mailing = Mailing(office, (MAIL,))
    refused(office, HALF, final=True)
    refused(office, ALL, occurred_at=at(1))
    assert office.outcomes() == [(1, None), (1, "exclude_all")]  # both under one number
    refused(office, ALL, call={"id": "more"}, occurred_at=at(2))
    mailing.look()
    assert (mailing.excluded(), waiting(office)) == (["ivan@example.org"], [])
    assert mailing.cards.read == ["42", "42"]


def test_a_fault_with_one_card_holds_up_no_other(office: Office) -> None:
    mailing = Mailing(office, (MAIL,))
    mailing.cards.faulty = "66"
    office.taken(ALL, card=CARD | {"id": "66"}, call={"id": "bad"})
    refused(office, ALL, call={"id": "good"}, occurred_at=at(1))
    mailing.look()
    assert (mailing.excluded(), waiting(office)) == (["ivan@example.org"], [1])


def test_a_refusal_that_is_about_the_number_excludes_no_address_of_the_card(office: Office) -> None:
    mailing = Mailing(office)
    refused(office, NOT_THE_CLIENT)
    mailing.look()
    assert (mailing.excluded(), mailing.cards.read, waiting(office)) == ([], [], [])


def test_a_crm_that_is_away_is_asked_later_and_a_card_that_is_gone_has_none(office: Office) -> None:
    mailing = Mailing(office)
    mailing.cards.is_away = True
    refused(office)
    mailing.look()
    assert waiting(office) == [1]
    mailing.cards.is_away = False
    mailing.look()
    assert mailing.excluded() == []
    office.clock.pass_(seconds=40)
    mailing.look()
    assert mailing.excluded() == ["ivan@example.org", "second@example.org"]
    assert waiting(office) == []
    office.taken(ALL, card=CARD | {"id": "gone"}, call={"id": "gone", "phone": "+74951234567"}, occurred_at=at(1))
    mailing.look()
    assert (len(mailing.excluded()), waiting(office)) == (2, [])


def test_a_card_that_cannot_be_read_for_days_is_given_up(office: Office) -> None:
    mailing = Mailing(office)
    mailing.cards.is_away = True
    refused(office)
    mailing.look()
    office.clock.pass_(hours=80)
    mailing.look()
    assert waiting(office) == []


def test_a_call_without_a_card_waits_until_its_card_is_known(office: Office) -> None:
    mailing = Mailing(office)
    office.taken(ALL, card=None)
    mailing.look()
    assert waiting(office) == [1]
    assert mailing.cards.read == []


def test_a_release_a_correction_and_a_person_end_it_with_the_number(office: Office) -> None:
    mailing = Mailing(office)
    refused(office)
    mailing.look()
    by_hand(office).remove([PHONE], ["mailings"])
    assert mailing.excluded() == []
    by_hand(office).add([PHONE], ["mailings"])
    assert len(mailing.excluded()) == 2
    office.clock.pass_(hours=1)
    office.taken(IN_AGAIN, script="survey_opt_in", occurred_at=at(20), call={"id": "opt-in"})
    assert mailing.excluded() == []


def test_a_correction_before_the_card_is_read_takes_nothing_from_it(office: Office) -> None:
    mailing = Mailing(office)
    refused(office)
    office.taken(NONE, card=CARD, occurred_at=at(2))
    mailing.look()
    assert (mailing.excluded(), mailing.cards.read) == ([], [])


def test_an_address_of_two_numbers_is_excluded_since_the_first_until_both_are_released(office: Office) -> None:
    mailing = Mailing(office, (MAIL,))
    refused(office)
    refused(office, ALL, call={"id": "other", "phone": "+74951234567"}, occurred_at=at(1))
    mailing.look()
    by_hand(office).remove([PHONE], ["mailings"])
    assert mailing.excluded() == ["ivan@example.org"]
    by_hand(office).remove(["+74951234567"], ["mailings"])
    assert mailing.excluded() == []


def test_they_are_told_and_purged_with_the_person_and_with_the_number(office: Office) -> None:
    mailing = Mailing(office)
    refused(office)
    mailing.look()
    with office.ledger.read() as connection:
        assert list(read_person(connection, PHONE, office.clock()).emails) == ["ivan@example.org", "second@example.org"]
    purge_person(office.ledger, office.clock, PHONE, Actor.signed("иванова", "просит клиент"))
    assert len(mailing.excluded()) == 2
    by_hand(office).remove([PHONE], ["mailings", "calls"])
    purge_person(office.ledger, office.clock, PHONE, Actor.signed("иванова", "просит клиент"))
    assert office.rows(suppressed_emails) == []


def test_addresses_of_a_number_of_which_nothing_is_said_any_more_go_in_the_end(office: Office) -> None:
    mailing = Mailing(office)
    refused(office)
    mailing.look()
    by_hand(office).remove([PHONE], ["mailings", "calls"])
    office.clock.pass_(hours=24 * 40)
    with office.ledger.write() as connection:
        while purge_suppressions(connection, office.clock() - timedelta(days=30), 10):
            pass
    assert office.rows(suppressed_emails) == []


@pytest.mark.parametrize(
    ("format_", "wanted"),
    [
        ("lines", "ivan@example.org\n"),
        ("csv", "address,scope,since\nivan@example.org,mailings,2026-11-22T10:00:00Z\n"),
        (
            "json",
            '{"scope":"mailings","entries":[\n{"address": "ivan@example.org", "since": "2026-11-22T10:00:00Z"}\n]}\n',
        ),
    ],
)
def test_they_are_written_in_each_format(office: Office, format_: str, wanted: str) -> None:
    mailing = Mailing(office, (MAIL,))
    refused(office)
    mailing.look()
    with office.ledger.read() as connection:
        out = io.StringIO()
        (entry,) = suppressed_addresses(connection)
        entry = entry._replace(since=entry.since.replace(year=2026, month=11, day=22, hour=10, minute=0, second=0))
        assert write_addresses(iter([entry]), out, format_) == 1
    assert out.getvalue() == wanted


@pytest.mark.parametrize(
    "text", ["", "ivan", "@", "a@", "79161234567", None, 5, "a b@example.org", "x" * 600 + "@y.ru"]
)
def test_what_is_no_address_is_none(text: object) -> None:
    assert address_in(text) is None
