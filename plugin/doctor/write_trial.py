"""A trial on a test card: a comment and a reminder are written, found by their keys, read, and removed again."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.base import (
    Assignee,
    CardRef,
    Check,
    Connector,
    ConnectorError,
    CrmRefused,
    CrmUnavailable,
    Done,
    Kind,
    NotDone,
    Outcome,
    ReminderState,
)
from connectors.kit.reference_mark import reference_mark
from connectors.protocol.check import read_failed, untried
from plugin.common.clock import Now
from plugin.doctor.checks import DoctorCheck, DoctorReport, fault_of

AREA = "trial"
#: What the CRM shows meanwhile, for a person who comes across it.
_TEXT = "Проверка связи с плагином. Эту запись можно удалить."
_SUBJECT = "Проверка связи с плагином"
_DUE = timedelta(hours=24)
#: A CRM may find what was written a moment later: so many searches, so many seconds apart.
_SEARCHES = 5
_SECONDS_APART = 2.0
_THROTTLED = 429


@dataclass(slots=True)
class WriteTrial:
    """One trial on ``card``, the reminder for ``assignee``. Never raises."""

    connector: Connector
    card: CardRef
    assignee: Assignee
    report: DoctorReport
    now: Now
    sleep: Callable[[float], None] = time.sleep

    def run(self) -> None:
        """Write, find, read and remove, each a check; what could not be removed is left and named.

        Besides, what only the connector itself can tell by writing.
        """
        self._records()
        try:
            self._adds(self.connector.check_by_writing())
        except Exception as error:
            self._fails("the connector can tell", fault_of(error))

    def _records(self) -> None:
        try:
            points = self.connector.check_card(self.card)
        except Exception as error:
            self._fails("the connector can tell", fault_of(error))
            return
        self._adds(points)
        if not points[0].ok:
            return
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
        withdrawn = _safely(lambda: self.connector.withdraw_reminder(remote, _TEXT, _key()))
        if isinstance(withdrawn, Done):
            self._holds("the reminder is taken back")
            self._has_state(remote, "it is closed then", {ReminderState.DONE, ReminderState.MISSING})
        else:
            self._fails("the reminder is taken back", withdrawn.why)
        self._removed("reminder", remote)

    # --- steps -----------------------------------------------------------------------------------

    def _written(self, what: str, kind: Kind, key: str, write: Callable[[], Outcome]) -> str | None:
        """The remote id of what was written; searched for where the answer was lost."""
        name = f"{what} is written"
        outcome = _safely(write)
        if isinstance(outcome, Done):
            self._holds(name)
            return outcome.remote_id
        if isinstance(outcome, NotDone):
            self._refused(name, outcome)
            return None
        remote = self._search(kind, key)
        missing = f"{outcome.why}; it was not found afterwards"
        self._fails(name, f"{outcome.why}; it is there all the same" if remote else missing)
        if remote is None:
            self.report.leave(f"perhaps {what} in {self._where()}, with the mark {reference_mark(key)}")
        return remote

    def _found(self, kind: Kind, key: str, remote: str) -> None:
        found = self._search(kind, key)
        name = f"the {kind} is found by its key"
        if found == remote:
            self._holds(name)
        elif found is None:
            self._fails(name, "Repeats cannot be told from new ones: look at the rights to read what was written")
        else:
            self._fails(name, f"Found {found} instead of {remote}: the CRM keeps keys of other records")

    def _search(self, kind: Kind, key: str) -> str | None:
        for search in range(_SEARCHES):
            if search:
                self.sleep(_SECONDS_APART)
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
            self._unread(name, error)
            return
        if state in wanted:
            self._holds(name)
        else:
            self._fails(name, f"The CRM says that it is {state.value}")

    def _removed(self, kind: Kind, remote: str) -> None:
        outcome = _safely(lambda: self.connector.remove(kind, remote, self.card))
        name = f"the {kind} is removed again"
        if isinstance(outcome, Done):
            self._holds(name)
            return
        self.report.leave(f"{kind} {remote} in {self._where()}: {outcome.why}")
        if kind in self.connector.removes:
            # It could and may not: a right that lacks here lacks there.
            self._fails(name, outcome.why)

    def _adds(self, points: Sequence[Check]) -> None:
        self.report.add(*(DoctorCheck(AREA, one.name, one.ok, "" if one.ok else one.remedy) for one in points))

    def _where(self) -> str:
        return f"{self.card.type}:{self.card.id}"

    def _unread(self, name: str, error: Exception) -> None:
        """A read that failed: no answer is not the answer no."""
        if not isinstance(error, CrmUnavailable | CrmRefused):
            self._fails(name, str(error) if isinstance(error, ConnectorError) else fault_of(error))
            return
        point = read_failed(name, error, str(error))
        self.report.add(DoctorCheck(AREA, name, point.ok, point.remedy))

    def _refused(self, name: str, outcome: NotDone) -> None:
        if outcome.permanent or outcome.blocked or (outcome.after is None and outcome.status != _THROTTLED):
            self._fails(name, outcome.why)
        else:
            self.report.add(DoctorCheck(AREA, name, None, untried(name, outcome.why).remedy))

    def _holds(self, name: str) -> None:
        self.report.holds(AREA, name)

    def _fails(self, name: str, remedy: str) -> None:
        self.report.fails(AREA, name, remedy)


def _safely(write: Callable[[], Outcome]) -> Outcome:
    try:
        return write()
    except Exception as error:
        return NotDone(fault_of(error), permanent=True)


def _key() -> str:
    return hashlib.sha256(secrets.token_bytes(32)).hexdigest()
