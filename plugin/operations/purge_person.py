"""Removes what is kept of one number at its owner's request (152-ФЗ, article 14), and keeps what the law asks for.

A number that is excluded stays in the suppression list, bare: without it its owner would be called again (38-ФЗ,
article 18). What was promised and is not done yet stays until it is; what is anonymous stays as after any purge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, select

from plugin.common.clock import Now
from plugin.ledger import Ledger
from plugin.ledger.audit import Actor, record
from plugin.ledger.chain.forget import forget_records, hold
from plugin.ledger.pushed_numbers import PushState, pushed_numbers
from plugin.ledger.schema import calls
from plugin.ledger.sqlite_file import wipe_what_is_removed
from plugin.ledger.suppressed_emails import suppressed_emails
from plugin.ledger.suppression import refused_calls, suppressions
from plugin.operations.purge import Purge, calls_that_are_over
from plugin.operations.purge_trails import purge_trails_of
from plugin.promise.email_list import MAILINGS
from plugin.promise.person import calls_of, trails_of
from plugin.promise.suppression_list import entries_of

_s = suppressions.c
_OF_NUMBER = _s.number == bindparam("number")
_NO_LONGER = delete(suppressions).where(_OF_NUMBER).returning(_s.id, _s.call_ref)
_TAKEN_BACK = _s.withdrawn_at.is_not(None)
_CALLED = delete(refused_calls).where(refused_calls.c.number == bindparam("number"))
#: What is still to be taken out of a dialler's list stays until it is, and goes with the daily purge.
_TAKEN_OUT = delete(pushed_numbers).where(
    pushed_numbers.c.number == bindparam("number"),
    ~pushed_numbers.c.wanted,
    pushed_numbers.c.state == PushState.DONE.value,
)
_EMAILS = delete(suppressed_emails).where(suppressed_emails.c.number == bindparam("number"))
_LOCK = (
    select(calls.c.id).where(calls.c.id.in_(bindparam("ids", expanding=True))).order_by(calls.c.id).with_for_update()
)
_COUNT_CALLED = select(refused_calls.c.id).where(refused_calls.c.number == bindparam("number"))


@dataclass(frozen=True, slots=True)
class PersonPurge:
    """What a purge of one number comes to: calls that are purged, and those that are kept because they are not over.

    ``scopes``: what the number stays excluded from.
    """

    calls: Sequence[int]
    kept: Sequence[int]
    trails: int
    called: int
    scopes: Sequence[str]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to remove."""
        return not (self.calls or self.trails or self.called)


def plan_person_purge(connection: Connection, number: str) -> PersonPurge:
    """What it would come to for this number (E.164); changes nothing."""
    ids = calls_of(connection, number, purged=False)
    over = calls_that_are_over(connection, ids)
    entries = entries_of(connection, [number]).get(number, [])
    return PersonPurge(
        over,
        [id_ for id_ in ids if id_ not in set(over)],
        len(trails_of(connection, number)),
        len(connection.execute(_COUNT_CALLED, {"number": number}).all()),
        [entry.scope for entry in entries if entry.until is None],
    )


def purge_person(ledger: Ledger, now: Now, number: str, actor: Actor) -> PersonPurge:
    """Do it, in one transaction, and record it without the number. Raises LedgerUnavailable."""
    with ledger.write() as connection:
        wipe_what_is_removed(connection)
        hold(connection)
        # An event that is taken in meanwhile is waited for, and one that comes now waits.
        connection.execute(_LOCK, {"ids": list(calls_of(connection, number))})
        plan = plan_person_purge(connection, number)
        purge = Purge.of_person(ledger, now)
        # The trails first: they are found by the number, and by that of the calls' card.
        purge_trails_of(connection, trails_of(connection, number), now(), purge.vocabulary)
        if plan.calls:
            purge.purge_calls(connection, plan.calls)
        connection.execute(_CALLED, {"number": number})
        connection.execute(_TAKEN_OUT, {"number": number})
        if MAILINGS not in plan.scopes:
            connection.execute(_EMAILS, {"number": number})
        _purge_said(connection, number, plan.scopes)
        details = {"calls": len(plan.calls), "kept": len(plan.kept)}
        record(connection, "forget", actor, now(), [{"details": details}])
    return plan


def _purge_said(connection: Connection, number: str, scopes: Sequence[str]) -> None:
    """Keep only what still excludes the number."""
    for which in (_TAKEN_BACK, _s.scope.not_in(scopes)):
        removed = connection.execute(_NO_LONGER.where(which), {"number": number}).all()
        forget_records(connection, "said", sorted({row.call_ref for row in removed if row.call_ref is not None}))
        forget_records(connection, "suppression", [row.id for row in removed if row.call_ref is None])
