"""Comments as stream posts, reminders as tasks: written once, read back in the answer, found again, taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.base import (
    Assignee,
    CardRef,
    CrmRefused,
    CrmUnavailable,
    Done,
    NotDone,
    Outcome,
    ReminderState,
    ReminderStatus,
    Unknown,
)
from connectors.espocrm.client import EspoClient, Where, contains, equals, moment, one_of, search, stamp
from connectors.espocrm.errors import DUPLICATE, GONE, NOT_EXISTING, NOT_READABLE
from connectors.espocrm.markup import literal, name_line
from connectors.espocrm.settings import CARD_TYPES, is_record_id
from connectors.espocrm.users import EspoUsers
from connectors.http.client import HttpAnswer, done
from connectors.kit.reference_mark import LOOK_BACK, carries_mark, reference_mark
from connectors.protocol.outcomes import not_done_because

#: A task with one of these is not to be done any more (``scopes/Task.json``).
CLOSED = frozenset({"Completed", "Canceled"})
_CANCELED = "Canceled"
_COMPLETED = "Completed"
#: How many tasks are read by one request.
MOST_TASKS = 50
#: Why EspoCRM links no task to a person, by the code of its refusal: what an admin is to do about it.
_NO_SUCH_PERSON = {
    f"{NOT_EXISTING}:User": "the CRM has no user with this id or login: correct the role's crm_user",
    f"{NOT_READABLE}:User": "the user is inactive, or the API user's role does not let it be read",
}
#: Newest first, so that what was written lately is on the first one.
_POSTS_A_PAGE = 100
_MOST_POST_PAGES = 5


class EspoWrites:
    """The writes of one account and the looks for them."""

    def __init__(
        self, api: EspoClient, settings: Mapping[str, Any], users: EspoUsers, now: Callable[[], datetime]
    ) -> None:
        self._api = api
        self._users = users
        self._now = now
        self._external_id: str = settings["external_id_field"]
        self._priority: str = settings["priority"]
        self._popups = [{"type": "Popup", "seconds": 60 * minutes} for minutes in settings["popup_minutes"]]
        self._card_types = frozenset(settings["card_types"])

    # --- comments ------------------------------------------------------------------------------------

    def add_comment(self, card: CardRef, text: str, key: str) -> Outcome:
        """https://docs.espocrm.com/development/api/stream/#post-to-stream."""
        if (entity := self._entity(card)) is None:
            return _no_such_card(card)
        written = {"type": "Post", "parentType": entity, "parentId": card.id, "post": literal(text)}
        result = self._api.write("POST", "Note", written)
        if isinstance(result, NotDone):
            return self._card_gone(result, card)
        return self._read_back("Note", result, written, ("parentType", "parentId"), marked=("post", key))

    def find_comment(self, card: CardRef | None, key: str) -> str | None:
        """The id of the post with this key's mark; posts have no place for the key, so the newest are looked through.

        Raises CrmUnavailable, CrmRefused, the latter also where there are too many to be sure.
        """
        if card is None:
            raise CrmRefused("a comment can only be looked for in its card")
        if (entity := self._entity(card)) is None or not is_record_id(card.id):
            return None
        recent = {"after": stamp(self._now() - LOOK_BACK)}
        try:
            for number in range(_MOST_POST_PAGES):
                posts = self._api.page(
                    f"{entity}/{card.id}/posts", recent, most=_POSTS_A_PAGE, offset=number * _POSTS_A_PAGE
                )
                for post in posts:
                    if carries_mark(post.get("post"), key) and post.get("id"):
                        return str(post["id"])
                if len(posts) < _POSTS_A_PAGE:
                    return None
        except CrmRefused as error:
            if error.code == GONE:
                return None
            raise
        most = _MOST_POST_PAGES * _POSTS_A_PAGE
        raise CrmRefused(f"the card has more than {most} posts of late: it cannot be said that this one is not there")

    # --- reminders -----------------------------------------------------------------------------------

    def create_reminder(
        self, card: CardRef, assignee: Assignee, subject: str, text: str, due: datetime, key: str
    ) -> Outcome:
        """A task. Its popups come up for other people than the API user only before EspoCRM 8.3."""
        if (entity := self._entity(card)) is None:
            return _no_such_card(card)
        if not assignee.user:
            return NotDone("the role has no CRM user to remind", permanent=True)
        try:
            person = self._users.id_of(assignee.user)
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        written = {
            "name": name_line(subject),
            "assignedUserId": person,
            "parentType": entity,
            "parentId": card.id,
            "dateEnd": stamp(due),
            "description": literal(text),
            "reminders": self._popups,
        }
        written |= {"priority": self._priority} if self._priority else {}
        written |= {self._external_id: key} if self._external_id else {}
        result = self._api.write("POST", "Task", written)
        if isinstance(result, NotDone) and result.code == DUPLICATE:
            return self._the_duplicate(result, card, key)
        if isinstance(result, NotDone):
            return self._refused(result, card, assignee.user)
        checked = ("assignedUserId", "parentType", "parentId", "dateEnd")
        return self._read_back("Task", result, written, checked, marked=("description", key))

    def find_reminder(self, card: CardRef | None, key: str) -> str | None:
        """The id of the task with this key, else with its mark: a role may not be allowed to fill the key's field."""
        if self._external_id and (found := self._task_by_key(key)):
            return found
        where: list[Where] = [contains("description", reference_mark(key).strip("[]"))]
        if card is not None and (entity := self._entity(card)) is not None:
            where += [equals("parentType", entity), equals("parentId", card.id)]
        for task in self._api.page("Task", search(where, select=("id", "description"), newest_first=True), most=5):
            if carries_mark(task.get("description"), key) and task.get("id"):
                return str(task["id"])
        return None

    def reminder_state(self, remote_id: str) -> ReminderState:
        """Whether the task is still to be done."""
        task = self._api.record("Task", remote_id)
        if task is None:
            return ReminderState.MISSING
        return ReminderState.DONE if task.get("status") in CLOSED else ReminderState.OPEN

    def reminder_states(self, remote_ids: Sequence[str]) -> dict[str, ReminderStatus]:
        """How these tasks stand, by one request. Who changed a closed task last has closed it, as far as it is told."""
        known = [one for one in remote_ids if is_record_id(one)]
        wanted = ("id", "status", "assignedUserId", "dateEnd", "dateCompleted", "modifiedById", "modifiedAt")
        query = search([one_of("id", known)], select=wanted)
        tasks = self._api.page("Task", query, most=MOST_TASKS) if known else []
        found = {str(task.get("id")): _status(task) for task in tasks}
        return {one: found.get(one, ReminderStatus(ReminderState.MISSING)) for one in remote_ids}

    def complete_reminder(self, remote_id: str, why: str) -> Outcome:
        """Complete the task and say why below its description."""
        return self._closed(remote_id, why, _COMPLETED)

    def withdraw_reminder(self, remote_id: str, why: str) -> Outcome:
        """Cancel the task and say why below its description."""
        return self._closed(remote_id, why, _CANCELED)

    def _closed(self, remote_id: str, why: str, status: str) -> Outcome:
        try:
            task = self._api.record("Task", remote_id)
        except (CrmUnavailable, CrmRefused) as error:
            return not_done_because(error)
        if task is None or task.get("status") in CLOSED:
            return Done(remote_id)
        description = "\n\n".join(filter(None, [task.get("description"), literal(why)]))
        changes = {"status": status, "description": description}
        result = self._api.write("PUT", f"Task/{remote_id}", changes)
        if isinstance(result, NotDone) and result.code == GONE:
            return Done(remote_id)
        if not isinstance(result, HttpAnswer):
            return result
        kept = isinstance(result.data, dict) and result.data.get("status") == status
        return Done(remote_id) if kept else _cut("Task", ["status"], result.status)

    def remove(self, entity: str, remote_id: str) -> Outcome:
        """Delete a record; one that is gone counts as deleted."""
        if not is_record_id(remote_id):
            return Done(remote_id)
        result = self._api.write("DELETE", f"{entity}/{remote_id}")
        if isinstance(result, NotDone) and result.code == GONE:
            return Done(remote_id)
        return Done(remote_id) if isinstance(result, HttpAnswer) else result

    # --- details -------------------------------------------------------------------------------------

    def _entity(self, card: CardRef) -> str | None:
        return CARD_TYPES[card.type] if card.type in self._card_types and is_record_id(card.id) else None

    def _task_by_key(self, key: str) -> str | None:
        query = search([equals(self._external_id, key)], select=("id", self._external_id))
        try:
            tasks = self._api.page("Task", query, most=5)
        except CrmRefused as error:
            # EspoCRM refuses a search by a field that there is not; the mark is there all the same.
            if error.status == 400:
                return None
            raise
        return next((str(task["id"]) for task in tasks if task.get(self._external_id) == key and task.get("id")), None)

    def _read_back(
        self,
        entity: str,
        result: HttpAnswer | Unknown,
        written: Mapping[str, Any],
        checked: tuple[str, ...],
        *,
        marked: tuple[str, str],
    ) -> Outcome:
        """Done if the CRM kept what counts. EspoCRM answers with the record, and leaves out without a word what the
        API user's role may not fill in: such a record helps nobody and is taken away again."""
        outcome = done(result, "id")
        if not isinstance(result, HttpAnswer) or not isinstance(outcome, Done):
            return outcome
        field, key = marked
        lost = [name for name in checked if result.data.get(name) != written[name]]
        lost += [field] if carries_mark(written[field], key) and not carries_mark(result.data.get(field), key) else []
        if not lost:
            return outcome
        self.remove(entity, outcome.remote_id)
        return _cut(entity, lost, result.status)

    def _the_duplicate(self, refused: NotDone, card: CardRef, key: str) -> Outcome:
        """The CRM's own check for duplicates: what it found is what was to be written, if it has the key."""
        try:
            found = self.find_reminder(card, key)
        except (CrmUnavailable, CrmRefused) as error:
            return Unknown(f"{refused.why}; {error}", status=refused.status, code=refused.code)
        return refused if found is None else Done(found)

    def _refused(self, refused: NotDone, card: CardRef, user: str) -> NotDone:
        """A reminder is refused for its person or for its card."""
        remedy = _NO_SUCH_PERSON.get(refused.code or "")
        if remedy is None:
            return self._card_gone(refused, card)
        self._users.forget(user)
        return replace(refused, why=f"{refused.why}: {remedy}")

    def _card_gone(self, refused: NotDone, card: CardRef) -> NotDone:
        """EspoCRM refuses what goes to a missing card like what goes to a forbidden one, with 403."""
        if refused.status != 403 or not refused.permanent:
            return refused
        entity = CARD_TYPES[card.type]
        if refused.code != f"{NOT_EXISTING}:{entity}":
            try:
                if self._api.record(entity, card.id) is not None:
                    return refused
            except CrmUnavailable as error:
                return replace(refused, permanent=False, after=error.after, status=error.status or refused.status)
            except CrmRefused:
                return refused
        why = f"the CRM has no {entity} {card.id} (any more)"
        return NotDone(why, permanent=True, status=404, code=GONE)


def _cut(entity: str, lost: list[str], status: int) -> NotDone:
    why = f"the CRM wrote the {entity} without {', '.join(lost)}; let the API user's role edit these fields"
    return NotDone(why, permanent=True, status=status, code="cut")


def _no_such_card(card: CardRef) -> NotDone:
    return NotDone(f"no cards of type {card.type!r} with such an id are written to", permanent=True)


def _status(task: Mapping[str, Any]) -> ReminderStatus:
    is_done = task.get("status") in CLOSED
    return ReminderStatus(
        ReminderState.DONE if is_done else ReminderState.OPEN,
        person=task.get("assignedUserId") or None,
        due=moment(task.get("dateEnd")),
        done_by=(task.get("modifiedById") or None) if is_done else None,
        done_at=(moment(task.get("dateCompleted")) or moment(task.get("modifiedAt"))) if is_done else None,
    )
