"""A trial on a test card: written, found by key, read, removed; what goes wrong fails a check or is left and named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import (
    Assignee,
    Card,
    CardRef,
    Check,
    CrmRefused,
    CrmUnavailable,
    Done,
    NotDone,
    Outcome,
    ReminderState,
    Unknown,
)
from plugin.doctor.checks import DoctorReport
from plugin.doctor.write_trial import WriteTrial
from tests.plugin.web.harness import Crm

CARD = CardRef("contact", "42")
NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


class Notebook(Crm):
    """A CRM that keeps what it is told, by key; tests make parts of it fail."""

    def __init__(self) -> None:
        super().__init__({})
        self.records: dict[str, tuple[str, str]] = {}
        self.texts: list[str] = []
        self.dues: list[datetime] = []
        self.open = True
        self.seen_after = 0

    def read_card(self, card: object) -> Card | None:
        return Card(CARD) if card == CARD else None

    def _write(self, kind: str, text: str, key: str) -> Outcome:
        self.texts.append(text)
        self.records[key] = (kind, f"{kind}-{len(self.records) + 1}")
        return Done(self.records[key][1])

    def add_comment(self, card: Any, text: str, key: str) -> Outcome:  # type: ignore[override]
        return self._write("comment", text, key)

    def create_reminder(self, *args: Any) -> Outcome:  # type: ignore[override]
        *_, text, due, key = args
        self.dues.append(due)
        return self._write("reminder", text, key)

    def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:  # type: ignore[override]
        self.open = False
        return Done(remote_id)

    def reminder_state(self, remote_id: str) -> ReminderState:
        return ReminderState.OPEN if self.open else ReminderState.DONE

    def find(self, kind: Any, card: Any, key: str) -> str | None:  # type: ignore[override]
        if self.seen_after:
            self.seen_after -= 1
            return None
        return self.records.get(key, (kind, None))[1]

    def remove(self, kind: Any, remote_id: str, card: Any) -> Outcome:
        self.records = {key: record for key, record in self.records.items() if record[1] != remote_id}
        return Done(remote_id)


def tried(crm: Crm, card: CardRef = CARD, slept: list[float] | None = None) -> DoctorReport:
    report = DoctorReport()
    sleep: Callable[[float], None] = (slept if slept is not None else []).append
    WriteTrial(crm, card, Assignee("u7"), report, lambda: NOW, sleep).run()
    return report


def failed(found: DoctorReport) -> dict[str, str]:
    return {check.name: check.remedy for check in found.checks if not check.ok}


# --- what goes wrong -------------------------------------------------------------------------------


def test_a_card_that_is_not_there_is_not_written_to() -> None:
    crm = Notebook()
    found = tried(crm, CardRef("contact", "43"))
    assert failed(found) == {"the test card is there": "The CRM has no contact 43: name a card that may be written to"}
    assert crm.texts == []


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (CrmUnavailable("no answer in time"), "Try again later: no answer in time"),
        (CrmUnavailable("the token is refused", status=401), "the token is refused"),
        (CrmRefused("no right to read contacts", status=403), "no right to read contacts"),
        (RuntimeError("password=hunter2"), "a fault of the connector: RuntimeError"),
    ],
)
def test_a_card_that_cannot_be_read_fails_with_the_crms_reason_and_never_a_faults_words(
    error: Exception, remedy: str
) -> None:
    class Closed(Notebook):
        def read_card(self, card: object) -> Card | None:
            raise error

    assert failed(tried(Closed())) == {"the test card can be read": remedy}


def test_a_comment_that_is_refused_does_not_keep_the_reminder_from_being_tried() -> None:
    class Mute(Notebook):
        def add_comment(self, card: Any, text: str, key: str) -> Outcome:  # type: ignore[override]
            return NotDone("no right to comment", permanent=True, status=403)

    found = tried(Mute())
    assert failed(found) == {"a comment is written": "no right to comment"}
    assert "the reminder is removed again" in {check.name for check in found.checks}
    assert found.left == []


def test_a_write_whose_answer_was_lost_is_looked_for_and_removed_all_the_same() -> None:
    class Lossy(Notebook):
        def add_comment(self, card: Any, text: str, key: str) -> Outcome:  # type: ignore[override]
            super().add_comment(card, text, key)
            return Unknown("no whole answer in time")

    crm = Lossy()
    found = tried(crm)
    assert failed(found) == {"a comment is written": "no whole answer in time; it is there all the same"}
    assert (crm.records, found.left) == ({}, [])


def test_a_write_that_may_have_arrived_and_cannot_be_found_is_named_with_its_mark() -> None:
    class Lost(Notebook):
        def add_comment(self, card: Any, text: str, key: str) -> Outcome:  # type: ignore[override]
            self.texts.append(text)
            return Unknown("no whole answer in time")

    crm, slept = Lost(), list[float]()
    found = tried(crm, slept=slept)
    mark = crm.texts[0].splitlines()[-1]
    assert mark.startswith("[ref:")
    assert found.left == [f"perhaps a comment in contact:42, with the mark {mark}"]
    assert slept


def test_a_key_that_finds_nothing_or_something_else_fails() -> None:
    class Blind(Notebook):
        def find(self, kind: Any, card: Any, key: str) -> str | None:  # type: ignore[override]
            return "other-9" if kind == "comment" else None

    found = failed(tried(Blind()))
    assert found["the comment is found by its key"].startswith("Found other-9 instead of comment-1")
    assert found["the reminder is found by its key"].startswith("Repeats cannot be told from new ones")


def test_a_reminder_that_stays_open_after_it_was_taken_back_fails() -> None:
    class Stubborn(Notebook):
        def withdraw_reminder(self, remote_id: str, why: str, key: str) -> Outcome:  # type: ignore[override]
            return Done(remote_id)

    assert failed(tried(Stubborn())) == {"it is closed then": "The CRM says that it is open"}


def test_what_the_crm_cannot_remove_is_left_and_named_and_no_failure_of_the_configuration() -> None:
    class Keeping(Notebook):
        remove = Crm.remove

    found = tried(Keeping())
    assert found.ok
    assert [what.split(":")[0] for what in found.left] == [
        "comment comment-1 in contact",
        "reminder reminder-2 in contact",
    ]
    assert all("by hand" in what for what in found.left)


def test_what_the_crm_throttles_was_not_tried_and_has_not_failed() -> None:
    class Busy(Notebook):
        def read_card(self, card: object) -> Card | None:
            raise CrmUnavailable("too many requests", after=2.0, status=429)

    class Slow(Notebook):
        def add_comment(self, card: Any, text: str, key: str) -> Outcome:  # type: ignore[override]
            return NotDone("too many requests", after=2.0, status=429)

    for crm in (Busy(), Slow()):
        found = tried(crm)
        assert found.ok is None
        assert [check.ok for check in found.checks if not check.ok] == [None]


def test_a_record_that_the_crm_could_remove_and_does_not_is_a_point_that_failed_and_named() -> None:
    class Forbidding(Notebook):
        removes = frozenset({"reminder"})
        remove = Crm.remove

    found = tried(Forbidding())
    assert list(failed(found)) == ["the reminder is removed again"]
    assert len(found.left) == 2


def test_what_the_connector_itself_tries_by_writing_is_told_with_the_three_answers() -> None:
    class Trying(Notebook):
        def check_by_writing(self) -> list[Check]:
            return [
                Check("a draft is taken", True),
                Check("it is removed", False, "delete it"),
                Check("x", None, "later"),
            ]

    for card in (CARD, CardRef("contact", "43")):
        told = {check.name: (check.ok, check.remedy) for check in tried(Trying(), card).checks}
        assert told["a draft is taken"] == (True, "")
        assert (told["it is removed"], told["x"]) == ((False, "delete it"), (None, "later"))


def test_a_connector_that_raises_in_its_own_trial_is_a_failed_check_without_its_words() -> None:
    class Raising(Notebook):
        def check_by_writing(self) -> list[Check]:
            raise RuntimeError("password=hunter2")

    assert failed(tried(Raising())) == {"the connector can tell": "a fault of the connector: RuntimeError"}


def test_a_connector_that_raises_is_a_failed_check_without_its_words() -> None:
    class Broken(Notebook):
        def create_reminder(self, *args: Any) -> Outcome:  # type: ignore[override]
            raise RuntimeError("+79161234567")

    assert failed(tried(Broken())) == {"a reminder is written": "a fault of the connector: RuntimeError"}


# --- what holds ------------------------------------------------------------------------------------


def test_everything_is_written_found_read_and_removed_under_keys_of_its_own() -> None:
    crm = Notebook()
    found = tried(crm)
    assert found.ok
    assert [check.name for check in found.checks] == [
        "the test card is there",
        "a comment is written",
        "the comment is found by its key",
        "the comment is removed again",
        "a reminder is written",
        "the reminder is found by its key",
        "the reminder is open",
        "the reminder is taken back",
        "it is closed then",
        "the reminder is removed again",
    ]
    assert (crm.records, found.left) == ({}, [])
    assert len({text.splitlines()[-1] for text in crm.texts}) == 2
    assert all("можно удалить" in text for text in crm.texts)
    assert (crm.dues[0] - NOW).total_seconds() == 24 * 3600


def test_a_crm_that_finds_what_was_written_a_moment_later_is_given_that_moment() -> None:
    crm, slept = Notebook(), list[float]()
    crm.seen_after = 2
    assert tried(crm, slept=slept).ok
    assert len(slept) == 2
