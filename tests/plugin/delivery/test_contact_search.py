"""A contact is looked for once a call and number: the actions of a call that start together wait for one answer."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import cast

import pytest

from connectors.base import Card, CardRef, CrmUnavailable
from plugin.config.settings import DeliveryPolicy
from plugin.delivery.contact_search import ContactSearch
from plugin.resilience.reads import Reads
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import House

NUMBER = "+79161234567"


class Slow:
    """A CRM that answers when it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.fails = fails
        self.asked = 0
        self.begun, self.go_on = threading.Event(), threading.Event()

    def find_contact(self, phone: str | None = None, name: str | None = None) -> Sequence[Card]:
        self.asked += 1
        self.begun.set()
        self.go_on.wait(5)
        if self.fails:
            raise CrmUnavailable("no connection")
        return [Card(CardRef("contact", "1"))]


def together(search: ContactSearch, crm: Slow, count: int) -> list[object]:
    found: list[object] = []

    def look() -> None:
        try:
            found.append(search.by_number(NUMBER))
        except CrmUnavailable as error:
            found.append(str(error))

    threads = [threading.Thread(target=look) for _ in range(count)]
    for thread in threads:
        thread.start()
    crm.begun.wait(5)
    crm.go_on.set()
    for thread in threads:
        thread.join(5)
    return found


@pytest.mark.parametrize("fails", [False, True])
def test_who_looks_for_the_same_meanwhile_waits_for_one_answer(fails: bool) -> None:
    crm = Slow(fails=fails)
    search = ContactSearch(cast(Reads, crm), lambda: 0.0)
    found = together(search, crm, 4)
    assert len(found) == 4
    assert len({str(one) for one in found}) == 1
    # One that failed is made again by whoever comes next.
    assert crm.asked <= (4 if fails else 1)
    asked = crm.asked
    crm.fails = False
    search.by_number(NUMBER)
    assert crm.asked == asked + fails


def test_after_a_few_seconds_the_crm_is_asked_again() -> None:
    crm, seconds = Slow(), [0.0]
    crm.go_on.set()
    search = ContactSearch(cast(Reads, crm), lambda: seconds[0])
    for at in (0.0, 5.0, 11.0):
        seconds[0] = at
        search.by_number(NUMBER)
    assert crm.asked == 2
    search.by_name("Иванов Иван")
    assert crm.asked == 3


@pytest.mark.parametrize("phone", [NUMBER, "+79169999999"], ids=["found", "nobody"])
def test_all_actions_of_a_call_come_from_one_search(house: House, phone: str) -> None:
    house.policy = DeliveryPolicy(threads=4, jitter=0.0)
    house.crm.contacts.append(Card(CardRef("contact", "7"), "Иванов", phones=(NUMBER,)))
    crm = FakeCrm(house.crm)
    house.planned(house.decision(card=None, phone=phone), ["comment", "reminder", "reminder", "crm_email"])
    house.worker(crm).run_once()
    assert crm.log.count("find_contact") == 1
