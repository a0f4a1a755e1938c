"""Any text that a keyboard, a CRM or a Windows tool can make is taken in, and reaches the CRM and the mail."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as default_policy
from pathlib import Path
from random import Random
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.base import Card, CardRef, Done, Outcome
from connectors.smtp import Mailer
from connectors.smtp.message import build_message
from plugin.config.settings import DeliveryPolicy, SmtpServer
from plugin.delivery import Worker
from tests.plugin.delivery.fake_crm import Clock, Crm, FakeCrm
from tests.plugin.events.support import OTHER_CLIENT, SECRET, Office, call_result, headers_for, office_at

CARD = CardRef("contact", "42")
SENDER = "Опросы <optout@dealer.example.org>"


class BuildingMailer:
    """Builds every mail as it would go out, and keeps what a reader would get."""

    total_seconds = 20.0

    def __init__(self) -> None:
        self.texts: list[str] = []

    def send(self, to: str, subject: str, text: str, message_id: str, refers_to: Sequence[str] = ()) -> Outcome:
        date = datetime(2026, 11, 22, tzinfo=UTC)
        built = build_message(SENDER, to, subject, text, message_id, date, refers_to=refers_to)
        received = message_from_bytes(built.as_bytes(), policy=default_policy)
        assert isinstance(received, EmailMessage)
        self.texts.append(str(received.get_content()).replace("\r\n", "\n"))
        return Done(message_id)


class Dealership:
    """An intake and what delivers beside it."""

    def __init__(self, office: Office) -> None:
        self.office = office.with_settings(
            smtp=SmtpServer("127.0.0.1", 25, SENDER), delivery=DeliveryPolicy(threads=1, jitter=0.0)
        )
        self.crm, self.mailer = Crm(Clock()), BuildingMailer()
        self.crm.contacts.append(Card(CARD, "Клиент Карточки", phones=("+79161234567",)))

    def take(self, event: dict[str, Any]) -> None:
        """Take this event in, its text escaped as JSON can, and deliver what follows from it."""
        body = json.dumps(event).encode()
        answer = self.office.intake.receive(headers_for(SECRET, event["id"], body), body)
        assert answer.status == 202, answer
        connector, mailer = FakeCrm(self.crm), cast(Mailer, self.mailer)
        office = self.office
        worker = Worker(
            office.ledger, office.rules, connector, mailer, office.settings, office.clock, "host:1", Random(1)
        )
        worker.run_once()


@pytest.fixture
def dealership(tmp_path: Path) -> Iterator[Dealership]:
    with office_at(tmp_path) as office:
        yield Dealership(office)


#: Any character, halves of them, and those that break something somewhere.
_ODD = st.sampled_from(
    [*"\x00\x0b\x1b\x85\x9f\ufeff\ud83d\ude00\u202e\u2028\uffff\u0301\u200d<&\"'{}\r\n\t", "[ref:", "{call.id}"]
)
_TEXT = st.lists(st.one_of(st.characters(codec=None, exclude_categories=()), _ODD), max_size=30).map("".join)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=_TEXT, operator=_TEXT, note=_TEXT, phone=_TEXT, client=_TEXT, final=st.booleans())
def test_whatever_is_written_in_the_texts_of_an_event_it_arrives(
    dealership: Dealership, name: str, operator: str, note: str, phone: str, client: str, final: bool
) -> None:
    event = call_result(OTHER_CLIENT | {"client_name": f"Пётр {client}"})
    event["call"] |= {"id": event["id"], "operator": operator, "phone": f"89161234567 {phone}"[:60]}
    event["card"] |= {"name": name}
    records, mails = len(dealership.crm.records), len(dealership.mailer.texts)
    dealership.take(event | {"note": note, "final": final})
    states = [row["state"] for row in dealership.office.deliveries()[-3:]]
    assert states == ["done", "done", "done"]
    assert len(dealership.crm.records) == records + 2
    assert len(dealership.mailer.texts) == mails + 1
    for record in dealership.crm.records[records:]:
        json.dumps(record.text, ensure_ascii=False).encode()


def test_a_note_in_words_arrives_whole(dealership: Dealership) -> None:
    note = "Сказала: «не звоните» \ud83d\nпосле 18:00 \U0001f44d"
    dealership.take(call_result({}, final=True, note=note))
    [reminder], [mail] = dealership.crm.records, dealership.mailer.texts
    for text in (reminder.text, mail):
        assert "Сказала: «не звоните» \ufffd\nпосле 18:00 \U0001f44d" in text
