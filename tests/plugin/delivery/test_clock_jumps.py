"""A clock that is set back or forth: nothing is sent twice, nothing waits until the old time comes round again."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from plugin.config.settings import DeliveryPolicy
from tests.plugin.delivery.fake_crm import FakeCrm, Killed
from tests.plugin.delivery.harness import LEASE, House
from tests.support.examples import examples

pytestmark = pytest.mark.slow

HOUR = 3600.0
JUMPS = [-30 * 24 * HOUR, -HOUR, -60, 60, HOUR, 30 * 24 * HOUR]


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("restarted", [False, True])
def test_what_has_never_been_tried_goes_out_soon_whatever_the_clock_does(
    house: House, jump: float, restarted: bool
) -> None:
    worker = house.worker()
    worker.run_once()
    delivery = house.one()
    house.clock.set_back(-jump)
    (house.worker() if restarted else worker).run_once()
    if house.row(delivery).state != "done":
        house.clock.advance(60)
        worker.run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.parametrize("jump", JUMPS)
def test_what_waits_does_not_wait_for_the_old_time_to_come_round_again(house: House, jump: float) -> None:
    delivery = house.one("smtp_email")
    house.mailer.answers = ["greylisted"]
    worker = house.worker()
    worker.run_once()
    house.clock.set_back(-jump)
    for _ in range(3):
        worker.run_once()
        house.clock.advance(40)
    assert house.row(delivery).state == "done"


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("write", ["dropped", "late"])
def test_what_may_have_been_written_is_not_written_again(house: House, jump: float, write: str) -> None:
    delivery = house.one()
    crm = FakeCrm(house.crm)
    crm.writes.append(write)
    worker = house.worker(crm)
    worker.run_once()
    house.clock.set_back(-jump)
    for _ in range(6):
        worker.run_once()
        house.clock.advance(35)
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.parametrize("jump", JUMPS)
def test_a_delivery_that_was_claimed_before_the_jump_is_sent_once(house: House, jump: float) -> None:
    crm, other = FakeCrm(house.crm), house.worker()
    other.run_once()
    delivery = house.one()

    def jumps() -> None:
        house.clock.set_back(-jump)
        for _ in range(3):
            other.run_once()

    crm.meanwhile = jumps
    house.worker(crm).run_once()
    for _ in range(5):
        house.clock.advance(LEASE)
        other.run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.parametrize("jump", JUMPS)
def test_what_a_killed_process_held_is_taken_over_after_a_lease(house: House, jump: float) -> None:
    other = house.worker()
    other.run_once()
    delivery = house.one()
    crm = FakeCrm(house.crm)
    crm.writes.append("killed after")
    with pytest.raises(Killed):
        house.worker(crm).run_once()
    house.clock.set_back(-jump)
    for _ in range(4):
        other.run_once()
        house.clock.advance(LEASE)
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


def test_a_jump_is_logged_once_and_slow_drift_is_none(house: House) -> None:
    worker = house.worker()
    with capture_logs() as logs:
        for _ in range(5):
            worker.run_once()
            house.clock.advance(60)
            house.clock.set_back(0.5)
        house.clock.set_back(-3600)
        for _ in range(5):
            worker.run_once()
    assert [(entry["event"], entry["seconds"]) for entry in logs] == [("clock.jumped", pytest.approx(3600, abs=1))]


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


@settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    crm = FakeCrm(house.crm)
    worker = house.worker(crm)
    worker.run_once()
    delivery = house.one()
    for jump, write in steps:
        house.clock.set_back(-jump)
        crm.writes.clear()
        crm.writes.append(write)
        worker.run_once()
        assert house.written(delivery) <= 1
        house.clock.advance(7)
    crm.writes.clear()
    for _ in range(20):
        house.clock.advance(60)
        worker.run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
