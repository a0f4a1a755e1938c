"""What a call result would come to, found out without storing anything: for whoever is to confirm it first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from plugin.deciding.decision.model import Decision
from plugin.events.apply import CallChange
from plugin.events.decide_call import DecidedCall

#: Whether the decision is what was confirmed.
Accept = Callable[[Decision], bool]


@dataclass(frozen=True, slots=True)
class Preview:
    """The decision with what it is made from, and what would be written. Both None: there is nothing to do."""

    weighed: DecidedCall | None
    move: CallChange | None


class DecisionChanged(Exception):
    """The decision is not what was confirmed; nothing was stored. ``foreseen`` is what it would be."""

    def __init__(self, foreseen: Preview) -> None:
        super().__init__("decided otherwise")
        self.foreseen = foreseen
