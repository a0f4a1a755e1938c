"""A backlog of calls whose events brought only the card's id, delivered to a CRM's server: requests a call in all."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from connectors.base import CardRef
from connectors.kit.reference_mark import reference_mark
from plugin.config.settings import DeliveryPolicy
from plugin.ledger.schema import calls, decisions, deliveries
from tests.connectors.contract.doing import api_of
from tests.plugin.delivery.harness import BreakableLedger, House

CALLS = 1000
#: The most requests a call. EspoCRM's API takes one record in a request; a call has 2.5 of them here, and a claim's
#: cards are one more.
MOST = {"bitrix24": 0.3, "amocrm": 0.35, "espocrm": 2.75}
#: What every call comes to, and what every other one does besides.
_KINDS, _MORE = ("comment", "reminder", "smtp_email"), ("reminder", "smtp_email")
_DAY = timedelta(hours=24)
_TEXT = "Исключить из опросов\n‹имя в карточке› ‹ссылка на карточку›"


def requests_a_call(name: str, folder: Path, count: int = CALLS) -> float:
    """Delivers so many calls of so many clients by this connector, into a ledger of that folder.

    Raises AssertionError where something was not delivered, or a mail went out without the name in the card.
    """
    ledger = BreakableLedger(f"sqlite:///{folder / f'{name}.db'}")
    ledger.upgrade()
    house = House(ledger, policy=DeliveryPolicy(threads=4, poll_seconds=0.01))
    with importlib.import_module(f"tests.connectors.{name}.rig").rig() as rig:
        people = zip(house.roles.values(), rig.people, strict=True)
        house.roles = {role.name: replace(role, crm_user=person.user) for role, person in people}
        _fill(house, [_NEW_CARD[name](rig, number) for number in range(count)])
        api = api_of(rig)
        before, worker = len(api.requests), house.worker(rig.connector)
        while worker.run_once():
            pass
        asked = len(api.requests) - before
    assert {row.state for row in house.rows()} == {"done"}
    assert all("Клиент" in text for _, _, text, _ in house.mailer.mails)
    ledger.close()
    return asked / count


def _bitrix24(rig: Any, number: int) -> CardRef:
    rig.portal.records.add_item("contact", str(1000 + number), name=f"Клиент {number}")
    return CardRef("contact", str(1000 + number))


def _amocrm(rig: Any, number: int) -> CardRef:
    return CardRef("contact", str(rig.server.card("contacts", f"Клиент {number}")))


def _espocrm(rig: Any, number: int) -> CardRef:
    return CardRef("contact", rig.server.add("Contact", lastName=f"Клиент {number}"))


_NEW_CARD: dict[str, Callable[[Any, int], CardRef]] = {"bitrix24": _bitrix24, "amocrm": _amocrm, "espocrm": _espocrm}


def _fill(house: House, cards: list[CardRef]) -> None:
    now = house.clock()
    with house.ledger.write() as connection:
        for number, card in enumerate(cards, 1):
            call = {"id": number, "namespace": "n", "call_id": f"c-{number}", "generation": 1, "script": "s"}
            call |= {"card_type": card.type, "card_id": card.id, "phone": "+79160000042", "deadline_at": now + _DAY}
            call |= {"first_occurred_at": now, "last_occurred_at": now, "late": False, "decision_number": 1}
            decision = {"id": number, "call_ref": number, "number": 1, "outcome": "o", "revision": "a" * 64}
            connection.execute(insert(calls), call)
            connection.execute(insert(decisions), decision | {"facts": {}, "decision": {}, "created_at": now})
            kinds = [*_KINDS, *(_MORE if number % 2 else ())]
            connection.execute(insert(deliveries), [_row(house, number, *one) for one in enumerate(kinds)])


def _row(house: House, call: int, place: int, kind: str) -> dict[str, Any]:
    key, now = hashlib.sha256(f"{call} {place}".encode()).hexdigest(), house.clock()
    is_comment = kind == "comment"
    row = {"call_ref": call, "decision_ref": call, "key": key, "action": str(place), "kind": kind, "cancel": False}
    row |= {"role": None if is_comment else "coordinator", "subject": None if is_comment else "ИСКЛЮЧИТЬ"}
    row |= {"text": f"{_TEXT}\n{reference_mark(key)}", "due_at": None if is_comment else now + _DAY}
    row |= {"deadline_at": now + _DAY, "state": "pending", "not_before": now}
    return row | {"attempts": 0, "created_at": now}
