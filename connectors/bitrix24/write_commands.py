"""How each kind of record is written in Bitrix24: the command, where the new id stands, and how it is read back.

The CRM answers a create with an id also where it put another person or no card into the record, or takes a person whom
it does not have, so each one is read in the same batch, behind its create. Sources:
https://apidocs.bitrix24.ru/api-reference/crm/timeline/comments/, /crm/timeline/activities/todo/,
/tasks/tasks-task-add.html, /chats/notifications/im-notify-personal-add.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.base import CardRef, CommentWrite, EmailWrite, NotDone, ReminderWrite
from connectors.bitrix24.commands import Command, Later
from connectors.bitrix24.texts import lost_mark, shown_literally
from connectors.bitrix24.types import is_id, place

#: Stands before the id of a task, so that a to-do and a task are told apart whatever the settings say by then.
TASK = "task-"
_NO_CARD = 404


@dataclass(frozen=True, slots=True)
class WriteCommand:
    """One write. ``made`` is the path of the new id in the answer, ``prefix`` stands before it in the remote id.

    ``read_back`` makes the command that reads the record again, by where its id will be; ``cut`` says what of the
    record is not as it was asked for; ``undo`` takes it out again, by its id; ``person`` is whom it is for.
    """

    create: Command
    made: tuple[str, ...] = ()
    prefix: str = ""
    read_back: Callable[[str], Command] | None = None
    cut: Callable[[Any], str | None] = lambda _: None
    undo: Callable[[str], Command] | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class CommandBuilder:
    """The settings that writes depend on. ``notify_client`` is None where an application writes, which has its own."""

    reminders: str
    ping_minutes: tuple[int, ...]
    notify_client: str | None

    def recipe(self, item: CommentWrite | ReminderWrite | EmailWrite) -> WriteCommand | NotDone:
        """How to write this; NotDone where it can never be written."""
        if isinstance(item, CommentWrite):
            return comment(item)
        if not is_id(item.assignee.user):
            return NotDone("the role has no CRM user (a number) to remind", permanent=True)
        if isinstance(item, EmailWrite):
            return notification(item, self.notify_client)
        return task(item) if self.reminders == "task" else todo(item, self.ping_minutes)


def comment(item: CommentWrite) -> WriteCommand | NotDone:
    """A comment in the card's timeline."""
    where = place(item.card)
    if where is None:
        return no_such_card(item.card)
    kind, card_id = where
    text = shown_literally(item.text)

    def cut(record: Any) -> str | None:
        if not isinstance(record, Mapping):
            return None
        if _differs(record.get("ENTITY_ID"), card_id) or _differs(record.get("ENTITY_TYPE"), kind.name):
            return "it stands in another card"
        return "its text was cut" if lost_mark(text, record.get("COMMENT"), item.key) else None

    fields = {"ENTITY_ID": card_id, "ENTITY_TYPE": kind.name, "COMMENT": text}
    return WriteCommand(
        Command("crm.timeline.comment.add", {"fields": fields}),
        read_back=lambda key: Command("crm.timeline.comment.get", {"id": Later(key)}),
        cut=cut,
        undo=delete_comment,
    )


def todo(item: ReminderWrite, ping_minutes: tuple[int, ...]) -> WriteCommand | NotDone:
    """A to-do in the card's timeline, pinging its person before the deadline."""
    where = place(item.card)
    if where is None:
        return no_such_card(item.card)
    kind, card_id = where
    text, user = shown_literally(item.text), item.assignee.user

    def cut(record: Any) -> str | None:
        if not isinstance(record, Mapping):
            return None
        if _differs(record.get("OWNER_TYPE_ID"), kind.number) or _differs(record.get("OWNER_ID"), card_id):
            return "it is not linked to the card"
        if _differs(record.get("RESPONSIBLE_ID"), user):
            return f"it was given to user {_shown(record.get('RESPONSIBLE_ID'))} instead of {user}"
        return "its text was cut" if lost_mark(text, record.get("DESCRIPTION"), item.key) else None

    params = {
        "ownerTypeId": kind.number,
        "ownerId": card_id,
        "deadline": item.due.isoformat(timespec="seconds"),
        "title": item.subject,
        "description": text,
        "responsibleId": user,
        "pingOffsets": list(ping_minutes) or None,
    }
    return WriteCommand(
        Command("crm.activity.todo.add", params),
        made=("id",),
        read_back=lambda key: Command("crm.activity.get", {"id": Later(key, ("id",))}),
        cut=cut,
        undo=delete_todo,
        person=user,
    )


def task(item: ReminderWrite) -> WriteCommand | NotDone:
    """A task linked to the card, with the key as its XML_ID."""
    where = place(item.card)
    if where is None:
        return no_such_card(item.card)
    kind, card_id = where
    text, user, link = shown_literally(item.text), item.assignee.user, f"{kind.task_prefix}_{card_id}"

    def cut(record: Any) -> str | None:
        found = record.get("task") if isinstance(record, Mapping) else None
        if not isinstance(found, Mapping):
            return None
        if _differs(found.get("responsibleId"), user):
            return f"it was given to user {_shown(found.get('responsibleId'))} instead of {user}"
        links = found.get("ufCrmTask")
        if link not in (links if isinstance(links, list) else []):
            return "it is not linked to the card"
        return "its text was cut" if lost_mark(text, found.get("description"), item.key) else None

    fields = {
        "TITLE": item.subject,
        "DESCRIPTION": text,
        "RESPONSIBLE_ID": user,
        "DEADLINE": item.due.isoformat(timespec="seconds"),
        "UF_CRM_TASK": [link],
        "XML_ID": item.key,
    }
    return WriteCommand(
        Command("tasks.task.add", {"fields": fields}),
        made=("task", "id"),
        prefix=TASK,
        read_back=lambda key: read_task(Later(key, ("task", "id"))),
        cut=cut,
        undo=delete_task,
        person=user,
    )


def notification(item: EmailWrite, client: str | None) -> WriteCommand:
    """A notification that is mailed to whoever has not read it ten minutes later.

    The same TAG takes the place of an older one; the mail's subject is the beginning of MESSAGE_OUT.
    """
    text = shown_literally(item.text)
    params = {
        "USER_ID": item.assignee.user,
        "MESSAGE": f"[b]{shown_literally(item.subject)}[/b]\n{text}",
        "MESSAGE_OUT": f"{item.subject}\n{text}",
        "TAG": f"optout|{item.key}",
        "CLIENT_ID": client,
    }
    return WriteCommand(Command("im.notify.personal.add", params))


def read_task(task_id: str | Later) -> Command:
    """A task with the fields that its state and its being cut are told by."""
    select = ["ID", "STATUS", "RESPONSIBLE_ID", "XML_ID", "UF_CRM_TASK", "DESCRIPTION"]
    return Command("tasks.task.get", {"taskId": task_id, "select": select})


def read_people(users: Sequence[str]) -> Command:
    """Those of these users whom the portal has, dismissed ones included."""
    return Command("user.get", {"FILTER": {"ID": list(users)}, "select": ["ID", "ACTIVE"]})


def delete_comment(comment_id: str) -> Command:
    return Command("crm.timeline.comment.delete", {"id": comment_id})


def delete_todo(todo_id: str) -> Command:
    return Command("crm.activity.delete", {"id": todo_id})


def delete_task(task_id: str) -> Command:
    return Command("tasks.task.delete", {"taskId": task_id})


def no_such_card(card: CardRef) -> NotDone:
    """For a card whose type or id this CRM cannot have."""
    return NotDone(f"the CRM has no cards of type {card.type!r} with such an id", permanent=True, status=_NO_CARD)


def _differs(kept: object, asked: object) -> bool:
    return kept is not None and str(kept).lower() != str(asked).lower()


def _shown(value: object) -> str:
    return str(value) if is_id(value) else "nobody"
