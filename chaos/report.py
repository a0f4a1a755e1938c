"""The figures of a run in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chaos.run import Result

_MOST_SHOWN = 20


def lines(result: Result, seed: int) -> Iterator[str]:
    """What is printed of one run."""
    tally = result.tally
    answers = ", ".join(f"{status}: {count}" for status, count in sorted(tally.answers.items()))
    kills = ", ".join(f"{name}: {count}" for name, count in result.kills.items())
    faults = ", ".join(f"{kind}: {count}" for kind, count in sorted(result.faults.items()))
    states = ", ".join(f"{state}: {count}" for state, count in sorted(result.states.items()))
    settled = ", ".join(f"{outcome}: {count}" for outcome, count in sorted(result.settled.items()))
    yield f"{result.ledger} (seed {seed}, {result.seconds:.0f} s)"
    yield f"  calls                       {result.calls}, events accepted: {tally.accepted}"
    yield f"  answers                     {answers or 'none'}; none at all: {tally.unanswered}"
    yield f"  kills                       {result.kills.total()} ({kills})"
    yield f"  faults injected             {result.faults.total()} ({faults})"
    yield f"  deliveries                  {result.states.total()} ({states}), mails: {result.mails}"
    kept = ", ".join(f"{state}: {count}" for state, count in sorted(result.promises.items()))
    yield f"  promises                    {result.promises.total()} ({kept}), numbers excluded: {result.suppressed}"
    yield f"  unknowns settled by look-up {result.settled.total()} ({settled})"
    for name, found in (("lost", result.lost), ("doubled", result.doubled), ("anything else off", result.off)):
        yield f"  {name:27} {len(found)}"
        yield from (f"    {line}" for line in _shortened(found))


def _shortened(found: Sequence[str]) -> Iterator[str]:
    yield from found[:_MOST_SHOWN]
    if len(found) > _MOST_SHOWN:
        yield f"and {len(found) - _MOST_SHOWN} more"
