"""The revisions a ledger keeps and the record of who made which one active, when and why. Reads, writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, inspect, select

from plugin.common.toml.writer import to_toml
from plugin.errors import Fault, InputError, OptoutError, RulesError
from plugin.ledger.schema import activations, revisions

if TYPE_CHECKING:
    from plugin.deciding.decision.compiled_rules import Rulebook

#: The shortest beginning of a revision that stands for it: four hex digits seldom mean another one by accident.
SHORTEST_PREFIX = 4
#: Revisions named in a message.
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Activation:
    """One change of the active rules: numbered as they followed each other, by whom and why.

    ``kind``: publish, rollback, revert or emergency, None where that was not noted or not asked for. ``approved_by``:
    the people who agreed to it.
    """

    id: int
    revision: str
    at: datetime
    by: str
    reason: str
    kind: str | None = None
    approved_by: tuple[str, ...] = ()


_SHORT = tuple(activations.c[name] for name in ("id", "revision", "activated_at", "by", "reason"))


def activation_history(connection: Connection, limit: int | None = None) -> list[Activation]:
    """The changes of the active rules, the newest first, without their kinds."""
    query = select(*_SHORT).order_by(activations.c.id.desc()).limit(limit)
    return [Activation(*row) for row in connection.execute(query)]


def full_history(connection: Connection, limit: int | None = None) -> list[Activation]:
    """The changes of the active rules with their kinds and who agreed, the newest first."""
    if not _has_column(connection, "activations", "kind"):
        return activation_history(connection, limit)
    query = select(*_SHORT, activations.c.kind, activations.c.approved_by).order_by(activations.c.id.desc())
    return [
        Activation(*row[:6], tuple((row.approved_by or "").splitlines()))
        for row in connection.execute(query.limit(limit))
    ]


def newest_activation(connection: Connection) -> Activation | None:
    """What made the active revision active; None where none ever was."""
    return next(iter(activation_history(connection, 1)), None)


def active_at(connection: Connection, moment: datetime) -> str:
    """The revision that decided at this moment. Raises InputError (Russian) where none did yet."""
    found = next((one.revision for one in activation_history(connection) if one.at <= moment), None)
    if found is None:
        raise InputError("Тогда активных правил ещё не было", hint="Все редакции печатает optout rules history")
    return found


def find_revision(connection: Connection, name: str, *, once_active: bool = False) -> str:
    """The one stored revision called or beginning so; ``once_active``: among those that ever decided.

    Raises InputError (Russian) if there is none, or several.
    """
    found = _matching(connection, name)
    if once_active:
        decided = set(connection.execute(select(activations.c.revision).distinct()).scalars())
        if len(found) == 1 and found[0] not in decided:
            raise InputError(f"Редакция {found[0]} никогда не была активной", hint="Её можно только опубликовать")
        found = [revision for revision in found if revision in decided] or found
    if len(found) == 1:
        return found[0]
    if found:
        named = ", ".join(found[:_NAMED]) + (" и другие" if len(found) > _NAMED else "")
        raise InputError(f"«{name}» подходит к нескольким редакциям: {named}", hint="Напишите больше знаков")
    raise InputError(f"Редакции «{_shown(name)}» в журнале нет", hint=_possible(connection))


def has_revision(connection: Connection, name: str) -> bool:
    """Whether exactly this revision is stored."""
    query = select(revisions.c.revision).where(revisions.c.revision == name)
    return connection.execute(query).first() is not None


def stored_files(connection: Connection, revision: str) -> Mapping[str, str]:
    """The texts of the revision's files as they were published; empty where they were not kept."""
    if not _has_column(connection, "revisions", "files"):
        return {}
    files = connection.execute(select(revisions.c.files).where(revisions.c.revision == revision)).scalar_one_or_none()
    return files if isinstance(files, dict) else {}


def stored_content(connection: Connection, revision: str) -> Any:
    """The revision's content as it is kept. Raises InputError for an unknown one, RulesError for a damaged one."""
    query = select(revisions.c.content).where(revisions.c.revision == revision)
    try:
        row = connection.execute(query).one_or_none()
    except ValueError as error:
        raise _unreadable(revision, "запись повреждена") from error
    if row is None:
        message = f"ruleset: no revision {revision[:64]!r} in this ledger"
        raise InputError(message, hint="Leave it out for the active one")
    return row.content


def revision_texts(connection: Connection, revision: str) -> Mapping[str, str]:
    """The texts of the revision's files; where they were not kept, TOML that says the same without comments.

    Raises InputError for an unknown revision, RulesError for one whose content is damaged.
    """
    kept = stored_files(connection, revision)
    if kept:
        return kept
    try:
        return {name: to_toml(table) for name, table in stored_content(connection, revision).items()}
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise _unreadable(revision, "запись повреждена") from error


def has_table(connection: Connection, table: str) -> bool:
    """Whether the ledger has it: one that was not upgraded yet may still be read."""
    return inspect(connection).has_table(table)


def _has_column(connection: Connection, table: str, name: str) -> bool:
    """Whether the table has it: a ledger that was not upgraded yet may still be read."""
    return name in {column["name"] for column in inspect(connection).get_columns(table)}


def stored_rulebook(connection: Connection, revision: str, *, with_files: bool = False) -> Rulebook:
    """A stored revision, compiled for the caller, who closes it; with the texts of its files if asked for.

    Raises InputError for an unknown revision, RulesError for one whose content is damaged or of another version.
    """
    content = stored_content(connection, revision)
    book = _compiled(revision, content, stored_files(connection, revision) if with_files else {})
    if book.revision != revision:
        book.close()
        raise _unreadable(revision, "содержание не соответствует номеру редакции: запись повреждена")
    return book


def _compiled(revision: str, content: Any, files: Mapping[str, str]) -> Rulebook:
    from plugin.deciding.decision.compiled_rules import Rulebook  # noqa: PLC0415 (loads durable-rules, which readers of the ledger need not)

    try:
        book = Rulebook.from_content(content, files)
    except OptoutError:
        raise
    except Exception as error:
        # It was checked when it was activated: another version of the plugin wrote it, in a shape unknown to this one.
        what = f"эта версия плагина не может прочитать правила из журнала ({type(error).__name__})"
        raise _unreadable(revision, what) from error
    return book


def _unreadable(revision: str, what: str) -> RulesError:
    hint = "обновите плагин или опубликуйте правила заново"
    return RulesError([Fault(f"редакция {revision[:16]}", 0, "журнал", what, hint)])


def _matching(connection: Connection, name: str) -> list[str]:
    if has_revision(connection, name):
        return [name]
    if len(name) < SHORTEST_PREFIX:
        return []
    query = select(revisions.c.revision).where(revisions.c.revision.startswith(name.lower(), autoescape=True))
    return list(connection.execute(query.order_by(revisions.c.created_at.desc()).limit(_NAMED + 1)).scalars())


def _possible(connection: Connection) -> str:
    recent = connection.execute(
        select(revisions.c.revision).order_by(revisions.c.created_at.desc()).limit(_NAMED)
    ).scalars()
    named = ", ".join(recent)
    return f"Последние: {named}; все печатает optout rules history" if named else "Журнал правил пуст"


def _shown(name: str) -> str:
    """The name on one short line, without what a terminal would act upon."""
    return "".join(char if char.isprintable() else " " for char in name[:64])
