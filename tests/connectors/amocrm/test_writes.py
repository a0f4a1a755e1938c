"""Comments and reminders: in as few requests as possible, settled one by one, read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import (
    Assignee,
    CardRef,
    CommentWrite,
    Done,
    EmailWrite,
    NotDone,
    Outcome,
    ReminderState,
    ReminderWrite,
    Unknown,
    Write,
)
from connectors.kit.reference_mark import reference_mark
from tests.connectors.amocrm.rig import AmoRig
from tests.connectors.amocrm.server import OWN
from tests.support.fake_api import Fault

DUE = datetime(2026, 11, 24, 7, 15, tzinfo=UTC)
MARKUP = "<b>Иванов</b> [b]Иван[/b] & «Ко» <script>alert(1)</script> {{ 7 * 7 }}"


def comment(card: CardRef, number: int, text: str = "Комментарий") -> CommentWrite:
    key = f"{number:016x}" * 4
    return CommentWrite(card, f"{text}\n{reference_mark(key)}", key)


def reminder(card: CardRef, person: Assignee, number: int, text: str = "Напоминание") -> ReminderWrite:
    key = f"{number:016x}" * 4
    return ReminderWrite(card, person, "ИСКЛЮЧИТЬ", f"{text}\n{reference_mark(key)}", DUE, key)


def one_call(crm: AmoRig, number: int = 1) -> list[Write]:
    """A call's comment and its two reminders."""
    people = (reminder(crm.card, person, number + place) for place, person in enumerate(crm.people, 1))
    return [comment(crm.card, number), *people]


def kinds(outcomes: Sequence[Outcome]) -> list[str]:
    return [type(outcome).__name__ for outcome in outcomes]


def made(crm: AmoRig) -> list[tuple[str, str]]:
    return [(request.method, request.path.removeprefix("/api/v4/")) for request in crm.server.requests]


# --- what cannot be written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "card", [CardRef("deal", "1"), CardRef("contact", ""), CardRef("contact", "../users/1"), CardRef("lead", "٤٢")]
)
def test_a_card_that_cannot_exist_is_refused_without_a_request(crm: AmoRig, card: CardRef) -> None:
    outcomes = crm.connector.write([comment(card, 1), reminder(card, crm.people[0], 2)])
    assert all(isinstance(outcome, NotDone) and outcome.permanent for outcome in outcomes)
    assert crm.server.requests == []


@pytest.mark.parametrize("user", [None, "", "ivanova", "0", "1 OR 1"])
def test_a_person_who_is_no_user_is_refused_without_a_request(crm: AmoRig, user: str | None) -> None:
    outcome = crm.connector.write([reminder(crm.card, Assignee(user=user, address="a@example.org"), 1)])[0]
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert crm.server.requests == []


def test_nobody_can_be_mailed(crm: AmoRig) -> None:
    person = crm.people[0]
    for outcome in (
        crm.connector.notify_email(person, "ИСКЛЮЧИТЬ", "текст", "ab" * 32),
        crm.connector.write([EmailWrite(person, "ИСКЛЮЧИТЬ", "текст", "ab" * 32)])[0],
    ):
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
        assert "smtp" in outcome.why
    assert crm.server.requests == []


def test_a_missing_card_is_told_as_gone(crm: AmoRig) -> None:
    outcomes = crm.connector.write([comment(crm.missing, 1), reminder(crm.missing, crm.people[0], 2)])
    assert [getattr(outcome, "status", None) for outcome in outcomes] == [404, 404]
    assert crm.written("comment") == crm.written("reminder") == []


def test_an_unknown_user_is_refused_for_good(crm: AmoRig) -> None:
    outcome = crm.connector.write([reminder(crm.card, Assignee(user="123"), 1)])[0]
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "NotSupportedChoice")
    assert "responsible_user_id" in outcome.why


# --- a part of an array fails ----------------------------------------------------------------------


def test_what_a_refusal_names_does_not_hold_the_others(crm: AmoRig) -> None:
    writes = [
        comment(crm.card, 1),
        comment(crm.missing, 2),
        reminder(crm.card, Assignee(user="123"), 3),
        reminder(crm.card, crm.people[1], 4),
    ]
    assert kinds(crm.connector.write(writes)) == ["Done", "NotDone", "NotDone", "Done"]
    assert [record.text for record in crm.written("comment")] == [writes[0].text]
    assert [record.text for record in crm.written("reminder")] == [writes[3].text]
    # Each array once whole, once without what was named, and read back.
    assert made(crm) == [("POST", "contacts/notes")] * 2 + [("GET", "contacts/notes")] + [("POST", "tasks")] * 2 + [
        ("GET", "tasks")
    ]


def unnamed_refusal(crm: AmoRig, culprit: str, status: int) -> None:
    """Refuse every array that holds this text, without a word of which item it is."""
    answer = crm.server.answer

    def refusing(request: Any) -> Any:
        if request.method == "POST" and culprit in request.body.decode():
            crm.server.requests[-1] = replace(request, path="refused")
            return replace(crm.server.worded(Fault.ERROR_BEFORE), status=status, data={"title": "Bad Request"})
        return answer(request)

    crm.server.answer = refusing  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_an_array_that_is_refused_without_a_name_is_halved_until_the_one_at_fault_is_alone(
    crm: AmoRig, status: int
) -> None:
    unnamed_refusal(crm, "виновник", status)
    writes = [comment(crm.card, number, "виновник" if number == 3 else "x") for number in range(1, 5)]
    outcomes = crm.connector.write(writes)
    assert kinds(outcomes) == ["Done", "Done", "NotDone", "Done"]
    assert (getattr(outcomes[2], "permanent", None), getattr(outcomes[2], "status", None)) == (True, status)
    assert len(crm.written("comment")) == 3


@pytest.mark.parametrize("fault", [Fault.REDIRECT, Fault.TOKEN_EXPIRED])
def test_a_refusal_that_is_meant_for_all_is_not_tried_in_halves(crm: AmoRig, fault: Fault) -> None:
    crm.fault(fault)
    assert kinds(crm.connector.write([comment(crm.card, number) for number in range(4)])) == ["NotDone"] * 4
    assert made(crm) == [("POST", "contacts/notes")]


def test_no_more_requests_are_made_than_leases_are_reckoned_by(crm: AmoRig) -> None:
    unnamed_refusal(crm, "виновник", 400)
    writes: list[Write] = [comment(crm.card, number, "виновник") for number in range(12)]
    before, rounds = len(crm.server.requests), 0
    while writes:
        outcomes = crm.connector.write(writes)
        assert len(crm.server.requests) - before <= crm.connector.limits().requests_per_write
        left = [
            item
            for item, outcome in zip(writes, outcomes, strict=True)
            if isinstance(outcome, NotDone) and not outcome.permanent
        ]
        assert len(left) < len(writes), "every turn settles something"
        writes, before, rounds = left, len(crm.server.requests), rounds + 1
    assert rounds <= 4


def test_nothing_is_sent_after_a_lost_answer_or_a_closed_account(crm: AmoRig) -> None:
    for fault, first in ((Fault.DROP_BEFORE, Unknown), (Fault.THROTTLED, NotDone), (Fault.BLOCKED, NotDone)):
        crm.server.requests.clear()
        crm.fault(fault)
        outcomes = crm.connector.write(one_call(crm))
        assert isinstance(outcomes[0], first)
        assert all(isinstance(outcome, NotDone) and not outcome.permanent for outcome in outcomes[1:])
        assert made(crm) == [("POST", "contacts/notes")]
    assert getattr(outcomes[2], "blocked", False), "what was not sent tells of the block as well"


def test_a_lost_answer_to_the_tasks_leaves_the_note_done(crm: AmoRig) -> None:
    crm.server.fault(Fault.TOKEN_EXPIRED)
    # A long-lived token cannot be renewed, so the first turn ends with it.
    assert kinds(crm.connector.write(one_call(crm))) == ["NotDone"] * 3
    answer = crm.server.answer
    crm.server.answer = lambda request: (  # type: ignore[method-assign]
        crm.server.worded(Fault.ERROR_AFTER) if request.path.endswith("tasks") else answer(request)
    )
    assert kinds(crm.connector.write(one_call(crm))) == ["Done", "Unknown", "Unknown"]


def test_an_item_that_the_answer_forgets_is_unknown(crm: AmoRig) -> None:
    answer = crm.server.answer

    def forgetful(request: Any) -> Any:
        found = answer(request)
        if request.method == "POST":
            found.data["_embedded"]["notes"].pop()
        return found

    crm.server.answer = forgetful  # type: ignore[method-assign]
    assert kinds(crm.connector.write([comment(crm.card, 1), comment(crm.card, 2)])) == ["Done", "Unknown"]


def test_outcomes_follow_the_echoed_request_ids_whatever_their_order(crm: AmoRig) -> None:
    answer = crm.server.answer

    def turned(request: Any) -> Any:
        found = answer(request)
        if request.method == "POST":
            found.data["_embedded"]["notes"].reverse()
        return found

    crm.server.answer = turned  # type: ignore[method-assign]
    writes = [comment(crm.card, number) for number in range(1, 4)]
    outcomes = crm.connector.write(writes)
    assert [outcome.remote_id for outcome in outcomes if isinstance(outcome, Done)] == [
        record.id for record in crm.written("comment")
    ]


# --- what was quietly kept otherwise ---------------------------------------------------------------


def test_a_task_with_another_responsible_user_is_closed_and_refused(crm: AmoRig) -> None:
    crm.server.account.cut = lambda record: record.update(responsible_user_id=OWN)
    writes = [reminder(crm.card, crm.people[0], 1)]
    outcome = crm.connector.write(writes)[0]
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.code) == (True, "cut")
    assert "another responsible user" in outcome.why
    (task,) = crm.server.account.tasks.values()
    assert task["is_completed"]
    assert str(task["id"]) in outcome.why
    assert crm.connector.find("reminder", crm.card, writes[0].key) is None, "it does not count as written"


@pytest.mark.parametrize("change", [{"entity_id": None}, {"entity_type": "leads"}, {"entity_id": 1}])
def test_a_task_that_is_not_linked_to_the_card_is_noticed(crm: AmoRig, change: dict[str, Any]) -> None:
    crm.server.account.cut = lambda record: record.update(change)
    outcome = crm.connector.write([reminder(crm.card, crm.people[0], 1)])[0]
    assert isinstance(outcome, NotDone)
    assert "not linked" in outcome.why


def test_a_text_that_was_cut_is_noticed(crm: AmoRig) -> None:
    def shorten(record: dict[str, Any]) -> None:
        if "params" in record:
            record["params"] = {"text": record["params"]["text"][:100]}
        else:
            record["text"] = record["text"][:100]

    crm.server.account.cut = shorten
    outcomes = crm.connector.write([comment(crm.card, 1, "x" * 200), reminder(crm.card, crm.people[0], 2, "x" * 200)])
    assert ["its text was cut" in getattr(outcome, "why", "") for outcome in outcomes] == [True, True]
    assert "by hand" in getattr(outcomes[0], "why", "")


def test_what_cannot_be_read_back_counts_as_the_crm_has_answered(crm: AmoRig) -> None:
    answer = crm.server.answer
    crm.server.answer = lambda request: (  # type: ignore[method-assign]
        answer(request) if request.method == "POST" else crm.server.worded(Fault.ERROR_BEFORE)
    )
    outcomes = crm.connector.write(one_call(crm))
    # The account is away: the reminders are left for another turn.
    assert kinds(outcomes) == ["Done", "NotDone", "NotDone"]
    assert getattr(outcomes[1], "permanent", None) is False


# --- what is written -------------------------------------------------------------------------------


def test_a_comment_and_a_reminder_arrive_as_they_were_given(crm: AmoRig) -> None:
    outcomes = crm.connector.write(one_call(crm))
    assert kinds(outcomes) == ["Done"] * 3
    (note,) = crm.written("comment")
    assert (note.text, note.card) == (f"Комментарий\n{reference_mark('0' * 15 + '1')}", crm.card)
    first, second = crm.written("reminder")
    assert (first.subject, first.due, first.card) == ("ИСКЛЮЧИТЬ", DUE, crm.card)
    assert [first.assignee, second.assignee] == [person.user for person in crm.people]
    assert crm.server.account.tasks[int(first.id)]["task_type_id"] == 1


def test_every_type_of_card_takes_notes_and_tasks(crm: AmoRig) -> None:
    for kind, collection in (("lead", "leads"), ("company", "companies"), ("customer", "customers")):
        card = CardRef(kind, str(crm.server.card(collection, "Пример")))
        assert kinds(crm.connector.write([comment(card, 1), reminder(card, crm.people[0], 2)])) == ["Done"] * 2
        assert crm.written("comment")[-1].card == crm.written("reminder")[-1].card == card


def test_markup_and_long_texts_go_out_literally(crm: AmoRig) -> None:
    text = MARKUP + "Ж" * 10_000
    assert kinds(crm.connector.write([comment(crm.card, 1, text), reminder(crm.card, crm.people[0], 2, text)])) == [
        "Done",
        "Done",
    ]
    assert crm.written("comment")[0].text.startswith(text)
    assert crm.written("reminder")[0].text.startswith(text)


# --- how many requests that takes ------------------------------------------------------------------


def test_a_call_takes_two_writing_requests_and_two_reads(crm: AmoRig) -> None:
    crm.connector.write(one_call(crm))
    assert made(crm) == [("POST", "contacts/notes"), ("GET", "contacts/notes"), ("POST", "tasks"), ("GET", "tasks")]


def test_under_a_backlog_sixteen_calls_take_as_many_requests_as_one(crm: AmoRig) -> None:
    writes = [item for number in range(16) for item in one_call(crm, number * 3 + 1)]
    assert kinds(crm.connector.write(writes)) == ["Done"] * 48
    assert len(crm.server.requests) == 4
    assert crm.writes() == 2
    assert len({record.id for record in (*crm.written("comment"), *crm.written("reminder"))}) == 48


def test_four_types_of_card_at_once_stay_within_what_leases_are_reckoned_by(crm: AmoRig) -> None:
    cards = [crm.card] + [
        CardRef(kind, str(crm.server.card(collection, "Пример")))
        for kind, collection in (("lead", "leads"), ("company", "companies"), ("customer", "customers"))
    ]
    writes: list[Write] = [comment(card, number) for number, card in enumerate(cards, 1)]
    writes.append(reminder(crm.card, crm.people[0], 9))
    outcomes = crm.connector.write(writes)
    assert kinds(outcomes) == ["Done"] * 4 + ["NotDone"]
    assert getattr(outcomes[4], "after", None) == 0.0
    assert len(crm.server.requests) <= crm.connector.limits().requests_per_write
    assert kinds(crm.connector.write(writes[4:])) == ["Done"]


# --- withdrawing, removing -------------------------------------------------------------------------


def written_task(crm: AmoRig) -> str:
    outcome = crm.connector.write([reminder(crm.card, crm.people[0], 1)])[0]
    assert isinstance(outcome, Done)
    return outcome.remote_id


@pytest.mark.parametrize("task_id", ["999999999", "", "..", "x"])
def test_a_task_that_is_gone_needs_no_withdrawal(crm: AmoRig, task_id: str) -> None:
    assert crm.connector.reminder_state(task_id) is ReminderState.MISSING
    assert crm.connector.withdraw_reminder(task_id, "Отмена", "ab" * 32) == Done(task_id)


def test_a_task_that_was_done_keeps_its_owners_result(crm: AmoRig) -> None:
    task_id = written_task(crm)
    crm.server.account.tasks[int(task_id)] |= {"is_completed": True, "result": {"text": "Исключён"}}
    assert crm.connector.reminder_state(task_id) is ReminderState.DONE
    assert crm.connector.withdraw_reminder(task_id, "Отмена", "ab" * 32) == Done(task_id)
    assert crm.server.account.tasks[int(task_id)]["result"] == {"text": "Исключён"}


@pytest.mark.parametrize(
    ("fault", "kind"), [(Fault.THROTTLED, NotDone), (Fault.ERROR_BEFORE, Unknown), (Fault.DROP_AFTER, Unknown)]
)
def test_a_withdrawal_that_fails_is_told(crm: AmoRig, fault: Fault, kind: type[Outcome]) -> None:
    task_id = written_task(crm)
    crm.fault(fault)
    assert isinstance(crm.connector.withdraw_reminder(task_id, "Отмена", "ab" * 32), kind)
    # Settled by looking.
    assert crm.connector.reminder_state(task_id) is (
        ReminderState.DONE if fault is Fault.DROP_AFTER else ReminderState.OPEN
    )


def test_a_task_that_goes_while_it_is_withdrawn_is_withdrawn(crm: AmoRig) -> None:
    task_id = written_task(crm)
    answer = crm.server.answer

    def deleted(request: Any) -> Any:
        if request.method == "PATCH":
            crm.server.account.tasks.clear()
        return answer(request)

    crm.server.answer = deleted  # type: ignore[method-assign]
    assert crm.connector.withdraw_reminder(task_id, "Отмена", "ab" * 32) == Done(task_id)


def test_a_withdrawal_that_cannot_look_first_is_not_done(crm: AmoRig) -> None:
    task_id = written_task(crm)
    crm.server.tokens.clear()
    outcome = crm.connector.withdraw_reminder(task_id, "Отмена", "ab" * 32)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.status) == (False, 401)


def test_a_withdrawn_task_is_closed_with_the_reason(crm: AmoRig) -> None:
    task_id = written_task(crm)
    assert crm.connector.reminder_state(task_id) is ReminderState.OPEN
    assert crm.connector.withdraw_reminder(task_id, "Клиент передумал", "ab" * 32) == Done(task_id)
    assert crm.connector.reminder_state(task_id) is ReminderState.DONE
    assert crm.server.account.tasks[int(task_id)]["result"] == {"text": "Клиент передумал"}


def test_trial_records_are_closed_where_that_can_be_and_the_rest_is_told(crm: AmoRig) -> None:
    task_id = written_task(crm)
    for kind, remote_id in (("reminder", task_id), ("comment", "42")):
        outcome = crm.connector.remove(kind, remote_id, crm.card)  # type: ignore[arg-type]
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
        assert remote_id in outcome.why
    assert crm.connector.reminder_state(task_id) is ReminderState.DONE
