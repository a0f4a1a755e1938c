"""Places: no more are taken than there are, a failure gives one back, and those who wait can be let go on."""

from __future__ import annotations

import threading

import pytest

from plugin.common.slots import Slots

PATIENCE = 60.0


def test_a_block_that_fails_gives_its_place_back() -> None:
    slots = Slots(1)
    with pytest.raises(ValueError, match="failed"), slots:
        raise ValueError("failed")
    with slots:
        pass


def test_whoever_finds_no_place_waits_for_one_and_goes_on_when_there_are_more() -> None:
    slots, inside = Slots(1), threading.Event()

    def enter() -> None:
        with slots:
            inside.set()

    with slots:
        waiter = threading.Thread(target=enter)
        waiter.start()
        assert not inside.wait(0.05)
        slots.add(1)
        assert inside.wait(PATIENCE)
        waiter.join(PATIENCE)
        slots.take_away(1)
        other = threading.Thread(target=enter)
        inside.clear()
        other.start()
        assert not inside.wait(0.05)
    other.join(PATIENCE)
    assert inside.is_set()
