"""What is claimed and not begun is held by a short lease, which is renewed as long as the process lives and gets on."""

from __future__ import annotations

import threading
from datetime import timedelta

from connectors.base import Card, CardRef
from plugin.config.settings import DeliveryPolicy
from plugin.delivery.claims import Claims
from plugin.delivery.model import SAYS_NOTHING
from plugin.delivery.queue import Queue
from tests.plugin.delivery.fake_crm import Crm, FakeCrm
from tests.plugin.delivery.harness import LEASE, House
from tests.support.processes import wait_until

SHORT = 10.0


class SlowToRead(FakeCrm):
    """A CRM that shows a card when it is told to."""

    def __init__(self, crm: Crm) -> None:
        super().__init__(crm)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def read_card(self, card: CardRef) -> Card | None:
        self.asked.set()
        self.go_on.wait(20)
        return super().read_card(card)


def test_what_a_living_process_holds_is_not_taken_over_however_long_it_reads(house: House) -> None:
    house.policy = DeliveryPolicy(threads=1, jitter=0.0, poll_seconds=0.01)
    deliveries = [house.one(text="Исключить\n‹имя в карточке›") for _ in range(3)]
    crm, stop = SlowToRead(house.crm), threading.Event()
    living, other = house.worker(crm), house.worker()
    thread = threading.Thread(target=living.run, args=(stop,))
    thread.start()
    try:
        assert crm.asked.wait(10)
        for _ in range(6):
            house.clock.advance(5)
            ends = house.clock() + timedelta(seconds=5)
            wait_until(lambda ends=ends: all(house.row(one).lease_until > ends for one in deliveries), 10)
            assert other.run_once() == 0
        crm.go_on.set()
        wait_until(lambda: all(house.row(one).state == "done" for one in deliveries), 10)
    finally:
        crm.go_on.set()
        stop.set()
        thread.join(10)
    assert [house.written(one) for one in deliveries] == [1, 1, 1]


def test_a_thread_that_hangs_loses_what_it_holds_in_the_end(house: House) -> None:
    house.one()
    queue = Queue(house.ledger, house.clock, "hung", LEASE, SHORT)
    claims = Claims(queue, house.clock.monotonic, SHORT, LEASE)
    held = queue.claim(1)
    for _ in range(int(2 * LEASE / 2)):
        house.clock.advance(2)
        claims.renew([held])
    assert house.run_once().log == ["comment"]


def test_renewing_touches_neither_what_was_begun_nor_what_another_took(house: House) -> None:
    begun, lost, mine = house.one(), house.one(), house.one()
    queue = Queue(house.ledger, house.clock, "a", LEASE, SHORT)
    held = {one.id: one for one in queue.claim(3)}
    queue.begin([(held[begun], SAYS_NOTHING)])
    house.change(lost, owner="b#1")
    before = [house.row(one).lease_until for one in (begun, lost)]
    house.clock.advance(SHORT - 1)
    queue.renew({one.lease for one in held.values()})
    assert [house.row(one).lease_until for one in (begun, lost)] == before
    assert house.row(mine).lease_until == house.clock() + timedelta(seconds=SHORT)
