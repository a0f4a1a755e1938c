"""Makes one set of facts of all events of a call (contract 3.3, «Calls»), in whatever order they arrived. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from plugin.deciding.ruleset.values import Facts, FactValue

#: The asked facts in the order of the conversation (``Decider.path``).
Path = Callable[[Facts], Sequence[str]]


@dataclass(frozen=True, slots=True)
class CallReport:
    """What one event reports of its call. ``order`` grows with the order of receipt; None retracts a fact.

    ``final``: the conversation is over. ``pin`` is the revision that the operator worked with.
    """

    occurred_at: datetime
    order: int
    facts: Mapping[str, FactValue | None]
    final: bool = False
    pin: str | None = None

    @property
    def place(self) -> tuple[datetime, int]:
        """Its place in the order in which events count: of two of the same moment the one received later is later."""
        return self.occurred_at, self.order


def merged(reports: Iterable[CallReport], path: Path) -> dict[str, FactValue]:
    """The facts after all reports: the latest wins, and a changed answer drops the later answers of the old path.

    Those come back only if the changing report or a later one gives them again.
    """
    known: dict[str, FactValue] = {}
    for report in sorted(reports, key=lambda report: report.place):
        for name in _dropped(known, report.facts, path):
            known.pop(name, None)
        for name, value in report.facts.items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
    return known


def _dropped(known: Facts, reported: Mapping[str, FactValue | None], path: Path) -> Sequence[str]:
    """The facts that were asked for after the first answer that changes now."""
    changed = {name for name, value in reported.items() if name in known and not _same(known[name], value)}
    if not changed:
        return ()
    old_path = path(known)
    first = next((place for place, name in enumerate(old_path) if name in changed), len(old_path))
    return old_path[first + 1 :]


def _same(one: FactValue, other: FactValue | None) -> bool:
    return type(one) is type(other) and one == other
