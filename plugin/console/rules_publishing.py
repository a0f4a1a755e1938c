"""A draft on its way to deciding: merged with what was published meanwhile, agreed to, published, taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plugin.authoring.inspection.diff import Differences, differences
from plugin.authoring.merging import ABSENT, FieldConflict, merge_rules
from plugin.authoring.revisions import reviews
from plugin.authoring.revisions.archive import Activation, full_history, stored_rulebook
from plugin.authoring.revisions.publish import (
    Publication,
    make_active,
    ready_revert,
    ready_rollback,
    ready_texts,
)
from plugin.console.rules_desk import OpenedRules, RulesDesk
from plugin.errors import InputError
from plugin.ledger.audit import Actor

#: How the active rules were changed, in words.
KINDS = {
    "publish": "публикация",
    "rollback": "возврат прежних правил",
    "revert": "отмена одной публикации",
    "emergency": "срочная публикация без согласования",
}


@dataclass(frozen=True, slots=True)
class PastPublication:
    """A change of the active rules: the activation, and the one before it (None: the first)."""

    made: Activation
    before: Activation | None
    is_active: bool

    @property
    def kind(self) -> str:
        """What kind of change it was, in words."""
        return KINDS.get(self.made.kind or "publish", "публикация")


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A field that the draft and a publication changed, each in its own way, in words."""

    where: str
    base: str
    mine: str
    theirs: str


def signed(by: str, reason: str) -> Actor:
    """Who does it and why. Raises InputError (Russian) for a blank reason."""
    if not reason.strip():
        raise InputError("Не написано, зачем это изменение", hint="Напишите одной фразой")
    return Actor.signed(by, reason)


def publish_draft(
    desk: RulesDesk, opened: OpenedRules, by: str, reason: str, *, approvals: int = 0, emergency: bool = False
) -> Publication:
    """Make the draft the active rules and throw the draft away.

    Raises RulesError, ApprovalNeeded where other people have to agree first, InputError for a blank reason, a draft
    that differs in nothing, or one that was begun with other rules than the active ones: it is merged first.
    """
    actor = signed(by, reason)
    if opened.draft is None or not opened.differs:
        raise InputError("Публиковать нечего", hint="В черновике нет изменений")
    if opened.is_outdated:
        raise InputError("Правила с тех пор опубликовал другой человек", hint="Сначала объедините черновик с ними")
    if untested := untested_scripts(opened):
        what = f"У нового скрипта «{untested[0]}» нет ни одного случая"
        raise InputError(what, hint="Сделайте его на странице «Попробовать»")
    with ready_texts(desk.ledger, opened.files, opened.base) as ready:
        done = make_active(desk.ledger, ready, actor, now=desk.now, approvals=approvals, emergency=emergency)
    desk.drafts.discard(opened.draft.owner, opened.script)
    return done


def untested_scripts(opened: OpenedRules) -> list[str]:
    """The titles of new scripts without a case: nobody has said yet what they are to do."""
    content = opened.check.content
    files = opened.files.keys() - opened.base_files.keys()
    new = sorted(name.partition("/")[0] for name in files if name.endswith("/script.toml"))
    return [
        str((content.get(f"{name}/script.toml") or {}).get("title") or name)
        for name in new
        if not (content.get(f"{name}/cases.toml") or {}).get("case")
    ]


def merge_draft(desk: RulesDesk, opened: OpenedRules, keep: str = "") -> list[MergeConflict]:
    """Bring the draft up to the active rules, field by field; one step of undo.

    Returns the fields in conflict, and does nothing then, unless ``keep`` says whose values stay: ``mine`` or
    ``theirs``. Raises RulesError, InputError.
    """
    if opened.draft is None:
        raise InputError("Объединять нечего", hint="У вас нет черновика этого скрипта")
    theirs = desk.files(opened.active.revision)
    merge = merge_rules(opened.base_files, opened.files, theirs)
    if merge.conflicts and keep not in ("mine", "theirs"):
        return [_told(one) for one in merge.conflicts]
    files = merge.files
    if merge.conflicts and keep == "theirs":
        files = merge_rules(opened.base_files, theirs, opened.files).files
    what = f"объединено с публикацией: {opened.active.by}"
    draft = opened.draft
    desk.drafts.rebase(draft.owner, opened.script, draft.version, opened.active.revision, files, what)
    return []


def publications(desk: RulesDesk, limit: int = 100) -> list[PastPublication]:
    """The changes of the active rules, the newest first."""
    with desk.ledger.read() as connection:
        found = full_history(connection, limit + 1)
    return [
        PastPublication(one, found[at + 1] if at + 1 < len(found) else None, at == 0)
        for at, one in enumerate(found[:limit])
    ]


def changed_between(desk: RulesDesk, before: str, after: str) -> Differences:
    """What differs between two stored revisions. Raises RulesError, InputError."""
    with desk.ledger.read() as connection:
        old = stored_rulebook(connection, before, with_files=True)
        try:
            new = stored_rulebook(connection, after, with_files=True)
        except BaseException:
            old.close()
            raise
    try:
        return differences(old, new)
    finally:
        old.close()
        new.close()


def take_back(desk: RulesDesk, revision: str, actor: Actor, *, people_too: bool) -> None:
    """Make a stored revision active again, with today's people unless ``people_too``. Raises InputError, RulesError."""
    with ready_rollback(desk.ledger, revision, people_too=people_too) as ready:
        make_active(desk.ledger, ready, actor, now=desk.now)


def undo_one(desk: RulesDesk, revision: str, actor: Actor, *, approvals: int = 0) -> None:
    """Take one publication's changes out of the active rules; later ones stay.

    Raises RulesConflict where later ones changed the same fields, ApprovalNeeded, InputError, RulesError.
    """
    with ready_revert(desk.ledger, revision) as ready:
        make_active(desk.ledger, ready, actor, now=desk.now, approvals=approvals)


def waiting(desk: RulesDesk) -> list[reviews.RulesReview]:
    """The rules that wait for another person's word."""
    with desk.ledger.read() as connection:
        return reviews.waiting(connection)


def agreed_by(desk: RulesDesk, one: reviews.RulesReview) -> tuple[str, ...]:
    """Who has agreed to rules that wait."""
    with desk.ledger.read() as connection:
        return reviews.approvers(connection, one.revision, one.over, one.by)


def agree(desk: RulesDesk, revision: str, actor: Actor) -> None:
    """Agree to rules that wait. Raises InputError where there are none such, or for one's own."""
    found = next((one for one in waiting(desk) if one.revision == revision), None)
    if found is None:
        raise InputError("Эти правила согласования уже не ждут", hint="Вернитесь к списку")
    with desk.ledger.read() as connection:
        book = stored_rulebook(connection, revision, with_files=True)
    try:
        reviews.approve(desk.ledger, book, actor, desk.now(), over=found.over)
    finally:
        book.close()


def take_from_review(desk: RulesDesk, revision: str, actor: Actor) -> None:
    """Let rules wait no more for another person's word. Raises InputError."""
    reviews.withdraw(desk.ledger, revision, actor, desk.now())


def _told(one: FieldConflict) -> MergeConflict:
    where = f"{one.file}: {' → '.join(one.place)}"
    return MergeConflict(where, *(_value(side) for side in (one.base, one.mine, one.theirs)))


def _value(value: Any) -> str:
    return "нет" if value is ABSENT else str(value)
