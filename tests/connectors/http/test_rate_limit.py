"""The rate limit, on a clock of its own."""

from __future__ import annotations

import threading

import pytest

from connectors.http.rate_limit import RateLimiter


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._lock = threading.Lock()

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.now += seconds


def limiter(per_second: float, burst: int) -> tuple[RateLimiter, Clock]:
    clock = Clock()
    return RateLimiter(per_second, burst, clock=clock, sleep=clock.sleep), clock


@pytest.mark.parametrize(("per_second", "burst"), [(0, 1), (-1, 1), (1, 0)])
def test_a_rate_of_nothing_is_refused(per_second: float, burst: int) -> None:
    with pytest.raises(ValueError, match="rate limit"):
        RateLimiter(per_second, burst)


def test_a_turn_too_far_away_is_not_taken() -> None:
    limit, clock = limiter(0.1, 1)
    assert limit.acquire(5) == 0
    assert limit.acquire(5) == pytest.approx(10)
    assert limit.acquire(5) == pytest.approx(10)
    assert clock.slept == []
    clock.now += 10
    assert limit.acquire(5) == 0


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    limit, clock = limiter(2, 3)
    for _ in range(7):
        assert limit.acquire(60) == 0
    assert clock.slept == [pytest.approx(0.5)] * 4


def test_a_rest_fills_the_burst_and_no_more() -> None:
    limit, clock = limiter(2, 3)
    for _ in range(3):
        limit.acquire(60)
    clock.now += 3600
    for _ in range(3):
        limit.acquire(60)
    assert clock.slept == []
    limit.acquire(60)
    assert clock.slept == [pytest.approx(0.5)]


def test_threads_never_get_more_turns_than_there_are() -> None:
    limit, _ = limiter(0.001, 10)
    granted: list[bool] = []

    def work() -> None:
        granted.extend(limit.acquire(0) == 0 for _ in range(50))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(granted) == 10


# --- too much all the same ---------------------------------------------------------------------------


def test_after_too_many_requests_nothing_goes_out_for_a_second_and_no_burst_follows() -> None:
    limit, clock = limiter(10, 5)
    assert limit.hold() == 1.0
    began = []
    for _ in range(3):
        assert limit.acquire(10) == 0.0
        began.append(clock.now - 1000)
    assert began == [pytest.approx(seconds) for seconds in (1.0, 1.1, 1.2)]


def test_a_crm_that_shuts_after_ten_refusals_within_a_minute_never_gets_so_many() -> None:
    limit, clock = limiter(5, 5)
    refused = []
    while clock.now < 1600:
        # Of two requests one is too many for the account.
        wait = limit.acquire(10) or limit.acquire(10)
        if wait:
            clock.now += wait
            continue
        refused.append(clock.now)
        limit.hold()
    assert max(sum(at <= other < at + 60 for other in refused) for at in refused) < 10


def test_answers_to_requests_under_way_when_the_hold_began_do_not_lengthen_it() -> None:
    limit, clock = limiter(5, 5)
    limit.hold()
    clock.now += 0.25
    assert limit.hold() == pytest.approx(0.75)
    assert limit.acquire(0.5) == pytest.approx(0.75)
