"""A delivery process that stops itself (SIGSTOP) at a chosen moment, as a machine that sleeps or swaps does to it.

Called with the ledger's url, a file that holds the time, a file to note what reached the CRM in, and the moment.
"""

from __future__ import annotations

import signal
import sys
import threading
from datetime import datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import select

from connectors.base import Card, CardRef, Outcome
from plugin.authoring.revisions.active import ActiveRules
from plugin.delivery import Worker
from plugin.ledger import Ledger
from plugin.ledger.schema import deliveries
from tests.plugin.delivery.fake_crm import Clock, Crm, FakeCrm
from tests.plugin.delivery.harness import House


class Stopper:
    """Stops the process once, at the moment it is asked about."""

    def __init__(self, moment: str) -> None:
        self._moment = moment

    def at(self, moment: str) -> None:
        if moment == self._moment:
            self._moment = ""
            # Sent to the process, it would reach the main thread first, and this one would go on for a moment.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


class NotingCrm(FakeCrm):
    """Notes each write in a file, as another process's eyes."""

    def __init__(self, notes: Path, stopper: Stopper) -> None:
        super().__init__(Crm(Clock()))
        self._notes = notes
        self._stopper = stopper

    def read_card(self, card: CardRef) -> Card | None:
        self._stopper.at("reading the card")
        return Card(card, "Клиент")

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        with self._notes.open("a", encoding="ascii") as file:
            file.write(f"{key}\n")
        return super().add_comment(card, text, key)


def main(url: str, time_file: Path, notes: Path, moment: str) -> None:
    stopper, ledger = Stopper(moment), Ledger(url)

    def read_time() -> datetime:
        return datetime.fromisoformat(time_file.read_text(encoding="ascii"))

    def now() -> datetime:
        if moment == "between ledger and CRM":
            with ledger.read() as connection:
                begun = connection.execute(select(deliveries.c.sent_at)).scalar()
            if begun is not None:
                stopper.at(moment)
        return read_time()

    house = House(cast(Any, SimpleNamespace()), prepared=True)
    rules = cast(ActiveRules, SimpleNamespace(current=lambda: SimpleNamespace(roles=house.roles, revision="a" * 64)))
    worker = Worker(ledger, rules, NotingCrm(notes, stopper), None, house.settings, now, "paused:1", Random(1))
    claim = worker._queue.claim

    def claim_and_stop(*arguments: Any, **options: Any) -> Any:
        claimed = claim(*arguments, **options)
        stopper.at("claimed")
        return claimed

    worker._queue.claim = claim_and_stop  # type: ignore[method-assign]
    worker.run_once()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
