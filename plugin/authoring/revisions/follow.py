"""A working copy brought to the active revision, with its own changes kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from plugin.authoring.revisions.candidate import RulesCandidate, publish_candidate
from plugin.authoring.revisions.copy_base import bring_along, copy_base
from plugin.authoring.revisions.working_copy import read_working_copy
from plugin.errors import RulesError
from plugin.ledger import Ledger


@dataclass(frozen=True, slots=True)
class FollowedRules:
    """What became of the folder: ``candidate`` as it would be published; ``left_behind``: why it was not written."""

    candidate: RulesCandidate
    left_behind: str | None


def follow_active(ledger: Ledger, folder: Path, *, keep_over: str = "") -> FollowedRules:
    """Merge the active rules into the folder and note their revision.

    What the folder's owner changed since it was begun stays. Raises RulesConflict, and changes nothing then, where the
    same fields were changed (``keep_over`` as in ``publish_candidate``); RulesError for a folder that cannot be read.
    """
    copy = read_working_copy(folder)
    if copy.content is None:
        raise RulesError(copy.faults)
    with ledger.read() as connection:
        candidate = publish_candidate(connection, copy.files, copy_base(connection, folder), keep_over=keep_over)
    if candidate.over is None:
        return FollowedRules(candidate, "активных правил ещё нет")
    if candidate.takes_back_unknown:
        return FollowedRules(candidate, "она не говорит, с какой редакции начата")
    return FollowedRules(candidate, bring_along(folder, copy.files, candidate.files, candidate.over.revision))
