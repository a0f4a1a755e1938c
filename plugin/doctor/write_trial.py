"""A trial on a test card: a comment and a reminder are written, found by their keys, read, and taken out again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.base import (
    Assignee,
    CardRef,
    Connector,
    ConnectorError,
    Done,
    Kind,
    NotDone,
    Outcome,
    ReminderState,
)
from connectors.kit.reference_mark import reference_mark
from plugin.common.clock import Now
from plugin.doctor.points import PointNotes

AREA = "trial"
#: What stands in the CRM meanwhile, for whoever comes across it.
_TEXT = "Проверка связи с плагином. Эту запись можно удалить."
_SUBJECT = "Проверка связи с плагином"
_DUE = timedelta(hours=24)
#: A CRM may find what was written a moment later; so often it is looked for, and so many seconds apart.
_LOOKS = 5
_APART = 2.0


@dataclass(slots=True)
class WriteTrial:
    """One trial on ``card``, the reminder for ``assignee``. Never raises."""

    connector: Connector
    card: CardRef
    assignee: Assignee
    notes: PointNotes
    now: Now
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Write, find, read and remove, each a point; what could not be removed is left and named."""
        try:
            card = self.connector.read_card(self.card)
        except ConnectorError as error:
            self._fails("the test card can be read", str(error))
            return
        except Exception as error:
            self._fails("the test card can be read", _fault(error))
            return
        if card is None:
            remedy = f"The CRM has no {self.card.type} {self.card.id}: name a card that may be written to"
            self._fails("the test card is there", remedy)
            return
        self._holds("the test card is there")
        self._comment()
        self._reminder()

    def _comment(self) -> None:
        key = _key()
        text = f"{_TEXT}\n{reference_mark(key)}"
        remote = self._written("a comment", "comment", key, lambda: self.connector.add_comment(self.card, text, key))
        if remote is not None:
            self._found("comment", key, remote)
            self._removed("comment", remote)

    def _reminder(self) -> None:
        key = _key()
        due, text = self.now() + _DUE, f"{_TEXT}\n{reference_mark(key)}"
        remote = self._written(
            "a reminder",
            "reminder",
            key,
            lambda: self.connector.create_reminder(self.card, self.assignee, _SUBJECT, text, due, key),
        )
        if remote is None:
            return
        self._found("reminder", key, remote)
        self._has_state(remote, "the reminder is open", {ReminderState.OPEN})
        withdrawn = self._tried(
            "the reminder is taken back", lambda: self.connector.withdraw_reminder(remote, _TEXT, _key())
        )
        if withdrawn is not None:
            self._has_state(remote, "it is closed then", {ReminderState.DONE, ReminderState.MISSING})
        self._removed("reminder", remote)

    # --- steps -----------------------------------------------------------------------------------

    def _written(self, what: str, kind: Kind, key: str, write: Callable[[], Outcome]) -> str | None:
        """The remote id of what was written; looked for where the answer was lost."""
        name = f"{what} is written"
        outcome = _safely(write)
        if isinstance(outcome, Done):
            self._holds(name)
            return outcome.remote_id
        if isinstance(outcome, NotDone):
            self._fails(name, outcome.why)
            return None
        remote = self._looked_for(kind, key)
        self._fails(name, f"{outcome.why}; it {'is there all the same' if remote else 'was not found afterwards'}")
        if remote is None:
            self.notes.leave(f"perhaps {what} in {self._where()}, with the mark {reference_mark(key)}")
        return remote

    def _found(self, kind: Kind, key: str, remote: str) -> None:
        found = self._looked_for(kind, key)
        name = f"the {kind} is found by its key"
        if found == remote:
            self._holds(name)
        elif found is None:
            self._fails(name, "Repeats cannot be told from new ones: look at the rights to read what was written")
        else:
            self._fails(name, f"Found {found} instead of {remote}: the CRM keeps keys of other records")

    def _looked_for(self, kind: Kind, key: str) -> str | None:
        for look in range(_LOOKS):
            if look:
                self.sleep(_APART)
            try:
                found = self.connector.find(kind, self.card, key)
            except Exception:
                continue
            if found is not None:
                return found
        return None

    def _has_state(self, remote: str, name: str, wanted: set[ReminderState]) -> None:
        try:
            state = self.connector.reminder_state(remote)
        except Exception as error:
            self._fails(name, str(error) if isinstance(error, ConnectorError) else _fault(error))
            return
        if state in wanted:
            self._holds(name)
        else:
            self._fails(name, f"The CRM says that it is {state.value}")

    def _removed(self, kind: Kind, remote: str) -> None:
        outcome = _safely(lambda: self.connector.remove(kind, remote, self.card))
        if isinstance(outcome, Done):
            self._holds(f"the {kind} is removed again")
        else:
            self.notes.leave(f"{kind} {remote} in {self._where()}: {outcome.why}")

    def _tried(self, name: str, write: Callable[[], Outcome]) -> str | None:
        outcome = _safely(write)
        if isinstance(outcome, Done):
            self._holds(name)
            return outcome.remote_id
        self._fails(name, outcome.why)
        return None

    def _where(self) -> str:
        return f"{self.card.type}:{self.card.id}"

    def _holds(self, name: str) -> None:
        self.notes.holds(AREA, name)

    def _fails(self, name: str, remedy: str) -> None:
        self.notes.fails(AREA, name, remedy)


def _safely(write: Callable[[], Outcome]) -> Outcome:
    try:
        return write()
    except Exception as error:
        return NotDone(_fault(error), permanent=True)


def _fault(error: Exception) -> str:
    # The message may hold anything.
    return f"a fault of the connector: {type(error).__name__}"


def _key() -> str:
    return hashlib.sha256(secrets.token_bytes(32)).hexdigest()
