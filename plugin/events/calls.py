"""Finds the call that an event belongs to, and updates it by the event. Pure.

A CRM may use a call id again: another phone or card, or more than a day away, is another call, the next generation.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from connectors.kit.phones import numbers_in
from plugin.events.schema import CallResult
from plugin.ledger.call_search import folded

#: Further away than this from every event of a call, the same id is another call.
REUSED_AFTER = timedelta(hours=24)
#: A call reported after its deadline is due this much later.
LATE_TERM = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Call:
    """A row of ``calls``. ``id`` is None while it is not stored yet; ``number`` 0: nothing decided yet.

    ``dry_run``: nothing of it is sent.
    """

    id: int | None
    namespace: str
    call_id: str
    generation: int
    script: str
    phone: str | None
    operator: str | None
    card_type: str | None
    card_id: str | None
    card_name: str | None
    card_url: str | None
    note: str | None
    first_occurred_at: datetime
    last_occurred_at: datetime
    deadline_at: datetime
    late: bool
    decision_number: int
    outcome: str | None
    unfinished_at: datetime | None
    dry_run: bool

    @classmethod
    def of_row(cls, row: Sequence[Any]) -> Call:
        """The call in a row of the ledger that has the fields in their order here."""
        return cls(*row)

    @property
    def stored_id(self) -> int:
        """The id of a call that is in the ledger."""
        assert self.id is not None
        return self.id

    def columns(self) -> dict[str, Any]:
        """The row without its id, with the name as it is searched."""
        return dict(zip(_COLUMNS, _VALUES_OF(self), strict=True), card_search=folded(self.card_name))

    def due(self, hours: int, received: datetime) -> datetime:
        """When something promised within ``hours`` of the call is due, if the event comes in at ``received``."""
        promised = self.first_occurred_at + timedelta(hours=hours)
        return promised if received <= promised else received + LATE_TERM


_COLUMNS = tuple(field.name for field in fields(Call) if field.name != "id")
_VALUES_OF = attrgetter(*_COLUMNS)
#: The fields that a call has from its first event.
_OF_RESULT = ("phone", "operator", "card_type", "card_id", "card_name", "card_url", "note")


def find_call(known: Iterable[Call], result: CallResult) -> Call | None:
    """The call that the event is about: of those it can belong to, the one nearest in time, then the newest."""
    fitting = [call for call in known if _fits(call, result)]
    return min(fitting, key=lambda call: (_distance(call, result.occurred_at), -call.generation), default=None)


def new_call(
    namespace: str, generation: int, script: str, result: CallResult, promise_hours: int, *, dry_run: bool
) -> Call:
    """The call as its first event reports it."""
    return Call(
        id=None,
        namespace=namespace,
        call_id=result.call_id,
        generation=generation,
        script=script,
        **{name: getattr(result, name) for name in _OF_RESULT},
        first_occurred_at=result.occurred_at,
        last_occurred_at=result.occurred_at,
        deadline_at=result.occurred_at + timedelta(hours=promise_hours),
        late=False,
        decision_number=0,
        outcome=None,
        unfinished_at=None,
        dry_run=dry_run,
    )


def with_event(call: Call, result: CallResult, promise_hours: int) -> Call:
    """The call after one more event: gaps are filled in, what is known changes only by a later event.

    The promise runs from the earliest event, whichever came in first.
    """
    newer = result.occurred_at >= call.last_occurred_at

    def latest(known: str | None, reported: str | None) -> str | None:
        return (reported or known) if newer else (known or reported)

    first = min(call.first_occurred_at, result.occurred_at)
    return replace(
        call,
        phone=call.phone or result.phone,
        card_type=call.card_type or result.card_type,
        card_id=call.card_id or result.card_id,
        card_name=latest(call.card_name, result.card_name),
        card_url=latest(call.card_url, result.card_url),
        operator=latest(call.operator, result.operator),
        note=latest(call.note, result.note),
        first_occurred_at=first,
        last_occurred_at=max(call.last_occurred_at, result.occurred_at),
        deadline_at=first + timedelta(hours=promise_hours),
    )


def _fits(call: Call, result: CallResult) -> bool:
    if call.phone and result.phones and call.phone not in result.phones and _has_another_number(call, result):
        return False
    if call.card_id and result.card_id and (call.card_type, call.card_id) != (result.card_type, result.card_id):
        return False
    return _distance(call, result.occurred_at) <= REUSED_AFTER


def _has_another_number(call: Call, result: CallResult) -> bool:
    """Whether both have a number and share none; earlier versions kept numbers in other notations."""
    numbers = numbers_in(call.phone)
    return bool(numbers) and set(numbers).isdisjoint(result.phones)


def _distance(call: Call, moment: datetime) -> timedelta:
    """From the call's nearest event: its events are never more than a day apart, so one within its span is near."""
    return max(call.first_occurred_at - moment, moment - call.last_occurred_at, timedelta(0))
