"""A draft on its way to deciding: merged with what was published meanwhile, checked, published, taken back."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from plugin.authoring.inspection.diff import Differences, differences
from plugin.authoring.revisions.archive import Activation, activation_history, stored_rulebook
from plugin.authoring.revisions.export import write_files
from plugin.authoring.revisions.publish import Publication, make_active, publish, ready_rollback
from plugin.console.rules_desk import OpenedRules, RulesDesk
from plugin.errors import InputError
from plugin.ledger.audit import Actor


@dataclass(frozen=True, slots=True)
class PastPublication:
    """A change of the active rules: the activation, and what it changed beside the one before (None: the first)."""

    made: Activation
    before: Activation | None
    is_active: bool


def publish_draft(desk: RulesDesk, opened: OpenedRules, by: str, reason: str) -> Publication:
    """Make the draft the active rules and throw the draft away. Raises RulesError, InputError.

    A draft that was begun with other rules than the active ones is refused until it is merged.
    """
    if opened.draft is None or not opened.differs:
        raise InputError("Публиковать нечего", hint="В черновике нет изменений")
    if opened.is_outdated:
        raise InputError("Правила с тех пор опубликовал другой человек", hint="Сначала объедините черновик с ними")
    with tempfile.TemporaryDirectory(prefix="optout-draft-") as name:
        write_files(Path(name), opened.files)
        done = publish(desk.ledger, Path(name), by, reason, now=desk.now)
    desk.drafts.discard(opened.draft.owner, opened.script)
    return done


def publications(desk: RulesDesk, limit: int = 100) -> list[PastPublication]:
    """The changes of the active rules, the newest first."""
    with desk.ledger.read() as connection:
        found = activation_history(connection, limit + 1)
    return [
        PastPublication(one, found[at + 1] if at + 1 < len(found) else None, at == 0)
        for at, one in enumerate(found[:limit])
    ]


def changed_by(desk: RulesDesk, one: PastPublication) -> Differences | None:
    """What a publication changed beside the rules before it; None for the first. Raises RulesError."""
    if one.before is None:
        return None
    with desk.ledger.read() as connection:
        old = stored_rulebook(connection, one.before.revision, with_files=True)
        try:
            new = stored_rulebook(connection, one.made.revision, with_files=True)
        except BaseException:
            old.close()
            raise
    try:
        return differences(old, new)
    finally:
        old.close()
        new.close()


def take_back(desk: RulesDesk, revision: str, by: str, reason: str) -> None:
    """Make a stored revision active again. Raises InputError, RulesError."""
    with ready_rollback(desk.ledger, revision) as ready:
        make_active(desk.ledger, ready, Actor.signed(by, reason), now=desk.now)
