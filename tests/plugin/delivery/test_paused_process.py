"""A real process that is stopped beyond its lease and wakes up again sends nothing that another has taken over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.plugin.delivery.fake_crm import START
from tests.plugin.delivery.harness import LEASE, House
from tests.support.processes import ROOT, wait_until

pytestmark = pytest.mark.slow

LABEL = "Карточка: ‹ссылка на карточку›"
MOMENTS = ["claimed", "reading the card", "between ledger and CRM"]


class Paused:
    """The process; ``sent`` are the keys of what it has written to the CRM."""

    def __init__(self, house: House, folder: Path, moment: str) -> None:
        self._house = house
        self._time, self._notes = folder / "time", folder / "notes"
        self._notes.touch()
        self.tell_time()
        url = f"sqlite:///{folder / 'ledger.db'}"
        command = [sys.executable, "-m", "tests.plugin.delivery.paused", url, str(self._time), str(self._notes), moment]
        self.proc = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})

    def tell_time(self) -> None:
        half = self._time.with_suffix(".half")
        half.write_text(self._house.clock().isoformat(), encoding="ascii")
        half.replace(self._time)

    @property
    def is_stopped(self) -> bool:
        return Path(f"/proc/{self.proc.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"

    @property
    def sent(self) -> list[str]:
        return self._notes.read_text(encoding="ascii").split()

    def wake_up(self) -> int:
        """Let it go on to its end; its exit status."""
        self.proc.send_signal(signal.SIGCONT)
        return self.proc.wait(30)


@contextmanager
def paused(house: House, folder: Path, moment: str) -> Iterator[Paused]:
    """A delivery process that has stopped at this moment."""
    process = Paused(house, folder, moment)
    try:
        wait_until(lambda: process.is_stopped, 30)
        yield process
    finally:
        process.proc.kill()
        process.proc.wait(10)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is stopped")
@pytest.mark.parametrize("moment", MOMENTS)
def test_one_that_wakes_up_after_another_has_sent_it_does_not_send(house: House, tmp_path: Path, moment: str) -> None:
    delivery = house.one(text=f"Исключить\n{LABEL}")
    with paused(house, tmp_path, moment) as process:
        assert house.row(delivery).state == "leased"
        house.clock.advance(LEASE + 1)
        process.tell_time()
        house.worker().run_once()
        assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)
        assert process.wake_up() == 0
        assert process.sent == []
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is stopped")
def test_one_that_wakes_up_past_its_lease_does_not_send_even_if_nobody_has_taken_it_over_yet(
    house: House, tmp_path: Path
) -> None:
    delivery = house.one()
    with paused(house, tmp_path, "between ledger and CRM") as process:
        house.clock.advance(LEASE + 1)
        process.tell_time()
        assert process.wake_up() == 0
        assert process.sent == []
    assert house.row(delivery).state == "waiting"
    house.worker().run_once()
    assert (house.row(delivery).state, house.written(delivery)) == ("done", 1)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is stopped")
@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_killed_one_had_not_begun_goes_out_within_15_s_whatever_the_crms_time_outs_are(
    house: House, tmp_path: Path, moment: str
) -> None:
    deliveries = [house.one(text=f"Исключить\n{LABEL}") for _ in range(5)]
    with paused(house, tmp_path, moment) as process:
        process.proc.kill()
        process.proc.wait(10)
    begun = [one for one in deliveries if house.row(one).sent_at is not None]
    assert len(begun) == (moment == "between ledger and CRM")
    for _ in range(3):
        house.clock.advance(5)
        house.worker().run_once()
    assert [one for one in deliveries if house.row(one).state != "done"] == begun
    # What may be in the CRM already is looked for when its time-outs and its settling time have passed.
    house.clock.advance(LEASE)
    house.worker().run_once()
    assert {house.row(one).state for one in deliveries} == {"done"}
    assert [house.written(one) for one in deliveries] == [1] * 5


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is stopped")
def test_one_that_was_stopped_for_a_moment_only_goes_on(house: House, tmp_path: Path) -> None:
    delivery = house.one()
    with paused(house, tmp_path, "claimed") as process:
        assert process.wake_up() == 0
        assert process.sent == [house.row(delivery).key]
    assert (house.row(delivery).state, house.row(delivery).finished_at) == ("done", START)
