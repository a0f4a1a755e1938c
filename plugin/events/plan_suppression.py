"""Plans what a decision says of its call's number for the suppression list (contract 3.8). Pure.

The number is that of the call, also where the outcome is about the number and not about the card's client. A call that
is left unfinished releases nothing any more, and what it excluded stays excluded until a person has decided.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from connectors.kit.phones import first_number
from plugin.events.calls import Call
from plugin.events.decide_call import DecidedCall


@dataclass(frozen=True, slots=True)
class SuppressionChange:
    """What the call says of ``number`` now, scope by scope: whether it is excluded (True) or no longer (False).

    ``at``: since when. ``corrects``: what the call said before and does not say now is taken back; of an unfinished
    call only what it released. ``number`` None: the call has none that could be excluded.
    """

    number: str | None
    at: datetime
    said: tuple[tuple[str, bool], ...] = ()
    corrects: bool = False
    unfinished: bool = False


def plan_suppression(decided: DecidedCall, call: Call, *, is_new: bool) -> SuppressionChange | None:
    """The change; None where nothing is to be written. ``is_new``: the decision is another one than before.

    The same decision again is planned too: only now may the number be known.
    """
    if call.dry_run:
        return None
    outcome = decided.decider.script.outcomes.get(decided.decision.outcome or "")
    said: tuple[tuple[str, bool], ...] = ()
    if outcome is not None:
        said = tuple((scope, True) for scope in outcome.suppress) + tuple((scope, False) for scope in outcome.release)
    corrects = is_new and any(known.outcome is not None for known in decided.loaded.decisions)
    if not said and not corrects:
        return None
    number = first_number(call.phone)
    if number is None and not corrects:
        return None
    return SuppressionChange(number, call.last_occurred_at, said, corrects, unfinished=outcome is None)
