"""One run on one ledger: calls and kills at once, then quiet, then everything is counted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from chaos.model import judge, promised
from chaos.monkey import Monkey
from chaos.promises import ExpectedPromise, finished_by_chance, promise_faults, suppression_faults, watched_again
from chaos.readback import Found, read_back
from chaos.records import Records, Row, records
from chaos.sender import Sender, Tally
from chaos.services import Service
from chaos.stage import SECRET, Stage
from chaos.story import Story, stories
from tests.support.processes import poll

_SENDERS = 8
_CALLS_A_SECOND = 10.0
#: Beyond the length that was meant: other work may be slowing the machine.
_PATIENCE = 10.0
_START_SECONDS = 90.0
#: Between two looks at how far the run is.
_PAUSE = 0.2
#: The faults end when so little is left to do for each call, or so many seconds (and some for the calls) have passed.
_CALM_BELOW = 0.05
#: How long it may take until all reminders were looked at again, and some more for each.
_WATCH_SECONDS = 60.0
_FAULTY_SECONDS = 20.0
#: How long the promises may take until they say what the CRM says.
_BOOK_SECONDS = 30.0


@dataclass
class Result:
    """The figures of a run. ``off`` is everything else that is not as it must be; each list says what in words."""

    ledger: str
    calls: int = 0
    tally: Tally = field(default_factory=Tally)
    kills: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    settled: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    promises: Counter[str] = field(default_factory=Counter)
    suppressed: int = 0
    mails: int = 0
    seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    off: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.doubled or self.off)


def run(ledger: str, url: str, folder: Path, *, calls: int, kills: int, seed: int) -> Result:
    """Let ``calls`` calls and ``kills`` kills loose on the plugin with its ledger at ``url``."""
    started, result = time.monotonic(), Result(ledger, calls)
    length = max(calls / _CALLS_A_SECOND, 1.5 * kills)
    told = stories(calls, length, Random(f"{seed}-calls"))
    shared = ledger != "sqlite"
    with Stage(folder, url, told, shared=shared, seed=f"{seed}-{ledger}") as stage, records(url) as ledger_records:
        try:
            _play(stage, told, ledger_records, result, kills=kills, seed=seed)
            if not result.off:
                _people_work(stage, ledger_records, result, Random(f"{seed}-people"))
            _end(stage, result)
            _count(stage, told, ledger_records, result)
        finally:
            result.kills = Counter({service.name: service.kills for service in stage.services})
            result.seconds = time.monotonic() - started
            if not result.is_good:
                (folder / "last-words.txt").write_text(stage.last_words(), encoding="utf-8")
    return result


def _play(stage: Stage, told: Sequence[Story], ledger: Records, result: Result, *, kills: int, seed: int) -> None:
    if not all_up(stage.services):
        result.off.append(f"not everything started:\n{stage.last_words()}")
        return
    length, chance = told[-1].begins if told else 0.0, Random(f"{seed}-kills-{result.ledger}")
    monkey = Monkey(stage.crm, stage.plugin, kills, length, chance, stage.kill)
    sender = Sender(stage.web_port, SECRET, told, monkey.progress)
    patience = 60 + _PATIENCE * max(monkey.seconds, length)
    killed: list[bool] = []
    killing = threading.Thread(target=lambda: killed.append(monkey.run(patience)), name="monkey")
    killing.start()
    try:
        if not sender.run(_SENDERS, patience):
            result.off.append(f"not every event was answered within {patience:.0f} s")
            monkey.stop()
    finally:
        killing.join()
    result.tally = sender.tally
    if killed != [True]:
        result.off.append(f"{monkey.done} of {kills} kills could be made")
    _quiet_down(stage, ledger, result, patience)


def _quiet_down(stage: Stage, ledger: Records, result: Result, patience: float) -> None:
    """What is left is done with the faults still on, but for the last of it; then nothing must be left."""
    if not all_up(stage.services):
        result.off.append("not everything came back after the last kill")
        return
    poll(lambda: ledger.open() < _CALM_BELOW * result.calls, _FAULTY_SECONDS + result.calls / _CALLS_A_SECOND, _PAUSE)
    stage.calm_down()
    done = poll(lambda: ledger.open() == 0 and not stage.crm_api.mails(state="queued"), patience, _PAUSE)
    result.states = ledger.states()
    if not done:
        result.off.append(f"not done {patience:.0f} s after the last kill: {dict(result.states)}")


def _people_work(stage: Stage, ledger: Records, result: Result, random: Random) -> None:
    """People finish some of their reminders, hours pass, and the plugin sees it whatever is killed meanwhile."""
    opened = [record["id"] for record in stage.crm_api.reminders(state="open")]
    for reminder in finished_by_chance(opened, random):
        stage.crm_api.send("PUT", f"reminders/{reminder}/done")

    def disturb() -> None:
        stage.disturb()
        for service in random.sample(stage.services, len(stage.services)):
            service.up.wait(_START_SECONDS)
            time.sleep(random.uniform(0.0, 0.5))
            stage.kill(service, random.choice((0.0, 0.3)))
        stage.settle()

    patience = _WATCH_SECONDS + len(opened) / _CALLS_A_SECOND
    if not watched_again(ledger, disturb, patience):
        result.off.append(f"not every reminder was looked at within {patience:.0f} s")
    # One that is asked to stop while it starts cannot say that it stops well.
    if not all_up(stage.services):
        result.off.append("not everything came back after the last kill")


def _end(stage: Stage, result: Result) -> None:
    result.off += stopped(stage.plugin, stage.services)
    result.faults = stage.injected


def all_up(services: Sequence[Service]) -> bool:
    """Wait until all of them are up; False where they take too long."""
    return poll(lambda: all(service.up.is_set() for service in services), _START_SECONDS, _PAUSE)


def stopped(plugin: Sequence[Service], services: Sequence[Service]) -> Iterator[str]:
    """Ask the plugin's processes to stop; what they and the other services did that they must not.

    Whatever befalls the plugin from outside is no fault of its code, and is to be logged as none.
    """
    for service in plugin:
        code = service.stop()
        if code != 0:
            yield f"{service.name} ended with {code} when it was asked to stop"
        yield from (f"{service.name} logged {fault} ({count} times)" for fault, count in service.faults().items())
    for service in services:
        yield from (f"{service.name} ended by itself with {code}" for code in service.gone)


# --- counting --------------------------------------------------------------------------------------


def _count(stage: Stage, told: Sequence[Story], ledger: Records, result: Result) -> None:
    found = read_back(stage.crm_api, dict(stage.sink.mails), told)
    result.settled, result.mails = ledger.looked_up(), found.mails
    perhaps_mailed = ledger.perhaps_mailed()
    for story in told:
        verdict = judge(story, found.items.get(story.number, {}), perhaps_mailed=story.call in perhaps_mailed)
        result.lost += verdict.lost
        result.doubled += verdict.doubled
        result.off += verdict.wrong
    accepted = [event for story in told for event in story.accepted]
    result.lost += [f"{event}: answered with a 2xx, and not in the ledger" for event in ledger.missing(accepted)]
    result.off += found.strange + result.tally.wrong
    result.off += [f"{count} deliveries parked" for count in [result.states["parked"]] if count]
    result.off += disagreements(ledger.rows(), found, set(stage.sink.mails))
    states = {str(record["id"]): record["state"] for record in stage.crm_api.reminders()}
    count_promises([promised(story) for story in told], ledger, states, result)


def count_promises(
    expected: Sequence[ExpectedPromise], ledger: Records, crm: Mapping[str, str], result: Result
) -> None:
    """The promises and the suppression list; ``crm`` has the states of its reminders by their ids.

    Whoever was killed last takes a while to come back and to look.
    """

    def faults() -> list[str]:
        return [*promise_faults(expected, ledger, crm), *suppression_faults(expected, ledger)]

    poll(lambda: not faults(), _BOOK_SECONDS, _PAUSE)
    result.off += faults()
    result.promises = Counter(state for states in ledger.promises().values() for state in states)
    result.suppressed = len(ledger.suppressed())


def disagreements(rows: Sequence[Row], found: Found, message_ids: set[str]) -> Iterable[str]:
    """Where the ledger says something else than the CRM and the mailboxes."""
    mailed = {message_id.strip("<>").partition("@")[0] for message_id in message_ids}
    for row in rows:
        if row.kind == "withdrawal":
            continue
        there = row.key[:32] in mailed if row.kind == "smtp_email" else found.keys[row.kind][row.key] > 0
        nobody_knows = row.state == "cancelled" and row.perhaps_sent
        if there != (row.state == "done") and not nobody_knows:
            yield f"{row.kind} {row.key}: the ledger says {row.state}, and it is {'there' if there else 'not there'}"
    known = {row.key for row in rows}
    for name, keys in found.keys.items():
        yield from (f"{name} {key}: the ledger does not know it" for key in keys if key not in known)
