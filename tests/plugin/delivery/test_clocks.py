"""A clock that is set back or forth: nothing is sent twice, nothing waits until the old time comes round again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin.settings import DeliveryPolicy
from tests.plugin.delivery.fake_crm import FakeCrm
from tests.plugin.delivery.harness import LEASE, House

HOUR = 3600.0
JUMPS = [-30 * 24 * HOUR, -HOUR, -60, 60, HOUR, 30 * 24 * HOUR]


@pytest.mark.parametrize("jump", JUMPS)
def test_what_has_never_been_tried_goes_out_whatever_the_clock_does(house: House, jump: float) -> None:
    delivery = house.one(not_before=house.clock())
    house.clock.set_back(-jump)
    for _ in range(40):
        house.worker().run_once()
        house.clock.advance(HOUR if jump < -HOUR else 60)
        if house.row(delivery).state == "done":
            break
    else:
        # Only where it is as if it had been planned for later: it goes out as soon as that time comes.
        assert jump < 0
        house.clock.set_back(jump)
        house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("write", ["dropped", "late"])
def test_what_may_have_been_written_is_not_written_again(house: House, jump: float, write: str) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)
    crm.writes.append(write)
    house.worker(crm).run_once()
    house.clock.set_back(-jump)
    for _ in range(5):
        house.worker().run_once()
        house.clock.advance(35)
    house.clock.set_back(min(jump, 0))
    for _ in range(5):
        house.worker().run_once()
        house.clock.advance(35)
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_delivery_that_was_claimed_before_the_jump_is_sent_once(house: House, jump: float) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)
    other = house.worker()

    def jumps() -> None:
        house.clock.set_back(-jump)
        other.run_once()

    crm.meanwhile = jumps
    house.worker(crm).run_once()
    for _ in range(5):
        house.clock.advance(LEASE)
        other.run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.parametrize("jump", JUMPS)
def test_an_account_that_is_away_is_probed_an_interval_later_at_most(house: House, jump: float) -> None:
    house.policy = DeliveryPolicy(threads=1, jitter=0.0, probe_seconds=30)
    delivery = house.one()
    crm = FakeCrm(house.crm)
    crm.writes.extend(["error"] * 5)
    crm.reads.extend(["down"] * 3)
    worker = house.worker(crm)
    for _ in range(20):
        worker.run_once()
        house.clock.advance(10)
    house.clock.set_back(-jump)
    asked = len(crm.log)
    for _ in range(4):
        worker.run_once()
        house.clock.advance(10)
    assert house.row(delivery).state == "done" or len(crm.log) > asked


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 0, 0, *JUMPS]), st.sampled_from(["ok", "dropped", "late", "lost", "busy", "error"])
        ),
        min_size=1,
        max_size=12,
    )
)
def test_however_the_clock_jumps_it_is_written_at_most_once_and_in_the_end_once(
    house: House, steps: list[tuple[float, str]]
) -> None:
    house.policy = DeliveryPolicy(threads=1, jitter=0.0, breaker_failures=3, probe_seconds=10)
    delivery = house.one()
    jumped = 0.0
    for jump, write in steps:
        house.clock.set_back(-jump)
        jumped += jump
        crm = FakeCrm(house.crm)
        crm.writes.append(write)
        house.worker(crm).run_once()
        assert house.written(delivery) <= 1
        # The world's time goes on as the CRM sees it: what is late has come by the time it is looked for.
        house.clock.advance(31)
    # Somebody sets the clock right.
    house.clock.set_back(jumped)
    for _ in range(20):
        house.clock.advance(60)
        house.worker().run_once()
    if house.row(delivery).state != "done":
        house.clock.advance(40 * 24 * HOUR)
        house.worker().run_once()
        house.clock.advance(60)
        house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
