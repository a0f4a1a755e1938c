"""What becomes of promises: people finish some reminders, and each promise and number must be as that says.

The hours until the plugin looks again are let pass in its ledger, under kills and faults as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from chaos.records import Records
from chaos.script import SUPPRESSES
from tests.support.processes import poll

#: Of a hundred open reminders people finish so many.
_FINISHED = 60
_PAUSE = 0.2
#: As the CRM tells of a reminder, and what the plugin then knows of it.
_KNOWN = {"open": "open", "done": "done", "withdrawn": "void"}


@dataclass(frozen=True, slots=True)
class ExpectedPromise:
    """A call as it was decided in the end: its number, the outcome, and who has to do something.

    ``promised``: whether anybody was reminded for certain before; None: perhaps.
    """

    call: str
    phone: str
    outcome: str
    people: Collection[str]
    promised: bool | None


def finished_by_chance(reminders: Iterable[str], random: Random) -> list[str]:
    """Which of these open reminders are finished."""
    return [one for one in sorted(reminders) if random.randrange(100) < _FINISHED]


def watched_again(ledger: Records, disturb: Callable[[], None], patience: float) -> bool:
    """Let hours pass, with disturbances; whether every open reminder was then looked at in time."""
    since = ledger.hours_pass()
    disturb()
    return poll(lambda: ledger.not_looked_at(since) == 0, patience, _PAUSE)


def promise_faults(expected: Iterable[ExpectedPromise], ledger: Records, crm: Mapping[str, str]) -> Iterator[str]:
    """Where a promise is not in the one state that the CRM's reminders (their states by id) say."""
    promises, standing, told = ledger.promises(), ledger.standing(), set[str]()
    for one in expected:
        told.add(one.call)
        states = promises.get(one.call, [])
        if len(states) > 1:
            yield f"{one.call}: {len(states)} promises"
        elif not one.people:
            if states not in ([], ["withdrawn"]) or (one.promised and not states) or (one.promised is False and states):
                yield f"{one.call}: promise {states} though nobody is to do anything"
        else:
            own = [crm.get(reminder, "missing") for reminder in standing.get(one.call, ())]
            right = "kept" if own and set(own) == {"done"} else "written"
            if states != [right] or len(own) != len(one.people):
                yield f"{one.call}: promise {states}, and the CRM says {own}"
    yield from (f"{call}: a promise of no call" for call in promises if call not in told)
    yield from _watch_faults(ledger, crm)


def _watch_faults(ledger: Records, crm: Mapping[str, str]) -> Iterator[str]:
    watched = ledger.watched()
    for reminder, states in watched.items():
        said = _KNOWN.get(crm.get(reminder, ""), "missing")
        if states != [said]:
            yield f"reminder {reminder}: watched as {states}, and it is {said}"
    yield from (
        f"reminder {one} is not watched" for one, state in crm.items() if state == "open" and one not in watched
    )
    escalated = ledger.escalations()
    if escalated:
        yield f"{escalated} people told of promises that were not in danger"


def suppression_faults(expected: Iterable[ExpectedPromise], ledger: Records) -> Iterator[str]:
    """Where the suppression list does not hold exactly what was decided in the end, each once."""
    wanted = {(one.phone, scope) for one in expected for scope in SUPPRESSES[one.outcome]}
    found: Counter[tuple[str, str]] = ledger.suppressed()
    yield from (f"{number} is not excluded from {scope}" for number, scope in sorted(wanted - set(found)))
    yield from (f"{number} is excluded from {scope}" for number, scope in sorted(set(found) - wanted))
    yield from (
        f"{number}: excluded from {scope} {times} times" for (number, scope), times in found.items() if times > 1
    )
