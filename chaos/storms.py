"""What befalls a run with EspoCRM: outages longer than its repeats, failed log-ins, kills, and bad hours of mail."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from chaos.espocrm import Reporter, StormyEspo
from chaos.services import Service
from chaos.sink import FaultyMailbox
from tests.support.fake_api import Fault

#: The CRM's four tries are over within three seconds.
LONGER_THAN_REPEATS = 4.5
_SHORT = 2.0
_BAD_HOUR = 2.5
#: About how long one of them takes, with what comes of it.
EACH_SECONDS = 3.0
#: Every kind of storm.
KINDS = (
    *("proxy answers 502", "way to the plugin closed", "crm away", "plugin away", "plugin killed", "failed log-ins"),
    *("single faults", "mail put off", "mail refused", "mail server closed"),
)
_READS = (Fault.ERROR_BEFORE, Fault.DROP_BEFORE)
_WRITES = (Fault.ERROR_AFTER, Fault.DROP_AFTER, Fault.DROP_BEFORE, Fault.ERROR_BEFORE)


class Storms:
    """Lets these kinds of storm loose, in an order left to chance; ``happened`` counts them."""

    def __init__(
        self,
        crm: StormyEspo,
        reporter: Reporter,
        plugin: Sequence[Service],
        sink: FaultyMailbox,
        random: Random,
        names: Sequence[str],
    ) -> None:
        self.happened: Counter[str] = Counter()
        self._crm = crm
        self._reporter = reporter
        self._plugin = plugin
        self._sink = sink
        self._random = random
        self._over = threading.Event()
        self._plays: dict[str, Callable[[], None]] = {
            "proxy answers 502": lambda: self._way("proxy"),
            "way to the plugin closed": lambda: self._way("closed"),
            "crm away": self._away,
            "plugin away": lambda: self._killed(LONGER_THAN_REPEATS),
            "plugin killed": lambda: self._killed(0.0),
            "failed log-ins": self._failed_log_ins,
            "single faults": self._faults,
            "mail put off": lambda: self._bad_hour("deferring"),
            "mail refused": lambda: self._bad_hour("policy"),
            "mail server closed": lambda: self._bad_hour("closed"),
        }
        self._order = random.sample(names, len(names))

    def run(self) -> None:
        """All of them, one after the other, and calm afterwards."""
        for name in self._order:
            if self._over.wait(self._random.uniform(0.1, 0.8)):
                return
            self.happened[name] += 1
            self._plays[name]()

    def stop(self) -> None:
        """No more of them."""
        self._over.set()

    def _way(self, way: str) -> None:
        self._reporter.way = "proxy" if way == "proxy" else "closed"
        self._over.wait(LONGER_THAN_REPEATS)
        self._reporter.way = "open"

    def _away(self) -> None:
        self._crm.outage = Fault.DROP_BEFORE
        self._over.wait(_SHORT)
        self._crm.outage = None

    def _killed(self, down_for: float) -> None:
        for service in self._plugin:
            service.up.wait(20)
            service.kill(down_for)
        self._over.wait(down_for)

    def _failed_log_ins(self) -> None:
        """Somebody at the plugin's address mistypes a password; the processes that met it are killed a while later."""
        self._crm.fail_log_ins()
        self._over.wait(_SHORT)
        # Each holds back for a whole minute, as it should with a CRM whose minute is one.
        self._killed(0.0)

    def _faults(self) -> None:
        self._crm.fault(*self._random.choices(_WRITES, k=6))
        self._crm.fault_reads(*self._random.choices(_READS, k=4))

    def _bad_hour(self, hour: str) -> None:
        self._sink.begin("deferring" if hour == "deferring" else "policy" if hour == "policy" else "closed")
        self._over.wait(_BAD_HOUR)
        self._sink.end()
