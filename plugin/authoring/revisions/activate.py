"""Changes which rules are active: one change at a time across all machines, each of them recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import Connection, insert, update

from plugin.authoring.revisions.archive import Activation, newest_activation
from plugin.common.log import mask_text
from plugin.ledger.database import Ledger
from plugin.ledger.insert import insert_if_absent
from plugin.ledger.schema import activations, alerts, revisions

if TYPE_CHECKING:
    from plugin.deciding.decision.compiled_rules import Rulebook

_LOG = structlog.get_logger(__name__)

#: The kind of an activation that nobody agreed to, and that of the alert about it.
EMERGENCY = "emergency"
EMERGENCY_ALERT = "rules_emergency"

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
    ledger: Ledger,
    rulebook: Rulebook,
    *,
    at: datetime,
    by: str,
    reason: str,
    kind: str | None = None,
    approved_by: tuple[str, ...] = (),
    unless: Unless = lambda _: False,
) -> ActivationChange:
    """Make this revision the active one; stores its content if it is new, and its files' texts as they are now.

    An emergency opens the alert that tells the admins of it. Raises LedgerUnavailable, and changes nothing then.
    """
    with ledger.write(alone=True) as connection:
        previous = newest_activation(connection)
        if unless(previous):
            return ActivationChange(None, previous)
        store(connection, rulebook, at)
        row = {"revision": rulebook.revision, "activated_at": at, "by": by, "reason": reason}
        row |= {"kind": kind, "approved_by": "\n".join(approved_by) or None}
        key = connection.execute(insert(activations), row).inserted_primary_key
        assert key is not None
        made = Activation(int(key[0]), rulebook.revision, at, by, reason, kind, approved_by)
        if kind == EMERGENCY:
            _tell(connection, made)
    return ActivationChange(made, previous)


def _tell(connection: Connection, made: Activation) -> None:
    about = {"activation": made.id, "revision": made.revision, "by": mask_text(made.by)}
    about |= {"reason": mask_text(made.reason), "at": made.at.isoformat()}
    cause = f"{EMERGENCY_ALERT}:{made.id}"
    row = {"kind": EMERGENCY_ALERT, "cause": cause, "subject": made.id, "about": about, "opened_at": made.at}
    if insert_if_absent(connection, alerts, row):
        _LOG.warning("alert.opened", kind=EMERGENCY_ALERT, cause=cause, revision=made.revision)


def store(connection: Connection, rulebook: Rulebook, at: datetime) -> None:
    """Keep the revision, and its files' texts as they are now."""
    revision, files = rulebook.revision, dict(rulebook.files) or None
    new = {"revision": revision, "content": rulebook.content, "files": files, "created_at": at}
    if not insert_if_absent(connection, revisions, new) and files:
        # The same rules, but the comments may be others than when they were published before.
        connection.execute(update(revisions).where(revisions.c.revision == revision).values(files=files))
