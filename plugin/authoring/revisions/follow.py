"""A working copy brought to the active revision, with its own changes kept."""

from __future__ import annotations

from pathlib import Path

from plugin.authoring.revisions.archive import newest_activation
from plugin.authoring.revisions.candidate import publish_candidate
from plugin.authoring.revisions.copy_base import bring_along, copy_base
from plugin.authoring.revisions.working_copy import read_working_copy
from plugin.errors import RulesError
from plugin.ledger import Ledger


def follow_active(ledger: Ledger, folder: Path) -> str | None:
    """Merge the active rules into the folder and note their revision; why that cannot be done, in Russian, or None.

    What the folder's owner changed since it was begun stays. Raises RulesConflict, and changes nothing then, where the
    same fields were changed; RulesError for a folder that cannot be read.
    """
    copy = read_working_copy(folder)
    if copy.content is None:
        raise RulesError(copy.faults)
    with ledger.read() as connection:
        active = newest_activation(connection)
        if active is None:
            return "активных правил ещё нет"
        candidate = publish_candidate(connection, copy.files, copy_base(connection, folder))
    if candidate.takes_back_unknown:
        return "она не говорит, с какой редакции начата"
    return bring_along(folder, copy.files, candidate.files, active.revision)
