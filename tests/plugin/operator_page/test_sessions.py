"""Page sessions: journals saved in order, progress reported, ends confirmed as they were shown. On both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from plugin.errors import EventError
from plugin.events.unfinished import remind_of_unfinished
from plugin.ledger.schema import deliveries
from plugin.operator_page.confirmation import read_confirmation
from plugin.operator_page.journal import current_answers, read_journal_save
from tests.plugin.operator_page.pages import SCRIPT, PageHarness

CALLS = {"related_to_car": True, "survey_type": "calls"}
CALLS_ACTIONS = ("comment", "remind-survey_coordinator")


def confirm(pages: PageHarness, body: Any, call: str = "c-1") -> tuple[int, dict[str, Any]]:
    return pages.sessions.confirm(pages.call(call), SCRIPT, read_confirmation(body))


# --- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"seq": 0},
        {"seq": "1"},
        {"tab": ""},
        {"entries": None},
        {"entries": [{"kind": "answer", "at": "2026-11-23T10:00:00+03:00"}]},
        {"entries": [{"kind": "dance", "at": "2026-11-23T10:00:00+03:00"}]},
        {"entries": [{"kind": "back", "at": "yesterday", "fact": "survey_type"}]},
        {"entries": [{"kind": "back", "at": "2026-11-23T10:00:00", "fact": "survey_type"}]},
        {"entries": [{"kind": "note", "at": "2026-11-23T10:00:00+03:00", "text": "x" * 2001}]},
        {
            "entries": [
                {
                    **{"kind": "answer", "q": "q", "fact": "f", "value": ["list"]},
                    **{"at": "2026-11-23T10:00:00+03:00", "asked": "2026-11-23T10:00:00+03:00"},
                }
            ]
        },
    ],
)
def test_a_saving_that_cannot_be_one_is_refused(change: dict[str, Any]) -> None:
    body = {"seq": 1, "tab": "one", "revision": "r", "entries": []} | change
    with pytest.raises(EventError) as refused:
        read_journal_save(body)
    assert refused.value.status == 422


@pytest.mark.parametrize(
    "change", [{"id": "short"}, {"at": "now"}, {"facts": []}, {"shown": None}, {"shown": {}}, {"note": "x" * 10_001}]
)
def test_a_confirmation_that_cannot_be_one_is_refused(pages: PageHarness, change: dict[str, Any]) -> None:
    with pytest.raises(EventError) as refused:
        read_confirmation(pages.confirmation(CALLS, "exclude_calls") | change)
    assert refused.value.status == 422


def test_an_answer_that_does_not_fit_is_told_in_russian(pages: PageHarness) -> None:
    with pytest.raises(EventError) as refused:
        pages.sessions.next(pages.call(), SCRIPT, pages.revision, {"related_to_car": True, "survey_type": "letters"})
    assert refused.value.fields == {"survey_type": ["Нужно: один из ответов скрипта"]}


def test_a_revision_that_is_not_there_is_refused(pages: PageHarness) -> None:
    with pytest.raises(EventError):
        pages.sessions.next(pages.call(), SCRIPT, "0" * 16, {})


# --- the trail -------------------------------------------------------------------------------------


def test_what_is_saved_is_what_is_opened_again(pages: PageHarness) -> None:
    entry = pages.answer("related_to_car", True)
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, entry))
    opened = pages.sessions.open(pages.call())

    assert opened.journal is not None
    assert [*opened.journal.entries] == [entry]
    assert (opened.revision, opened.script) == (pages.revision, SCRIPT)


def test_a_late_saving_of_the_same_window_changes_nothing(pages: PageHarness) -> None:
    first, second = pages.answer("related_to_car", True), pages.answer("survey_type", "all")
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(2, first, second))
    trail, taken = pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, first))

    assert taken
    assert len(trail.entries) == 2


def test_a_window_that_has_not_seen_the_other_is_told(pages: PageHarness) -> None:
    mine, other = pages.answer("related_to_car", True), pages.answer("related_to_car", False)
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, mine, tab="one"))
    trail, taken = pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, other, tab="two"))
    assert not taken
    assert trail.tab == "one"
    trail, taken = pages.sessions.save(pages.call(), SCRIPT, pages.saving(2, other, tab="two"))

    assert taken
    assert current_answers(trail.entries) == {"related_to_car": False}


@pytest.mark.parametrize("change", [{"phone": "+79160000001"}, {"card": ("contact", "43")}])
def test_an_id_used_again_for_another_client_is_another_trail(pages: PageHarness, change: dict[str, Any]) -> None:
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, pages.answer("related_to_car", True)))
    assert pages.sessions.open(pages.call(**change)).journal is None
    pages.sessions.save(pages.call(**change), SCRIPT, pages.saving(1, pages.answer("related_to_car", False)))

    assert [trail["generation"] for trail in pages.trails] == [1, 2]


def test_an_id_used_again_days_later_is_another_trail(pages: PageHarness) -> None:
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, pages.answer("related_to_car", True)))
    pages.clock.forward(hours=25)

    assert pages.sessions.open(pages.call()).journal is None


def test_a_call_begun_on_the_page_is_known_by_its_id(pages: PageHarness) -> None:
    assert pages.sessions.begun("page-1", "petrova") is None
    pages.sessions.begin(pages.call("page-1"))
    call = pages.sessions.begun("page-1", "petrova")

    assert call == pages.call("page-1", operator="petrova", script=SCRIPT)


# --- progress --------------------------------------------------------------------------------------


def test_answers_are_reported_and_taken_back_ones_are_null(pages: PageHarness) -> None:
    first, second = pages.answer("related_to_car", True), pages.answer("survey_type", "all")
    back = pages.entry("back", fact="survey_type")
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, first, second))
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(2, first, second, back))

    assert [event["facts"] for event in pages.events] == [
        {"related_to_car": True, "survey_type": "all"},
        {"related_to_car": True, "survey_type": None},
    ]
    assert not any(event["final"] for event in pages.events)
    assert {event["revision"] for event in pages.events} == {pages.revision}


def test_nothing_new_is_not_reported_again(pages: PageHarness) -> None:
    first = pages.answer("related_to_car", True)
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, first))
    other = pages.entry("other", q="q", fact="survey_type", text="не знаю")
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(2, first, other))

    assert len(pages.events) == 1


def test_a_whole_conversation_is_not_reported_before_it_is_confirmed(pages: PageHarness) -> None:
    first, second = pages.answer("related_to_car", True), pages.answer("survey_type", "calls")
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, first, second))

    # But that there was a call is known, should it never be confirmed.
    assert [event["facts"] for event in pages.events] == [{"related_to_car": True}]
    assert (pages.calls[0]["outcome"], pages.deliveries) == (None, [])
    assert pages.calls[0]["unfinished_at"] is not None


def test_answers_that_nobody_can_decide_are_kept_and_not_reported(pages: PageHarness) -> None:
    first = pages.answer("related_to_car", True)
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, first))
    trail, taken = pages.sessions.save(pages.call(), SCRIPT, pages.saving(2, first, pages.answer("nonsense", 5)))

    assert taken
    assert len(trail.entries) == 2
    assert [event["facts"] for event in pages.events] == [{"related_to_car": True}]


def test_no_progress_is_reported_once_an_outcome_stands(pages: PageHarness) -> None:
    confirm(pages, pages.confirmation(CALLS, "exclude_calls", CALLS_ACTIONS))
    back = [pages.answer("related_to_car", True), pages.answer("survey_type", "calls")]
    back.append(pages.entry("back", fact="survey_type"))
    pages.sessions.save(pages.call(), SCRIPT, pages.saving(1, *back))

    assert len(pages.events) == 1
    assert pages.calls[0]["outcome"] == "exclude_calls"


def test_a_call_that_is_never_finished_is_reminded_of_with_its_note(pages: PageHarness) -> None:
    saving = pages.saving(1, pages.answer("related_to_car", True), note="торопится")
    pages.sessions.save(pages.call(), SCRIPT, saving)
    pages.clock.forward(minutes=31)
    assert remind_of_unfinished(pages.ledger, pages.rules, pages.settings, pages.clock) == 1

    (reminder,) = [row for row in pages.deliveries if row["kind"] == "reminder"]
    assert "Заметка оператора: торопится" in reminder["text"]


# --- the end ---------------------------------------------------------------------------------------


def test_what_is_confirmed_is_recorded_once(pages: PageHarness) -> None:
    body = pages.confirmation(CALLS, "exclude_calls", CALLS_ACTIONS)
    status, first = confirm(pages, body)
    assert status == 202
    pages.clock.forward(minutes=1)
    status, again = confirm(pages, body)

    assert (status, again["duplicate"]) == (200, True)
    assert again["decision"] == first["decision"]
    assert len(pages.events) == 1


@pytest.mark.parametrize(
    ("outcome", "actions"), [("none", ()), ("exclude_calls", ("comment",)), ("exclude_all", CALLS_ACTIONS)]
)
def test_what_is_decided_otherwise_is_shown_and_not_recorded(
    pages: PageHarness, outcome: str | None, actions: tuple[str, ...]
) -> None:
    status, body = confirm(pages, pages.confirmation(CALLS, outcome, actions))

    assert (status, body["error"]["code"]) == (409, "decided_otherwise")
    assert body["foresight"]["outcome"] == "exclude_calls"
    assert pages.events == pages.calls == pages.deliveries == []


def test_a_hand_over_is_not_decided_by_its_answers_and_tells_them_all(pages: PageHarness) -> None:
    status, body = confirm(pages, pages.confirmation(CALLS, None, (), note="Разговор прервался."))

    assert (status, body["decision"]["complete"]) == (202, False)
    reminder = next(row["text"] for row in pages.deliveries if row["kind"] == "reminder")
    assert "Заметка оператора: Разговор прервался.\nОт каких опросов отказывается: Только от звонков" in reminder
    assert "Да, имеет отношение" in reminder
    assert confirm(pages, pages.confirmation(CALLS, None, (), note="Разговор прервался.", id="confirm-2"))[0] == 202


def test_a_correction_leaves_one_reminder_each_and_calls_off_only_who_gets_none(pages: PageHarness) -> None:
    everything = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "yes"}
    both = ("comment", "remind-survey_coordinator", "remind-sms_manager")
    assert confirm(pages, pages.confirmation(everything, "exclude_all", both))[0] == 202
    with pages.ledger.write() as connection:
        connection.execute(update(deliveries).values(state="done"))
    facts = everything | {"agreed_to_warning": "calls_only"}
    body = pages.confirmation(facts, "exclude_calls", CALLS_ACTIONS, id="confirm-2")
    shown = pages.sessions.preview(pages.call(), SCRIPT, read_confirmation(body))
    assert confirm(pages, body)[0] == 202

    reminder = next(write for write in shown["writes"] if write["kind"] == "reminder")
    assert reminder["text"].startswith("ИСПРАВЛЕНИЕ: ")
    second = [row for row in pages.deliveries if row["state"] != "done"]
    withdrawn = [row["role"] for row in second if row["kind"] == "withdrawal"]
    assert sorted(withdrawn) == ["sms_manager", "survey_coordinator"]
    mails = [(row["role"], row["withdraws"] is not None) for row in second if row["kind"] == "smtp_email"]
    assert sorted(mails) == [("sms_manager", True), ("survey_coordinator", False)]


def test_another_confirmation_of_another_end_is_a_correction(pages: PageHarness) -> None:
    confirm(pages, pages.confirmation(CALLS, "exclude_calls", CALLS_ACTIONS))
    with pages.ledger.write() as connection:
        connection.execute(update(deliveries).values(state="done"))
    facts = {"related_to_car": True, "survey_type": "all", "agreed_to_warning": "changed_mind"}
    status, _ = confirm(pages, pages.confirmation(facts, "none", id="confirm-2"))

    assert status == 202
    assert pages.calls[0]["outcome"] == "none"
    assert "Исправление" in [row["text"] for row in pages.deliveries if row["kind"] == "comment"][-1]


def test_foresight_is_what_confirming_writes(pages: PageHarness) -> None:
    body = pages.confirmation(CALLS, "exclude_calls", CALLS_ACTIONS, note="вечером")
    seen = pages.sessions.preview(pages.call(), SCRIPT, read_confirmation(body))
    assert pages.events == pages.deliveries == []
    confirm(pages, body)

    written = [row for row in pages.deliveries if not row["kind"].endswith("_email")]
    assert [(write["kind"], write["text"]) for write in seen["writes"]] == [(r["kind"], r["text"]) for r in written]
    assert seen["writes"][1]["due_at"] == written[1]["due_at"].isoformat()
    assert (seen["writes"][1]["to"], seen["writes"][1]["mail"]) == ("Координатор опросов", "coordinator@example.org")
    again = pages.sessions.preview(pages.call(), SCRIPT, read_confirmation(body | {"id": "confirm-9"}))
    assert (again["same"], again["writes"]) == (True, [])


def test_a_call_without_any_answer_can_be_handed_over(pages: PageHarness) -> None:
    status, _ = confirm(pages, pages.confirmation({}, None, note="сказал странное"))

    assert status == 202
    assert [row["role"] for row in pages.deliveries] == ["survey_coordinator"] * 2
    assert all("сказал странное" in row["text"] for row in pages.deliveries)


def test_progress_tells_words_and_whom_and_nothing_of_other_calls(pages: PageHarness) -> None:
    confirm(pages, pages.confirmation(CALLS, "exclude_calls", CALLS_ACTIONS))
    found = pages.sessions.progress(pages.call(), "confirm-1")

    assert found is not None
    assert [(one["what"], one["to"], one["words"]) for one in found["deliveries"]] == [
        ("Комментарий в карточке клиента", None, "в очереди"),
        ("Напоминание", "Координатор опросов", "в очереди"),
        ("Письмо", "Координатор опросов", "в очереди"),
    ]
    assert (found["words"], found["over"]) == ("Записывается…", False)
    assert pages.sessions.progress(pages.call("c-2"), "confirm-1") is None
    assert pages.sessions.progress(pages.call(), "confirm-0") is None


@pytest.mark.parametrize(
    ("later", "words"),
    [
        ({"seconds": 30}, "Задерживается: CRM или почта пока не отвечает."),
        ({"hours": 25}, "Не записано в срок, который обещали клиенту. Администратор уже знает."),
    ],
)
def test_what_is_late_is_told_with_what_to_do(pages: PageHarness, later: dict[str, float], words: str) -> None:
    confirm(pages, pages.confirmation(CALLS, "exclude_calls", CALLS_ACTIONS))
    pages.clock.forward(**later)
    found = pages.sessions.progress(pages.call(), "confirm-1")

    assert found is not None
    assert (found["words"], found["late"]) == (words, True)
    assert found["advice"]
