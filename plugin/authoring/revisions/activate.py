"""Changes which rules are active: one change at a time across all machines, each of them recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, update

from plugin.authoring.revisions.archive import Activation, newest_activation
from plugin.ledger.database import Ledger
from plugin.ledger.insert import insert_if_absent
from plugin.ledger.schema import activations, revisions

if TYPE_CHECKING:
    from plugin.deciding.decision.compiled_rules import Rulebook

#: Given what is active: whether the change is not to be made after all.
Unless = Callable[[Activation | None], bool]


@dataclass(frozen=True, slots=True)
class ActivationChange:
    """What became of a wish to change the active rules. ``made``: the new activation, None where it was not to be.

    ``previous`` is what was active until then, None in a ledger that never had active rules.
    """

    made: Activation | None
    previous: Activation | None


def activate(
    ledger: Ledger, rulebook: Rulebook, *, at: datetime, by: str, reason: str, unless: Unless = lambda _: False
) -> ActivationChange:
    """Make this revision the active one; stores its content if it is new, and its files' texts as they are now.

    Raises LedgerUnavailable, and changes nothing then.
    """
    with ledger.write(alone=True) as connection:
        previous = newest_activation(connection)
        if unless(previous):
            return ActivationChange(None, previous)
        store_revision(connection, rulebook, at)
        row = {"revision": rulebook.revision, "activated_at": at, "by": by, "reason": reason}
        key = connection.execute(insert(activations), row).inserted_primary_key
        assert key is not None
        made = Activation(int(key[0]), rulebook.revision, at, by, reason)
    return ActivationChange(made, previous)


def store_revision(connection: Connection, rulebook: Rulebook, at: datetime) -> None:
    """Store a revision without making it the active one; of one that is stored already, its files' texts."""
    revision, files = rulebook.revision, dict(rulebook.files) or None
    new = {"revision": revision, "content": rulebook.content, "files": files, "created_at": at}
    if not insert_if_absent(connection, revisions, new) and files:
        # The same rules, but the comments may be others than when they were published before.
        connection.execute(update(revisions).where(revisions.c.revision == revision).values(files=files))
