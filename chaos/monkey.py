"""Kills services at random moments: how often each, after what pause, and for how long it stays down, from the seed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from random import Random

from chaos.services import Service

#: Of the kills of a plugin's service so many hit it while it is still starting.
_WHILE_STARTING = 0.15
#: About how long a service is killed, down and starting again; seconds.
_ROUND_SECONDS = 3.0
#: Between being up again and the next kill it may be left this long in any case.
_LEAST_PAUSE = 2.5


@dataclass(frozen=True, slots=True)
class Kill:
    """One kill to come: ``after`` seconds from when the service is up (or, ``early``, from when it is started)."""

    after: float
    down_for: float
    early: bool


class Monkey:
    """Kills ``count`` times within about ``seconds``, each service by a thread of its own: several may be down."""

    def __init__(
        self,
        crm: Service,
        plugin: Sequence[Service],
        count: int,
        seconds: float,
        random: Random,
        kill: Callable[[Service, float], bool],
    ) -> None:
        self._kill = kill
        self._plans: dict[str, list[Kill]] = {service.name: [] for service in (crm, *plugin)}
        self._services = {service.name: service for service in (crm, *plugin)}
        victims = self._victims(crm, plugin, count, random)
        for service in victims:
            between = seconds / victims.count(service) - _ROUND_SECONDS
            early = service is not crm and random.random() < _WHILE_STARTING
            pause = random.uniform(0, 0.6 if early else max(_LEAST_PAUSE, 2 * between))
            self._plans[service.name].append(Kill(pause, random.choice((0.0, 0.3, 1.5)), early))
        self.count = count
        self.done = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @staticmethod
    def _victims(crm: Service, plugin: Sequence[Service], count: int, random: Random) -> list[Service]:
        """Every service has its share, in an order left to chance."""
        of_the_crm = -(-count // (len(plugin) + 2))
        victims = [crm] * of_the_crm + [plugin[number % len(plugin)] for number in range(count - of_the_crm)]
        random.shuffle(victims)
        return victims

    @property
    def seconds(self) -> float:
        """About how long it takes."""
        return max(_ROUND_SECONDS * len(plan) for plan in self._plans.values())

    def progress(self) -> float:
        """The part of the kills that are done."""
        return self.done / self.count if self.count else 1.0

    def run(self, seconds: float) -> bool:
        """Kill; False: not every kill could be made in time."""
        deadline = time.monotonic() + seconds
        with ThreadPoolExecutor(len(self._plans), thread_name_prefix="monkey") as pool:
            all_done = list(pool.map(lambda name: self._go_for(self._services[name], deadline), self._plans))
        return all(all_done)

    def stop(self) -> None:
        """No more kills."""
        self._stop.set()

    def _go_for(self, service: Service, deadline: float) -> bool:
        for kill in self._plans[service.name]:
            if not kill.early and not self._wait_up(service, deadline):
                return False
            self._stop.wait(kill.after)
            while not self._kill(service, kill.down_for):
                if self._stop.wait(0.02) or time.monotonic() > deadline:
                    return False
            with self._lock:
                self.done += 1
        return True

    def _wait_up(self, service: Service, deadline: float) -> bool:
        while not service.up.wait(0.2):
            if self._stop.is_set() or time.monotonic() > deadline:
                return False
        return True
