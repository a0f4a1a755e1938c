"""A backlog of calls whose events bring only the card's id: how many requests a call costs in all."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from connectors.base import CardRef
from connectors.kit.reference_mark import reference_mark
from plugin.config.settings import DeliveryPolicy
from tests.connectors.contract.doing import api_of
from tests.plugin.delivery.harness import BreakableLedger, House

pytestmark = pytest.mark.slow

CALLS = 200
TEXT = "Исключить из опросов\n‹имя в карточке› ‹ссылка на карточку›"


def _bitrix24(rig: Any, number: int) -> CardRef:
    rig.portal.records.add_item("contact", str(1000 + number), name=f"Клиент {number}")
    return CardRef("contact", str(1000 + number))


def _amocrm(rig: Any, number: int) -> CardRef:
    return CardRef("contact", str(rig.server.card("contacts", f"Клиент {number}")))


def _espocrm(rig: Any, number: int) -> CardRef:
    return CardRef("contact", rig.server.add("Contact", lastName=f"Клиент {number}"))


@pytest.mark.parametrize(
    ("name", "new_card", "most"),
    # EspoCRM's API takes one record in a request; a call has 2.5 of them here. A claim's cards are one more.
    [("bitrix24", _bitrix24, 0.3), ("amocrm", _amocrm, 0.35), ("espocrm", _espocrm, 2.75)],
)
def test_a_backlog_reads_its_cards_together_and_mails_share_them(
    name: str, new_card: Callable[[Any, int], CardRef], most: float, tmp_path: Path, sqlite_template: Path
) -> None:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    ledger = BreakableLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    house = House(ledger, policy=DeliveryPolicy(threads=4, poll_seconds=0.01))
    with importlib.import_module(f"tests.connectors.{name}.rig").rig() as rig:
        people = zip(house.roles.values(), rig.people, strict=True)
        house.roles = {role.name: replace(role, crm_user=person.user) for role, person in people}
        for number in range(CALLS):
            decision = house.decision(card=new_card(rig, number))
            kinds = ["comment", "reminder", "smtp_email", *(["reminder", "smtp_email"] if number % 2 else [])]
            for one in house.planned(decision, kinds):
                house.change(one, text=f"{TEXT}\n{reference_mark(house.row(one).key)}")
        api = api_of(rig)
        before, worker = len(api.requests), house.worker(rig.connector)
        while worker.run_once():
            pass
        asked = api.requests[before:]
    assert {row.state for row in house.rows()} == {"done"}
    assert all("Клиент" in text for _, _, text, _ in house.mailer.mails)
    assert len(asked) / CALLS <= most, len(asked) / CALLS
    ledger.close()
