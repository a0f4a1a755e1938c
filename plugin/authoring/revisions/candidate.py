"""Rules that are to become active: a folder or a draft, a revision to go back to, or the active rules less one change.

Each is merged over what is active while it is looked at, so that nothing of anybody's is taken back unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from plugin.authoring.merging import FieldConflict, RulesChange, RulesTexts, merge_rules, rules_changes
from plugin.authoring.merging.texts import changed_text, parsed
from plugin.authoring.revisions.archive import (
    Activation,
    activation_history,
    find_revision,
    newest_activation,
    revision_texts,
    stored_rulebook,
)
from plugin.authoring.revisions.copy_base import CopyBase, texts_revision
from plugin.deciding.ruleset.schema import ROLES_FILE
from plugin.errors import InputError, RulesConflict

#: Of a role, what says who the person is; the rest belongs to the rules.
_PEOPLE = ("crm_user", "address", "email", "person")


class ChangeKind(StrEnum):
    """How the active rules are changed; the value stands in the ledger."""

    PUBLISH = "publish"
    ROLLBACK = "rollback"
    REVERT = "revert"
    EMERGENCY = "emergency"


@dataclass(frozen=True, slots=True)
class RulesCandidate:
    """Rules on their way to be active.

    ``files``: their texts. ``over``: what is active now, None where nothing ever was. ``changes``: the fields that will
    differ from that. ``brought``: what others published since ``base`` and the candidate's own texts lacked.
    ``overruled``: fields in conflict for which its own value was chosen. ``base`` None: it is not known what the texts
    began with, so ``changes`` may take back what others published. ``people``: who stays although the revision that is
    gone back to names others (old: that revision's, new: today's). ``new_scripts``: those that never decided yet.
    """

    kind: ChangeKind
    files: RulesTexts
    over: Activation | None
    base: str | None
    changes: tuple[RulesChange, ...] = ()
    brought: tuple[RulesChange, ...] = ()
    overruled: tuple[FieldConflict, ...] = ()
    lost_remarks: Mapping[str, tuple[str, ...]] | None = None
    people: tuple[RulesChange, ...] = ()
    new_scripts: tuple[str, ...] = ()

    @property
    def takes_back_unknown(self) -> bool:
        """Whether it may take back what others published, since nobody knows what it began with."""
        return self.over is not None and self.base is None and bool(self.changes)


def publish_candidate(
    connection: Connection | None, files: RulesTexts, base: CopyBase, *, keep_over: str = ""
) -> RulesCandidate:
    """The texts of a folder or draft, merged over the active rules.

    ``keep_over``: the beginning of the active revision whose values are to give way where both changed a field. Raises
    RulesConflict with both values where they did, RulesError for texts that are not TOML.
    """
    active = None if connection is None else newest_activation(connection)
    if connection is None or active is None:
        return RulesCandidate(ChangeKind.PUBLISH, files, None, base.revision)
    theirs = revision_texts(connection, active.revision)
    if base.texts is None:
        changes, new = rules_changes(theirs, files), _new_scripts(theirs, files)
        return RulesCandidate(ChangeKind.PUBLISH, files, active, None, changes, new_scripts=new)
    merge = merge_rules(base.texts, files, theirs)
    if merge.conflicts and not (keep_over and active.revision.startswith(keep_over)):
        raise RulesConflict(
            f"Эти поля изменили и Вы, и {active.by} (редакция {active.revision})", merge.conflicts, active.revision
        )
    return RulesCandidate(
        ChangeKind.PUBLISH,
        merge.files,
        active,
        base.revision,
        rules_changes(theirs, merge.files),
        merge.brought,
        merge.conflicts,
        merge.lost_remarks,
        new_scripts=_new_scripts(theirs, merge.files),
    )


def _new_scripts(theirs: RulesTexts, files: RulesTexts) -> tuple[str, ...]:
    known = {name.partition("/")[0] for name in theirs}
    return tuple(sorted({name.partition("/")[0] for name in files if "/" in name} - known))


def rollback_candidate(connection: Connection, name: str | None, *, people_too: bool = False) -> RulesCandidate:
    """A revision that decided before, with today's people unless ``people_too``. ``name`` None: the one before.

    Raises InputError for an unknown or ambiguous revision, or where there is none before, or where it differs in
    people only; RulesError for one that cannot be compiled any more.
    """
    history = activation_history(connection)
    wanted = _before(history) if name is None else find_revision(connection, name, once_active=True)
    stored_rulebook(connection, wanted).close()
    active = history[0]
    target, today = (revision_texts(connection, revision) for revision in (wanted, active.revision))
    files, people = (target, ()) if people_too else _with_people(target, today)
    changes = rules_changes(today, files)
    if wanted != active.revision and people and not changes:
        hint = "Вернуть и людей: --people-too"
        raise InputError(f"Редакция {wanted} отличается от активной только людьми: их возврат не трогает", hint=hint)
    return RulesCandidate(ChangeKind.ROLLBACK, files, active, wanted, changes, people=people)


def revert_candidate(connection: Connection, name: str) -> RulesCandidate:
    """The active rules without what the last publication of this revision changed; later changes stay.

    Raises InputError for an unknown revision, the first one, or where nothing of it is left; RulesConflict where later
    publications changed the same fields: ``mine`` is today's value, ``theirs`` the one before that publication.
    """
    wanted = find_revision(connection, name, once_active=True)
    history = activation_history(connection)
    before = _predecessor(history, wanted)
    base, mine, theirs = (revision_texts(connection, one) for one in (wanted, history[0].revision, before))
    merge = merge_rules(base, mine, theirs)
    if merge.conflicts:
        raise RulesConflict("Эти поля с тех пор изменены ещё раз", merge.conflicts, history[0].revision)
    if not merge.brought:
        raise InputError(f"От изменений редакции {wanted} в активных правилах ничего не осталось")
    return RulesCandidate(
        ChangeKind.REVERT, merge.files, history[0], wanted, merge.brought, lost_remarks=merge.lost_remarks
    )


def _before(history: list[Activation]) -> str:
    found = next((one.revision for one in history if one.revision != history[0].revision), None)
    if found is None:
        hint = "Все редакции печатает optout rules history"
        raise InputError("До нынешней редакции активной не была ни одна другая", hint=hint)
    return found


def _predecessor(history: list[Activation], revision: str) -> str:
    """What was active before the newest activation of this revision that changed something."""
    for index, one in enumerate(history[:-1]):
        if one.revision == revision and history[index + 1].revision != revision:
            return history[index + 1].revision
    raise InputError(f"Редакция {revision} первая: до неё правил не было", hint="Отменить можно только изменение")


def _with_people(target: RulesTexts, today: RulesTexts) -> tuple[RulesTexts, tuple[RulesChange, ...]]:
    """The target's files with the people that its roles have today."""
    roles, now = (parsed(side.get(ROLES_FILE, "")) for side in (target, today))
    wanted: dict[str, Any] = {**roles, "role": {}}
    for name, role in roles.get("role", {}).items():
        current = now.get("role", {}).get(name)
        if current is None:
            wanted["role"][name] = role
            continue
        people = {key: current[key] for key in _PEOPLE if key in current}
        wanted["role"][name] = {key: value for key, value in role.items() if key not in _PEOPLE} | people
    text = changed_text(target.get(ROLES_FILE, ""), today.get(ROLES_FILE, ""), wanted)
    files = {**target, ROLES_FILE: text}
    return files, rules_changes(target, files)


def candidate_revision(candidate: RulesCandidate) -> str | None:
    """The revision that the candidate is; None where its texts cannot be read as rules."""
    return texts_revision(candidate.files)
