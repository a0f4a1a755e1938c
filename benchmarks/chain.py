"""The chain and proofs: what taking events in costs more with it, how fast it is checked, how fast a proof is made."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from statistics import median
from unittest.mock import patch

from benchmarks.ledger import kinds
from benchmarks.measure import Row, ratio
from plugin.events import save_change
from plugin.ledger.chain.append import take_in
from plugin.ledger.chain.check import CheckProgress, check_on
from plugin.promise.proof import ProofFrame, proof_of
from tests.plugin.events.support import ALL, CALLS, ONLINE, SECRET, Office, call_result, office_on, signed

ROUNDS, EVENTS, STEP = 5, 400, 5_000


def costs() -> list[Row]:
    """CPU time of taking events in, with what is noted for the chain and without; of chaining; of checking; a proof."""
    rows = []
    for kind, make in kinds():
        with _office(make()) as office:
            _take(office, "warm")
            with_, without = [], []
            for round_ in range(ROUNDS):
                with_.append(_take(office, f"with-{round_}"))
                with patch.object(save_change, "note", lambda _connection, changes: list(changes)):
                    without.append(_take(office, f"without-{round_}"))
            chained = _chain(office)
            checked = _check(office)
            proof = _proof(office)
        rows += [
            ratio(f"{kind}: events' rate with ÷ without", min(without) / min(with_), ">= 0.9", least=0.9),
            Row(f"({kind}: µs to take in, µs to chain)", f"{median(with_) * 1e6:,.0f}, {chained * 1e6:,.0f}"),
            Row(f"{kind}: seconds for 1,000,000 entries", f"{checked * 1e6:.0f}", "<= 60", checked * 1e6 <= 60),
            Row(f"{kind}: seconds for a proof", f"{proof:.2f}", "<= 1", proof <= 1),
        ]
    return rows


@contextmanager
def _office(url: str) -> Iterator[Office]:
    with office_on(url) as office:
        yield office


def _take(office: Office, name: str) -> float:
    """CPU seconds an event."""
    facts = (CALLS, ONLINE, ALL)
    events = [signed(SECRET, call_result(facts[n % 3], call={"id": f"{name}-{n}"})) for n in range(EVENTS)]
    began = time.process_time()
    for headers, body in events:
        if office.intake.receive(headers, body).status != 202:
            raise SystemExit("an event was not taken in")
    return (time.process_time() - began) / EVENTS


def _chain(office: Office) -> float:
    """CPU seconds an event, in the chain's own loop."""
    began, taken = time.process_time(), 0
    while True:
        with office.ledger.write() as connection:
            count = take_in(connection, office.clock())
        if not count:
            return (time.process_time() - began) / taken
        taken += count


def _check(office: Office) -> float:
    """CPU seconds an entry."""
    began, progress = time.process_time(), CheckProgress()
    while not progress.ended:
        with office.ledger.read() as connection:
            progress = check_on(connection, progress, STEP)
    return (time.process_time() - began) / progress.seq


def _proof(office: Office) -> float:
    """Seconds for the proof of the first call, whose way to the chain's end is the longest."""
    with closing(office.rules), office.ledger.read() as connection:
        frame = ProofFrame(office.rules, office.settings.timezone, None, office.clock())
        began = time.perf_counter()
        proof_of(connection, [1], None, frame)
        return time.perf_counter() - began
