"""Drafts in the ledger. Each change is one transaction and one step of undo; a change that lost a race begins anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from plugin.authoring.drafts.edits import DraftFiles, Edit
from plugin.authoring.revisions.archive import newest_activation
from plugin.authoring.revisions.export import files_of
from plugin.common.clock import Now
from plugin.errors import InputError, LedgerUnavailable, NoActiveRules
from plugin.ledger import Ledger
from plugin.ledger.drafts import draft_edits, drafts

#: Edits that can be taken back.
MOST_EDITS = 300
#: How often a change is tried whose draft was changed meanwhile.
_TRIES = 8
_D, _E = drafts.c, draft_edits.c

#: Files of a draft → what they are to become. Raises InputError where that cannot be.
Change = Callable[[DraftFiles], DraftFiles]


@dataclass(frozen=True, slots=True)
class RulesDraft:
    """A person's draft. ``version`` grows with each change; ``edits`` stand and can be undone.

    ``undo`` and ``redo`` say what those would take back or do again; None: there is nothing.
    """

    id: int
    owner: str
    script: str
    base: str
    files: DraftFiles
    version: int
    edits: int
    undo: str | None
    redo: str | None
    begun_at: datetime
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class DraftMention:
    """That somebody has a draft, and nothing of what is in it."""

    owner: str
    script: str
    base: str
    changed_at: datetime


class Drafts:
    """The drafts of a ledger. Thread-safe. Raises LedgerUnavailable."""

    def __init__(self, ledger: Ledger, now: Now) -> None:
        self._ledger = ledger
        self._now = now

    def find(self, owner: str, script: str) -> RulesDraft | None:
        """The person's draft of a script; None where there is none."""
        with self._ledger.read() as connection:
            return _read(connection, owner, script)

    def mentions(self) -> list[DraftMention]:
        """Who is writing on which script, the latest change first."""
        query = select(_D.owner, _D.script, _D.base, _D.changed_at).order_by(_D.changed_at.desc())
        with self._ledger.read() as connection:
            return [DraftMention(*row) for row in connection.execute(query)]

    def change(self, owner: str, script: str, what: str, change: Change) -> RulesDraft:
        """Do this to the person's draft, which begins with the active rules where there is none yet.

        ``change`` may be called again where the draft was changed meanwhile. Nothing is kept where nothing differs.
        Raises InputError of ``change``, and NoActiveRules.
        """
        for _ in range(_TRIES):
            before = self.find(owner, script)
            base, files = (before.base, before.files) if before else self._active()
            edit = Edit.between(files, change(files))
            if edit.is_empty and before:
                return before
            if self._save(owner, script, before, base, edit.done(files), edit, what):
                break
        else:
            raise LedgerUnavailable("the draft is being changed by many at once")
        return self._found(owner, script)

    def rebase(self, owner: str, script: str, version: int, base: str, files: DraftFiles, what: str) -> RulesDraft:
        """Put the draft on another revision, with these files. Raises InputError if it is another version now."""
        before = self._found(owner, script)
        edit = Edit.between(before.files, files, (before.base, base))
        if before.version != version or not self._save(owner, script, before, base, files, edit, what):
            raise _changed()
        return self._found(owner, script)

    def undo(self, owner: str, script: str) -> RulesDraft:
        """Take the last edit back that stands. Raises InputError where there is none."""
        return self._step(owner, script, undo=True)

    def redo(self, owner: str, script: str) -> RulesDraft:
        """Do the last edit again that was taken back. Raises InputError where there is none."""
        return self._step(owner, script, undo=False)

    def discard(self, owner: str, script: str, version: int | None = None) -> None:
        """Throw the draft away. Raises InputError where ``version`` is given and it has been changed since."""
        with self._ledger.write() as connection:
            row = connection.execute(_select(owner, script)).one_or_none()
            if row is None:
                return
            if version is not None and row.version != version:
                raise _changed()
            connection.execute(delete(draft_edits).where(_E.draft_ref == row.id))
            connection.execute(delete(drafts).where(_D.id == row.id))

    # --- details -----------------------------------------------------------------------------------

    def _found(self, owner: str, script: str) -> RulesDraft:
        found = self.find(owner, script)
        if found is None:
            raise InputError("Черновика больше нет", hint="Его опубликовали или удалили в другой вкладке")
        return found

    def _active(self) -> tuple[str, DraftFiles]:
        with self._ledger.read() as connection:
            active = newest_activation(connection)
            if active is None:
                raise NoActiveRules("В журнале ещё нет действующих правил", hint="Опубликуйте их в первый раз")
            return active.revision, files_of(connection, active.revision)

    def _save(
        self,
        owner: str,
        script: str,
        before: RulesDraft | None,
        base: str,
        files: DraftFiles,
        edit: Edit,
        what: str,
    ) -> bool:
        """Write it unless the draft was changed meanwhile."""
        at = self._now()
        with self._ledger.write() as connection:
            row = connection.execute(_select(owner, script)).one_or_none()
            if (row.version if row else None) != (before.version if before else None):
                return False
            number = (row.position if row else 0) + (not edit.is_empty)
            values = {"base": base, "files": dict(files), "position": number, "changed_at": at}
            if row is None:
                new = values | {"owner": owner, "script": script, "version": 1, "begun_at": at}
                key = connection.execute(insert(drafts), new).inserted_primary_key
                assert key is not None
                draft = int(key[0])
            else:
                draft = row.id
                connection.execute(update(drafts).where(_D.id == draft).values(version=row.version + 1, **values))
            if not edit.is_empty:
                _keep(connection, draft, number, what, edit, at)
        return True

    def _step(self, owner: str, script: str, *, undo: bool) -> RulesDraft:
        with self._ledger.write() as connection:
            row = connection.execute(_select(owner, script)).one_or_none()
            number = 0 if row is None else row.position + (not undo)
            kept = None if row is None else connection.execute(_change(row.id, number)).scalar_one_or_none()
            if row is None or kept is None:
                raise InputError("Отменять больше нечего" if undo else "Возвращать больше нечего")
            edit = Edit.from_json(kept)
            bases = edit.bases or (row.base, row.base)
            values = {
                "files": edit.undone(row.files) if undo else edit.done(row.files),
                "base": bases[0] if undo else bases[1],
                "position": row.position + (-1 if undo else 1),
                "version": row.version + 1,
                "changed_at": self._now(),
            }
            connection.execute(update(drafts).where(_D.id == row.id).values(**values))
        return self._found(owner, script)


def _select(owner: str, script: str) -> Any:
    return select(drafts).where(_D.owner == owner, _D.script == script).with_for_update()


def _change(draft: int, number: int) -> Any:
    return select(_E.changes).where(_E.draft_ref == draft, _E.number == number)


def _read(connection: Connection, owner: str, script: str) -> RulesDraft | None:
    row = connection.execute(select(drafts).where(_D.owner == owner, _D.script == script)).one_or_none()
    if row is None:
        return None
    beside = select(_E.number, _E.what).where(_E.draft_ref == row.id, _E.number.in_((row.position, row.position + 1)))
    what: Mapping[int, str] = {number: said for number, said in connection.execute(beside)}
    return RulesDraft(
        row.id,
        row.owner,
        row.script,
        row.base,
        row.files,
        row.version,
        row.position,
        what.get(row.position),
        what.get(row.position + 1),
        row.begun_at,
        row.changed_at,
    )


def _keep(connection: Connection, draft: int, number: int, what: str, edit: Edit, at: datetime) -> None:
    """Add the edit; those that were undone before can no longer be done again, the oldest no longer undone."""
    of_draft = _E.draft_ref == draft
    connection.execute(delete(draft_edits).where(of_draft, (_E.number >= number) | (_E.number <= number - MOST_EDITS)))
    row = {"draft_ref": draft, "number": number, "what": what, "changes": edit.to_json(), "at": at}
    connection.execute(insert(draft_edits), row)


def _changed() -> InputError:
    return InputError("Черновик изменили в другой вкладке", hint="Обновите страницу и повторите")
