"""Notes and tasks as they are written and as they are read back and found again.

Sources: amoCRM developers' pages «События и примечания», «Задачи».
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.amocrm.client import AmoClient, each
from connectors.amocrm.contacts import COLLECTIONS, is_id, path_of
from connectors.base import (
    CardRef,
    CommentWrite,
    Done,
    Kind,
    NotDone,
    Outcome,
    ReminderState,
    ReminderStatus,
    ReminderWrite,
)
from connectors.http.client import HttpAnswer
from connectors.kit.reference_mark import LOOK_BACK, carries_mark

#: How a task that the CRM kept wrongly is closed; by it ``find`` tells it from one that was kept as written.
TAKEN_BACK = "Создано с ошибкой и закрыто автоматически"
_TRIED_OUT = "Пробная запись, закрыта автоматически"


def note(write: CommentWrite, request_id: str) -> dict[str, Any]:
    """A comment as the API takes it."""
    return {
        "entity_id": int(write.card.id),
        "note_type": "common",
        "params": {"text": write.text},
        "request_id": request_id,
    }


def task(write: ReminderWrite, task_type: int, request_id: str) -> dict[str, Any]:
    """A reminder as the API takes it; a task has no subject, so its text begins with it."""
    return {
        "text": f"{write.subject}\n{write.text}",
        "complete_till": int(write.due.timestamp()),
        "task_type_id": task_type,
        "responsible_user_id": int(write.assignee.user or 0),
        "entity_id": int(write.card.id),
        "entity_type": COLLECTIONS[write.card.type],
        "request_id": request_id,
    }


def cut(write: CommentWrite | ReminderWrite, kept: Mapping[str, Any]) -> str | None:
    """What of a write the CRM has kept otherwise than it was written, None where nothing."""
    if str(kept.get("entity_id")) != write.card.id:
        return "it is not linked to the card"
    if isinstance(write, CommentWrite):
        params = kept.get("params")
        text = params.get("text") if isinstance(params, dict) else None
    else:
        text = kept.get("text")
        if kept.get("entity_type") != COLLECTIONS[write.card.type]:
            return "it is not linked to the card"
        if str(kept.get("responsible_user_id")) != write.assignee.user:
            return "it has another responsible user: does the one in roles.toml exist and is active?"
    return None if carries_mark(text, write.key) else "its text was cut"


class AmoRecords:
    """Reads notes and tasks, and closes tasks. Reads raise CrmUnavailable, CrmRefused."""

    def __init__(self, api: AmoClient, now: Callable[[], datetime]) -> None:
        self._api = api
        self._now = now

    def notes_by_id(self, collection: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """These notes of one type of card, by id."""
        return _by_id(self._api.listed(f"{collection}/notes", "notes", each("id", ids), pages=1))

    def tasks_by_id(self, ids: Collection[str]) -> dict[str, dict[str, Any]]:
        """These tasks, by id."""
        return _by_id(self._api.listed("tasks", "tasks", each("id", ids), pages=1))

    def find(self, kind: Kind, card: CardRef | None, key: str) -> str | None:
        """The id of what carries the mark of this key: the API finds by no text, so the newest are looked through.

        Without a card the newest of the whole account. What is too old to be it ends the search. Raises CrmRefused
        where there is too much that is newer.
        """
        if kind == "email" or (card is not None and path_of(card) is None):
            return None
        return self._find_task(card, key) if kind == "reminder" else self._find_note(card, key)

    def state(self, task_id: str) -> ReminderState:
        """Whether a task is still open."""
        record = self.task(task_id)
        if record is None:
            return ReminderState.MISSING
        return ReminderState.DONE if record.get("is_completed") else ReminderState.OPEN

    def statuses(self, task_ids: Sequence[str]) -> dict[str, ReminderStatus]:
        """How these tasks stand, by one request. Who changed a closed task last has closed it, as far as it is told."""
        known = [one for one in task_ids if is_id(one)]
        found = self.tasks_by_id(known) if known else {}
        return {one: _status(found.get(one)) for one in task_ids}

    def task(self, task_id: str) -> dict[str, Any] | None:
        return self._api.record(f"tasks/{task_id}") if is_id(task_id) else None

    def close(self, task_id: str, why: str) -> Outcome:
        """Close a task with this result; one that is gone counts as closed."""
        payload = {"is_completed": True, "result": {"text": why}}
        result = self._api.write("PATCH", f"tasks/{task_id}", payload)
        if isinstance(result, HttpAnswer) or (isinstance(result, NotDone) and result.status == 404):
            return Done(task_id)
        return result

    def take_back(self, task_ids: Sequence[str]) -> bool:
        """Close tasks that were kept wrongly, in one request; whether that has worked."""
        payload = [{"id": int(task_id), "is_completed": True, "result": {"text": TAKEN_BACK}} for task_id in task_ids]
        return isinstance(self._api.write("PATCH", "tasks", payload), HttpAnswer)

    def remove(self, kind: Kind, remote_id: str) -> Outcome:
        """Leave no trial record to be worked on: a task is closed. The API deletes neither notes nor tasks."""
        if kind == "reminder" and is_id(remote_id):
            closed = self.close(remote_id, _TRIED_OUT)
            if not isinstance(closed, Done):
                return closed
            why = f"the CRM deletes no tasks over its API: task {remote_id} is closed, delete it by hand"
        else:
            why = f"the CRM deletes no notes over its API: delete note {remote_id} by hand"
        return NotDone(why, permanent=True)

    def _recent(self, path: str, name: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """What may have been written by a delivery that is still looked for; ``params`` ask for the newest first."""
        since = (self._now() - LOOK_BACK).timestamp()
        for record in self._api.listed(path, name, params):
            created = record.get("created_at")
            if isinstance(created, int) and created < since:
                return
            yield record

    def _find_note(self, card: CardRef | None, key: str) -> str | None:
        params = {"filter[note_type][0]": "common", "order[id]": "desc"}
        paths = [f"{collection}/notes" for collection in COLLECTIONS.values()]
        for path in paths if card is None else [f"{path_of(card)}/notes"]:
            for record in self._recent(path, "notes", params):
                held = record.get("params")
                if carries_mark(held.get("text") if isinstance(held, dict) else None, key):
                    return str(record.get("id"))
        return None

    def _find_task(self, card: CardRef | None, key: str) -> str | None:
        params = {"order[created_at]": "desc"}
        if card is not None:
            params |= {"filter[entity_type]": COLLECTIONS[card.type], "filter[entity_id][0]": card.id}
        for record in self._recent("tasks", "tasks", params):
            if carries_mark(record.get("text"), key) and _result(record) != TAKEN_BACK:
                return str(record.get("id"))
        return None


def _by_id(records: Iterator[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {str(record.get("id")): record for record in records}


def _result(record: Mapping[str, Any]) -> object:
    result = record.get("result")
    return result.get("text") if isinstance(result, dict) else None


def _status(record: Mapping[str, Any] | None) -> ReminderStatus:
    if record is None:
        return ReminderStatus(ReminderState.MISSING)
    is_done = bool(record.get("is_completed"))
    return ReminderStatus(
        ReminderState.DONE if is_done else ReminderState.OPEN,
        person=_named(record.get("responsible_user_id")),
        due=_moment(record.get("complete_till")),
        done_by=_named(record.get("updated_by")) if is_done else None,
        done_at=_moment(record.get("updated_at")) if is_done else None,
    )


def _named(user: object) -> str | None:
    """A user's id; 0 is the CRM itself."""
    return str(user) if user else None


def _moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if isinstance(seconds, int) and seconds > 0 else None
