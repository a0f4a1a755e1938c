"""Page tickets: only what the server signed, for the call asked for, and not for ever."""

from __future__ import annotations

import base64
import json

import pytest

from plugin.config.settings import PageSettings
from plugin.operator_page.call import page_call
from plugin.operator_page.tickets import Tickets
from tests.plugin.auth.support import HandClock

CALL = page_call("c-1", phone="8 916 123-45-67", operator="Петрова Анна", card=("contact", "42"), card_name="Иванов")


def tickets(secret: str = "a key that is long enough", old: str | None = None) -> Tickets:
    return Tickets.of(PageSettings("http://localhost", "telephony", secret, old_secret=old), HandClock())


@pytest.mark.parametrize(
    "ticket", [None, "", ".", "x", "e30.00", "Ж.Ж", "a" * 5000], ids=["none", "empty", "dot", "x", "{}", "ж", "long"]
)
def test_what_the_server_did_not_sign_is_no_ticket(ticket: str | None) -> None:
    assert tickets().read(ticket, "c-1") is None


def test_a_ticket_tells_its_call_and_no_other() -> None:
    ticket = tickets().make(CALL)

    assert tickets().read(ticket, "c-1") == CALL
    assert tickets().read(ticket, "c-2") is None
    assert ticket.isascii()


def test_a_changed_ticket_is_none() -> None:
    packed, _, digest = tickets().make(CALL).partition(".")
    told = json.loads(base64.urlsafe_b64decode(packed))
    told["call"]["operator"] = "Сидорова Ольга"
    forged = base64.urlsafe_b64encode(json.dumps(told).encode()).decode()

    assert tickets().read(f"{forged}.{digest}", "c-1") is None


def test_a_ticket_outlives_a_change_of_the_key_but_not_a_week() -> None:
    ticket = tickets("the first key, long enough").make(CALL)
    assert tickets("the second key, long enough", "the first key, long enough").read(ticket, "c-1") == CALL
    assert tickets("the second key, long enough").read(ticket, "c-1") is None
    clock = HandClock()
    aging = Tickets.of(PageSettings("http://localhost", "telephony", "a key that is long enough"), clock)
    ticket = aging.make(CALL)
    clock.forward(days=7, seconds=1)

    assert aging.read(ticket, "c-1") is None
