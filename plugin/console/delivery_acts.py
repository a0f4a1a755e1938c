"""Retries and cancels deliveries for a person at the console: all that a filter chooses, with a result for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from plugin.common.clock import Now
from plugin.console.bulk import MOST_DELIVERIES, BulkItem
from plugin.errors import InputError, LedgerUnavailable
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor
from plugin.operations.deliveries import Act, Operation, OperationPlan
from plugin.operations.selection import BATCH, Selection, chosen_ids
from plugin.operations.transitions import Refusal, TransitionKind
from plugin.operations.words import DONE_STEPS, REFUSALS

#: What another try may find otherwise.
_AGAIN = frozenset({Refusal.ON_ITS_WAY})
_NOT_REACHED = "не успели: база данных была занята"


def planned(ledger: Ledger, act: Act, chosen: Selection, now: Now) -> OperationPlan:
    """What the act would come to. Raises InputError where too many are meant, LedgerUnavailable."""
    _meant(ledger, chosen, now)
    return Operation(ledger, act, chosen, now).plan()


def carry_out(ledger: Ledger, act: Act, chosen: Selection, now: Now, actor: Actor) -> list[BulkItem]:
    """Do it; what became of each: also of those that could not be reached any more, where some were.

    Raises InputError where too many are meant, LedgerUnavailable.
    """
    ids, plan = _meant(ledger, chosen, now), OperationPlan(act)
    try:
        for start in range(0, len(ids), BATCH):
            some = replace(chosen, ids=tuple(ids[start : start + BATCH]))
            Operation(ledger, act, some, now).carry_out(actor, plan)
    except LedgerUnavailable:
        if not plan.items:
            raise
    return list(_told(ids, plan.items))


def _meant(ledger: Ledger, chosen: Selection, now: Now) -> Sequence[int]:
    with ledger.read() as connection:
        ids = chosen_ids(connection, chosen, now(), MOST_DELIVERIES + 1)
    if len(ids) > MOST_DELIVERIES:
        what = f"Под эти условия подходит больше {MOST_DELIVERIES} доставок"
        raise InputError(what, hint="Это слишком много для одного действия. Сузьте условия, например по дате.")
    return ids


def _told(ids: Sequence[int], items: Mapping[int, TransitionKind | Refusal]) -> Iterator[BulkItem]:
    for id_ in ids:
        step = items.get(id_)
        if step is None:
            yield BulkItem(id_, False, True, _NOT_REACHED)
        elif isinstance(step, Refusal):
            yield BulkItem(id_, False, step in _AGAIN, REFUSALS[step])
        else:
            yield BulkItem(id_, True, False, DONE_STEPS[step])
