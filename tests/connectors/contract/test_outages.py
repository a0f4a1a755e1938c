"""An account that is away, throttles or lets nobody in: what the plugin asks it meanwhile, whatever waits."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import Kind
from plugin.config.settings import DeliveryPolicy
from tests.connectors.contract.doing import api_of
from tests.connectors.contract.rig import Rig
from tests.plugin.delivery.harness import BreakableLedger, House
from tests.support.fake_api import ApiRequest, Fault

pytestmark = pytest.mark.slow

PROBE = 30.0
OUTAGE = 600.0
CALLS = 12
TEXT = "Исключить из опросов\n‹имя в карточке› ‹ссылка на карточку›"
#: One probe is a cheap read, and of a connector that renews its token a request for a new one.
REQUESTS_A_PROBE = 2


@pytest.fixture
def house(rig: Rig, tmp_path: Path, sqlite_template: Path) -> Iterator[House]:
    """A dealership on the rig's CRM."""
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    ledger = BreakableLedger(f"sqlite:///{tmp_path / 'ledger.db'}")
    policy = DeliveryPolicy(threads=1, batch=20, jitter=0.0, poll_seconds=0.01, probe_seconds=PROBE)
    made = House(ledger, policy=policy)
    people = dict(zip(made.roles, rig.people, strict=True))
    made.roles = {name: replace(role, crm_user=people[name].user) for name, role in made.roles.items()}
    yield made
    ledger.close()


def waiting(house: House, rig: Rig, *kinds: str) -> list[int]:
    """Calls of which these are to go out, all with the card's name and link in their texts."""
    planned = [house.planned(house.decision(card=rig.card), kinds, text=TEXT) for _ in range(CALLS)]
    return [one for call in planned for one in call]


def asked(house: House, rig: Rig, fault: Fault, seconds: float = OUTAGE) -> list[ApiRequest]:
    """What the CRM is asked in an outage of so many seconds."""
    api, worker = api_of(rig), house.worker(rig.connector)
    api.outage = fault
    before = len(api.requests)
    for _ in range(int(seconds / 5)):
        worker.run_once()
        house.clock.advance(5)
    api.outage = None
    return api.requests[before:]


@pytest.mark.parametrize("kinds", [("smtp_email",), ("comment", "reminder", "smtp_email")], ids=["mails", "all"])
@pytest.mark.parametrize("fault", [Fault.ERROR_BEFORE, Fault.THROTTLED, Fault.TOKEN_EXPIRED])
def test_an_outage_costs_the_breakers_failures_and_one_probe_an_interval(
    house: House, rig: Rig, fault: Fault, kinds: tuple[str, ...]
) -> None:
    deliveries = waiting(house, rig, *kinds)
    requests = asked(house, rig, fault)
    first = 1 if fault is Fault.TOKEN_EXPIRED else house.policy.breaker_failures
    kinds_of = sorted(f"{one.method} {one.path.rsplit('/', 1)[-1]}" for one in requests)
    assert 0 < len(requests) <= (first + OUTAGE / PROBE + 1) * REQUESTS_A_PROBE, kinds_of
    assert not any(house.row(one).state == "done" for one in deliveries)


def test_after_an_outage_a_mail_goes_out_with_the_clients_name_and_link(house: House, rig: Rig) -> None:
    deliveries = waiting(house, rig, "smtp_email")
    asked(house, rig, Fault.ERROR_BEFORE)
    worker = house.worker(rig.connector)
    back = house.clock()
    while any(house.row(one).state != "done" for one in deliveries):
        worker.run_once()
        house.clock.advance(5)
        assert house.clock() - back <= timedelta(seconds=3 * PROBE)
    card = rig.connector.read_card(rig.card)
    assert card is not None
    assert card.name is not None
    assert all(card.name in text and (card.url or "") in text for _, _, text, _ in house.mailer.mails)


@pytest.mark.parametrize("refused", [Fault.REFUSED, Fault.TOKEN_EXPIRED, Fault.THROTTLED])
def test_what_cannot_be_looked_for_is_unknown_and_not_written_again(
    house: House, rig: Rig, kind: Kind, refused: Fault
) -> None:
    api = api_of(rig)
    looks = len(api.requests)
    rig.connector.find(kind, rig.card, "0" * 64)
    if len(api.requests) == looks:
        pytest.skip("this CRM cannot look for its mails, so that there is nothing that could be refused")
    decision = house.decision(card=rig.card)
    delivery = house.delivery(decision, "crm_email" if kind == "email" else kind, text="Исключить")
    house.change(delivery, state="unknown", sent_at=house.clock() - timedelta(hours=1), attempts=1)
    before = rig.writes()
    api.fault_reads(*[refused] * 20)
    house.worker(rig.connector).run_once()
    row = house.row(delivery)
    assert (rig.writes(), row.sent_at is None) == (before, False), row.why
    assert row.state in ("unknown", "parked")


@pytest.mark.parametrize("rig", ["espocrm"], indirect=True)
def test_while_only_the_crms_mail_server_is_away_comments_and_reminders_go_on(house: House, rig: Any) -> None:
    rig.server.smtp = "no connection"
    mails = waiting(house, rig, "crm_email")
    worker = house.worker(rig.connector)
    for _ in range(6):
        worker.run_once()
        house.clock.advance(5)
    others = house.planned(house.decision(card=rig.card), ["comment", "reminder"], text=TEXT)
    worker.run_once()
    assert {house.row(one).state for one in others} == {"done"}
    rig.server.smtp = None
    for _ in range(30):
        house.clock.advance(5)
        worker.run_once()
    assert {house.row(one).state for one in mails} == {"done"}
    assert len(rig.server.mails) == len(mails)
