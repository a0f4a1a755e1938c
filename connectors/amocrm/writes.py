"""Many writes in few requests: the notes of one type of card go out as one array, and so do all tasks.

The API takes an array as a whole or not at all (a 400 means that the server did not process the request), so what a 400
does not name is surely not written and is sent again without the rest. What was written is read back, because this CRM
keeps some values otherwise than they were given and does not say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.amocrm.client import AmoClient, embedded, refusals
from connectors.amocrm.contacts import COLLECTIONS, is_id, no_such_card, path_of
from connectors.amocrm.records import AmoRecords, cut, note, task
from connectors.base import (
    CommentWrite,
    ConnectorError,
    CrmUnavailable,
    Done,
    NotDone,
    Outcome,
    ReminderWrite,
    Unknown,
    Write,
)
from connectors.http.answers import log_safe
from connectors.http.client import HttpAnswer
from connectors.protocol.outcomes import not_done_because

NO_MAIL = NotDone('this CRM cannot mail an employee over its API: use email = "smtp"', permanent=True)

#: Requests that one ``write`` makes for arrays, reading them back and taking back; see ``REQUESTS``.
_MOST = 9
#: What one array may cost: sending it, reading it back, taking back what was kept wrongly.
_PER_ARRAY = 3
#: The most requests of one ``write``: a refused token costs its exchange and one repetition.
REQUESTS = _MOST + 2

_LATER = NotDone("it is left for the next turn: this one has made its requests", after=0.0)
_REFUSED = 400
#: What may be the fault of one item of an array, which is then halved; any other refusal is meant for all.
_OF_AN_ITEM = frozenset({400, 403, 404, 422})


@dataclass(slots=True)
class _Turn:
    """One ``write``: what has been settled, and how many requests may still be made."""

    outcomes: dict[int, Outcome] = field(default_factory=dict)
    left: int = _MOST
    #: Why nothing more is sent in this turn.
    halt: NotDone | None = None


@dataclass(frozen=True, slots=True)
class _Item:
    """One write with its place among all; ``request_id`` is echoed by the API."""

    place: int
    write: CommentWrite | ReminderWrite

    @property
    def request_id(self) -> str:
        return str(self.place)


class AmoWrites:
    """Makes writes; never raises for what the network or the CRM does."""

    def __init__(self, api: AmoClient, records: AmoRecords, task_type: int) -> None:
        self._api = api
        self._records = records
        self._task_type = task_type

    def write(self, writes: Sequence[Write]) -> Sequence[Outcome]:
        """An outcome for each; at most ``REQUESTS`` requests, what they do not suffice for is left for another turn."""
        turn = _Turn()
        groups: dict[str, list[_Item]] = {}
        for place, item in enumerate(writes):
            refused = _unwritable(item)
            if refused is not None:
                turn.outcomes[place] = refused
            elif isinstance(item, CommentWrite):
                groups.setdefault(f"{COLLECTIONS[item.card.type]}/notes", []).append(_Item(place, item))
            elif isinstance(item, ReminderWrite):
                groups.setdefault("tasks", []).append(_Item(place, item))
        for path, items in groups.items():
            self._group(turn, path, items)
        return [turn.outcomes[place] for place in range(len(writes))]

    def _group(self, turn: _Turn, path: str, items: list[_Item]) -> None:
        waiting = [items]
        while waiting:
            chunk = waiting.pop()
            if turn.halt is not None or turn.left < _PER_ARRAY:
                _settle(turn, chunk, turn.halt or _LATER)
                continue
            turn.left -= 1
            result = self._api.write("POST", path, [self._payload(item) for item in chunk], accept=(_REFUSED,))
            if isinstance(result, HttpAnswer) and result.status != _REFUSED:
                self._written(turn, path, chunk, result)
                continue
            waiting += _rejected(turn, chunk, result)

    def _payload(self, item: _Item) -> dict[str, Any]:
        if isinstance(item.write, CommentWrite):
            return note(item.write, item.request_id)
        return task(item.write, self._task_type, item.request_id)

    # --- what was written --------------------------------------------------------------------------

    def _written(self, turn: _Turn, path: str, chunk: list[_Item], answer: HttpAnswer) -> None:
        ids = _ids(answer, "tasks" if path == "tasks" else "notes", chunk)
        for item in chunk:
            if item.place not in ids:
                why = f"the CRM answered {answer.status} without the id of what it wrote"
                turn.outcomes[item.place] = Unknown(why, status=answer.status)
        kept = self._read_back(turn, path, list(ids.values()))
        wrong: dict[str, tuple[_Item, str]] = {}
        for item in (item for item in chunk if item.place in ids):
            remote_id = ids[item.place]
            record = kept.get(remote_id)
            otherwise = None if record is None else cut(item.write, record)
            if otherwise is None:
                turn.outcomes[item.place] = Done(remote_id)
            else:
                wrong[remote_id] = (item, otherwise)
        if wrong:
            self._take_back(turn, path, wrong)

    def _read_back(self, turn: _Turn, path: str, ids: list[str]) -> Mapping[str, Mapping[str, Any]]:
        """What the CRM has kept. It has acknowledged the writes, so one that cannot be read now counts as written."""
        if not ids:
            return {}
        turn.left -= 1
        try:
            if path == "tasks":
                return self._records.tasks_by_id(ids)
            return self._records.notes_by_id(path.removesuffix("/notes"), ids)
        except ConnectorError as error:
            if isinstance(error, CrmUnavailable):
                turn.halt = not_done_because(error)
            return {}

    def _take_back(self, turn: _Turn, path: str, wrong: Mapping[str, tuple[_Item, str]]) -> None:
        """Refuse what was kept wrongly, for good; a task is closed so that nobody works on it."""
        closed = False
        if path == "tasks":
            turn.left -= 1
            closed = self._records.take_back(list(wrong))
        for remote_id, (item, otherwise) in wrong.items():
            what = "task" if path == "tasks" else "note"
            rest = "it was closed" if closed else "remove it by hand"
            why = f"the CRM did not keep {what} {remote_id} as written: {otherwise}; {rest}"
            turn.outcomes[item.place] = NotDone(why, permanent=True, code="cut")


# --- details ---------------------------------------------------------------------------------------


def _unwritable(item: Write) -> NotDone | None:
    """Why a write need not be tried."""
    if not isinstance(item, CommentWrite | ReminderWrite):
        return NO_MAIL
    if path_of(item.card) is None:
        return no_such_card(item.card)
    if isinstance(item, ReminderWrite) and not is_id(item.assignee.user):
        return NotDone("the role has no CRM user to remind: crm_user must be the user's number", permanent=True)
    return None


def _rejected(turn: _Turn, chunk: list[_Item], result: HttpAnswer | NotDone | Unknown) -> list[list[_Item]]:
    """Settle what is known of an array that was not taken; what has to be tried again comes back, the first one last.

    An item that the answer names is refused for good, and the others go out again without it. Where it names none,
    the array is halved until the one at fault stands alone.
    """
    if isinstance(result, HttpAnswer):
        named = refusals(result.data)
        if any(item.request_id in named for item in chunk):
            for item in (item for item in chunk if item.request_id in named):
                turn.outcomes[item.place] = _refused(*named[item.request_id])
            rest = [item for item in chunk if item.request_id not in named]
            return [rest] if rest else []
        result = _refused(*next(iter(named.values()), ("Bad Request", "")))
    if isinstance(result, NotDone) and result.permanent and result.status in _OF_AN_ITEM and len(chunk) > 1:
        half = len(chunk) // 2
        return [chunk[half:], chunk[:half]]
    _settle(turn, chunk, result)
    if isinstance(result, Unknown):
        turn.halt = NotDone(f"not sent, after the answer before was lost ({result.why})", after=1.0)
    elif not result.permanent:
        turn.halt = result
    return []


def _refused(code: str, path: str) -> NotDone:
    # The card itself is what is missing: the same as a 404, by which a card is looked for once more.
    status = 404 if path.endswith("entity_id") else _REFUSED
    said = log_safe(f"{code} ({path})" if path else code)
    return NotDone(f"the CRM refused it: {said}", permanent=True, status=status, code=log_safe(code))


def _settle(turn: _Turn, items: list[_Item], outcome: Outcome) -> None:
    turn.outcomes |= {item.place: outcome for item in items}


def _ids(answer: HttpAnswer, name: str, chunk: list[_Item]) -> dict[int, str]:
    """The new records' ids by the places of their writes."""
    try:
        records = embedded(answer.data, name)
    except CrmUnavailable:
        return {}
    places = {item.request_id: item.place for item in chunk}
    return {
        places[str(record.get("request_id"))]: str(record["id"])
        for record in records
        if str(record.get("request_id")) in places and is_id(str(record.get("id")))
    }
