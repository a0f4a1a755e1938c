"""How long deliveries wait between tries."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import Limits
from plugin.config.settings import DeliveryPolicy
from plugin.resilience.backoff import Timing, Waits

DAY = timedelta(hours=24)
STEADY = Waits(DeliveryPolicy(jitter=0))


@pytest.mark.parametrize(("attempts", "seconds"), [(0, 5), (1, 5), (2, 10), (3, 20), (8, 640), (9, 900), (10_000, 900)])
def test_waits_double_up_to_the_longest(attempts: int, seconds: float) -> None:
    assert STEADY.after(attempts, DAY, Random(1)) == seconds


@pytest.mark.parametrize(
    ("left", "seconds"),
    [
        (timedelta(hours=2), 720),
        (timedelta(minutes=10), 60),
        (timedelta(seconds=30), 5),
        (timedelta(0), 900),
        (timedelta(days=-3), 900),
    ],
)
def test_waits_get_tighter_towards_the_deadline_and_ordinary_after_it(left: timedelta, seconds: float) -> None:
    assert STEADY.after(20, left, Random(1)) == seconds


def test_what_the_crm_asks_for_counts_even_near_the_deadline() -> None:
    assert STEADY.after(1, timedelta(seconds=30), Random(1), at_least=3600) == 3600


def test_a_shorter_retry_after_does_not_shorten_the_wait() -> None:
    assert STEADY.after(5, DAY, Random(1), at_least=1) == 80


def test_a_retry_after_of_years_is_not_believed() -> None:
    assert STEADY.after(1, DAY, Random(1), at_least=1e9) == STEADY.policy.longest_retry_after_seconds


@given(
    attempts=st.integers(0, 100),
    left=st.integers(-100_000, 100_000),
    seed=st.integers(),
    asked=st.none() | st.floats(0, 86_400),
)
def test_a_wait_is_never_negative_nor_shorter_than_asked_nor_far_beyond_the_longest(
    attempts: int, left: int, seed: int, asked: float | None
) -> None:
    waits = Waits(DeliveryPolicy(jitter=0.2))
    wait = waits.after(attempts, timedelta(seconds=left), Random(seed), at_least=asked)
    assert max(4.0, asked or 0.0) <= wait <= max(900 * 1.2, (asked or 0.0) + 1)


def test_jitter_spreads_the_waits() -> None:
    waits = Waits(DeliveryPolicy(jitter=0.2))
    rng = Random(1)
    assert len({waits.after(3, DAY, rng) for _ in range(20)}) == 20
    assert len({waits.after(3, DAY, rng, at_least=60) for _ in range(20)}) == 20


def test_a_lease_outlasts_the_slowest_request_and_the_settling_time() -> None:
    limits = Limits(connect_seconds=5, read_seconds=20, settling_seconds=30)
    assert Timing.of(limits, mail_seconds=0, margin_seconds=10) == Timing(request=35, settling=30, lease=75)
    assert Timing.of(limits, mail_seconds=60, margin_seconds=10).lease == 100


def test_what_only_the_account_holds_up_waits_no_longer_than_the_next_probe() -> None:
    assert STEADY.after(20, DAY, Random(1), at_most=30) == 30
    assert STEADY.after(1, DAY, Random(1), at_most=30) == 5
    assert STEADY.after(20, DAY, Random(1), at_most=30, at_least=600) == 600


def test_every_setting_of_the_waits_counts() -> None:
    policy = DeliveryPolicy(
        first_wait_seconds=1,
        longest_wait_seconds=100,
        jitter=0,
        share_of_time_left=0.5,
        longest_retry_after_seconds=50,
    )
    waits = Waits(policy)
    assert waits.after(20, timedelta(seconds=20), Random(1)) == 10
    assert waits.after(20, DAY, Random(1)) == 100
    assert waits.after(1, DAY, Random(1), at_least=1000) == 50
