"""What becomes of a reminder after it was written: whether it is open, withdrawing it, taking it out again.

Sources: https://apidocs.bitrix24.ru/api-reference/crm/timeline/activities/activity-base/crm-activity-update.html,
/crm/timeline/activities/todo/crm-activity-todo-update-description.html, /tasks/tasks-task-complete.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.base import CrmRefused, CrmUnavailable, Done, NotDone, Outcome, ReminderState, ReminderStatus, Unknown
from connectors.bitrix24.client import Bitrix24Client
from connectors.bitrix24.commands import BatchAnswer, Command
from connectors.bitrix24.errors import is_gone
from connectors.bitrix24.texts import shown_literally
from connectors.bitrix24.types import is_id
from connectors.bitrix24.write_commands import TASK, delete_task, delete_todo, read_task
from connectors.bitrix24.writes import settled_alone, without_status
from connectors.kit.reference_mark import carries_mark
from connectors.protocol.outcomes import not_done_because

#: A task that waits for its creator's approval is done for the person it was given to.
_TASK_OVER = frozenset({"4", "5"})


def reminder_state(portal: Bitrix24Client, remote_id: str) -> ReminderState:
    """Whether the to-do or task is still open. Raises CrmUnavailable, CrmRefused."""
    record = _record(portal, remote_id)
    if record is None:
        return ReminderState.MISSING
    return ReminderState.DONE if _is_over(record) else ReminderState.OPEN


def reminder_states(portal: Bitrix24Client, remote_ids: Sequence[str]) -> dict[str, ReminderStatus]:
    """How these to-dos and tasks stand, by one batch; one that is refused by itself is left out.

    Who changed a closed to-do last has closed it, as far as the portal tells. Raises CrmUnavailable, CrmRefused.
    """
    found = {one: ReminderStatus(ReminderState.MISSING) for one in remote_ids if not is_id(_task_id(one) or one)}
    commands = {f"r{number}": _reading(one) for number, one in enumerate(remote_ids) if one not in found}
    answer = portal.ask(commands) if commands else BatchAnswer()
    for key, command in commands.items():
        remote_id = remote_ids[int(key[1:])]
        refused = portal.refusal(answer, key, command.method)
        if isinstance(refused, CrmRefused) and is_gone(refused):
            found[remote_id] = ReminderStatus(ReminderState.MISSING)
        elif refused is None:
            found[remote_id] = _status(_inner(answer.results[key]))
        elif isinstance(refused, CrmUnavailable):
            raise refused
    return found


def withdraw(portal: Bitrix24Client, remote_id: str, why: str, key: str) -> Outcome:
    """Write the reason into it and close it. One that is closed or gone stays as it is."""
    try:
        record = _record(portal, remote_id)
    except (CrmUnavailable, CrmRefused) as error:
        return not_done_because(error)
    if record is None or _is_over(record):
        return Done(remote_id)
    return _closed(portal, remote_id, _closing(remote_id, record, shown_literally(why), key))


def remove(portal: Bitrix24Client, remote_id: str) -> Outcome:
    """Take the to-do or task out of the CRM; one that is gone stays so."""
    task_id = _task_id(remote_id)
    if not is_id(task_id or remote_id):
        return Done(remote_id)
    failed = settled_alone(portal, delete_task(task_id) if task_id else delete_todo(remote_id))
    if failed is None or (isinstance(failed, NotDone) and is_gone(failed)):
        return Done(remote_id)
    return failed


# --- details ---------------------------------------------------------------------------------------


def _reading(remote_id: str) -> Command:
    task_id = _task_id(remote_id)
    if task_id is None:
        return Command("crm.activity.get", {"id": remote_id})
    select = ["ID", "STATUS", "RESPONSIBLE_ID", "DEADLINE", "CLOSED_BY", "CLOSED_DATE"]
    return Command("tasks.task.get", {"taskId": task_id, "select": select})


def _status(record: Mapping[str, Any]) -> ReminderStatus:
    if not record:
        # A task that is not there, or not for this user's eyes, is answered with an empty list.
        return ReminderStatus(ReminderState.MISSING)
    is_done, is_task = _is_over(record), "responsibleId" in record
    person, due = ("responsibleId", "deadline") if is_task else ("RESPONSIBLE_ID", "DEADLINE")
    by, at = ("closedBy", "closedDate") if is_task else ("EDITOR_ID", "LAST_UPDATED")
    return ReminderStatus(
        ReminderState.DONE if is_done else ReminderState.OPEN,
        person=_named(record.get(person)),
        due=_moment(record.get(due)),
        done_by=_named(record.get(by)) if is_done else None,
        done_at=_moment(record.get(at)) if is_done else None,
    )


def _named(user: object) -> str | None:
    return str(user) if is_id(user) else None


def _moment(written: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(written))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _record(portal: Bitrix24Client, remote_id: str) -> Mapping[str, Any] | None:
    task_id = _task_id(remote_id)
    if not is_id(task_id or remote_id):
        return None
    command = read_task(task_id) if task_id else Command("crm.activity.get", {"id": remote_id})
    answer = portal.ask({"only": command})
    refused = portal.refusal(answer, "only", command.method)
    if isinstance(refused, CrmRefused) and is_gone(refused):
        return None
    if refused is not None:
        raise refused
    # A task that is not there, or not for this user's eyes, is answered with an empty list.
    return _inner(answer.results["only"]) or None


def _closed(portal: Bitrix24Client, remote_id: str, commands: Mapping[str, Command]) -> Outcome:
    answer = portal.write(commands)
    if not isinstance(answer, BatchAnswer):
        return answer
    for name, command in commands.items():
        failed = portal.outcome(answer, name, command.method)
        if failed is not None:
            return without_status(failed)
    if _is_over(_inner(answer.results["after"])):
        return Done(remote_id)
    return Unknown(f"{portal.host} took the withdrawal of a reminder and still has it open", status=200)


def _closing(remote_id: str, record: Mapping[str, Any], why: str, key: str) -> dict[str, Command]:
    task_id = _task_id(remote_id)
    old = record.get("description" if task_id else "DESCRIPTION")
    commands: dict[str, Command] = {}
    if task_id:
        if not carries_mark(old, key):
            fields = {"DESCRIPTION": _above(why, old)}
            commands["why"] = Command("tasks.task.update", {"taskId": task_id, "fields": fields})
        commands["close"] = Command("tasks.task.complete", {"taskId": task_id})
        return commands | {"after": read_task(task_id)}
    if not carries_mark(old, key):
        owner = {"ownerTypeId": record.get("OWNER_TYPE_ID"), "ownerId": record.get("OWNER_ID")}
        params = {"id": remote_id, **owner, "value": _above(why, old)}
        commands["why"] = Command("crm.activity.todo.updateDescription", params)
    commands["close"] = Command("crm.activity.update", {"id": remote_id, "fields": {"COMPLETED": "Y"}})
    return commands | {"after": Command("crm.activity.get", {"id": remote_id})}


def _above(why: str, old: object) -> str:
    return f"{why}\n\n{old}" if isinstance(old, str) and old else why


def _is_over(record: Mapping[str, Any]) -> bool:
    return str(record.get("COMPLETED", "")).upper() == "Y" or str(record.get("status", "")) in _TASK_OVER


def _inner(result: Any) -> Mapping[str, Any]:
    """An activity as it is, a task out of its wrapping."""
    if not isinstance(result, Mapping):
        return {}
    task = result.get("task")
    return task if isinstance(task, Mapping) else {} if "task" in result else result


def _task_id(remote_id: str) -> str | None:
    return remote_id.removeprefix(TASK) if remote_id.startswith(TASK) else None
