"""Steps back, notes, and words that no answer fits; a call that breaks off goes on where it was, anywhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext
from playwright.sync_api import Page as Tab
from sqlalchemy import update

from plugin.events.unfinished import remind_of_unfinished
from plugin.ledger.schema import calls, deliveries
from tests.browser.page_site import Site, exact, phrase, press, saved, screen, seen

ASKED = "Уточните, пожалуйста, Вы хотите отказаться от звонков с опросом"
UNFINISHED = "Разговор не завершён: решить вручную"


def kinds(site: Site, call: str) -> list[str]:
    return [entry["kind"] for entry in site.trail(call)["entries"]]


def planned_texts(site: Site, call: str) -> str:
    return "\n".join(row["text"] for row in site.planned(call))


# --- back ------------------------------------------------------------------------------------------


def test_backspace_takes_the_last_answer_back_and_the_record_keeps_it_with_its_time(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    first = phrase(tab)
    press(tab, "1")
    assert phrase(tab).startswith(ASKED)
    press(tab, "Backspace")
    assert phrase(tab) == first
    assert tab.locator("#trail .step").count() == 0
    press(tab, "2")
    saved(tab)

    entries = site.trail(call.id)["entries"]
    assert [(entry["kind"], entry["fact"], entry.get("value")) for entry in entries] == [
        ("answer", "related_to_car", True),
        ("back", "related_to_car", None),
        ("answer", "related_to_car", False),
    ]
    times = [datetime.fromisoformat(entry["at"]) for entry in entries]
    assert times == sorted(times)
    assert datetime.now(UTC) - times[-1] < timedelta(minutes=1)


def test_backspace_with_nothing_answered_changes_nothing(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    first = phrase(tab)
    press(tab, "Backspace")

    assert phrase(tab) == first


def test_any_step_of_the_trail_can_be_gone_back_to(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "3", "2")
    assert tab.locator("#trail .said").all_inner_texts()[:2] == ["Да, имеет отношение", "От всех видов опросов"]
    tab.locator("#trail .step").nth(1).focus()
    tab.keyboard.press("Enter")
    assert phrase(tab).startswith(ASKED)
    press(tab, "1", "Enter")
    screen(tab, "done")

    assert site.outcome(call.id) == "exclude_calls"
    assert site.facts(call.id) == {"related_to_car": True, "survey_type": "calls"}


def test_an_answer_that_was_taken_back_is_taken_back_in_what_was_reported_too(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "2")
    saved(tab)
    press(tab, "Backspace")
    saved(tab)

    assert [event["facts"] for event in site.events(call.id)][-1] == {"related_to_car": True, "survey_type": None}
    assert not any(event["final"] for event in site.events(call.id))


def test_an_end_is_not_reported_before_it_is_confirmed(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1")
    screen(tab, "ending")
    saved(tab)

    assert site.outcome(call.id) is None
    assert site.planned(call.id) == []
    assert [event["facts"] for event in site.events(call.id)] == [{"related_to_car": True}]


def test_an_end_confirmed_by_mistake_is_corrected(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    with site.ledger.write() as connection:
        connection.execute(update(deliveries).values(state="done"))
    tab.get_by_role("button", name="Исправить итог").click()
    screen(tab, "ending")
    assert "Уже записано: «исключить из звонков с опросом»" in tab.locator("#notices").inner_text()
    press(tab, "Backspace")
    press(tab, "2", "3")
    screen(tab, "ending")
    exact(tab)
    assert "Исправление" in tab.locator(".result").inner_text()
    press(tab, "Enter")
    screen(tab, "done")

    assert site.outcome(call.id) == "none"
    saved(tab)
    assert site.trail(call.id)["outcome"] == "none"


def test_going_back_after_the_end_leaves_what_is_recorded(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    tab.get_by_role("button", name="Исправить итог").click()
    press(tab, "Backspace", "Backspace")
    saved(tab)

    assert site.outcome(call.id) == "exclude_calls"
    assert len([event for event in site.events(call.id) if event["final"]]) == 1
    (row,) = site.rows(calls, call_id=call.id)
    assert row["unfinished_at"] is None


# --- notes and other answers -----------------------------------------------------------------------


def test_a_note_of_each_step_is_in_the_reminder(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    tab.keyboard.press("p")
    tab.keyboard.type("перезвонить 5 раз")
    tab.keyboard.press("Escape")
    press(tab, "1")
    assert tab.locator("#note").input_value() == ""
    tab.locator("#note").fill("торопится")
    tab.keyboard.press("Escape")
    press(tab, "1", "Enter")
    screen(tab, "done")

    reminder = next(row["text"] for row in site.planned(call.id) if row["kind"] == "reminder")
    assert "Заметка оператора: перезвонить 5 раз\nторопится" in reminder


def test_what_no_answer_fits_is_kept_and_the_phrase_is_asked_again(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "0")
    tab.keyboard.type("Только от звонков по вечерам")
    tab.keyboard.press("Enter")
    assert phrase(tab).startswith(ASKED)
    assert tab.locator(".again").inner_text() == "Записано. Спросите ещё раз:"
    saved(tab)

    entry = site.trail(call.id)["entries"][-1]
    assert (entry["kind"], entry["q"], entry["fact"]) == ("other", "section-1-kind", "survey_type")
    assert entry["text"] == "Только от звонков по вечерам"
    press(tab, "1", "Enter")
    screen(tab, "done")
    assert "клиент сказал: «Только от звонков по вечерам»" in planned_texts(site, call.id)


def test_what_no_answer_fits_can_be_handed_over_even_at_the_first_question(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "0")
    tab.keyboard.type("Уберите меня отовсюду")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    screen(tab, "ending")
    assert UNFINISHED in tab.locator(".result").inner_text()
    press(tab, "Enter")
    screen(tab, "done")
    assert phrase(tab) == "Передано координатору"

    rows = site.planned(call.id)
    assert [(row["kind"], row["role"]) for row in rows] == [
        ("reminder", "survey_coordinator"),
        ("smtp_email", "survey_coordinator"),
    ]
    assert all(UNFINISHED in row["text"] and "Уберите меня отовсюду" in row["text"] for row in rows)
    saved(tab)
    assert site.trail(call.id)["state"] == "unfinished"


def test_an_empty_remark_is_not_taken(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "0")
    tab.keyboard.press("Enter")
    assert tab.locator("#other").evaluate("dialog => dialog.open")
    tab.keyboard.press("Escape")
    press(tab, "1")
    saved(tab)

    assert kinds(site, call.id) == ["answer"]


# --- broken off ------------------------------------------------------------------------------------


def test_a_call_that_broke_off_is_handed_over(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1")
    tab.keyboard.press("g")
    tab.get_by_role("button", name="Передать координатору").click()
    screen(tab, "ending")
    press(tab, "Enter")
    screen(tab, "done")

    assert "Заметка оператора: Разговор прервался." in planned_texts(site, call.id)
    saved(tab)
    assert site.trail(call.id)["entries"][-1]["why"] == "broken_off"


def test_a_call_that_was_handed_over_goes_on_and_ends(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1")
    tab.keyboard.press("g")
    tab.get_by_role("button", name="Передать координатору").click()
    press(tab, "Enter")
    screen(tab, "done")
    tab.get_by_role("button", name="Продолжить разговор").click()
    assert phrase(tab).startswith(ASKED)
    press(tab, "1", "Enter")
    screen(tab, "done")

    assert site.outcome(call.id) == "exclude_calls"
    states = {row["state"] for row in site.planned(call.id) if UNFINISHED in row["text"] and row["withdraws"] is None}
    assert states == {"cancelled"}


def test_a_call_that_nobody_goes_on_with_is_reminded_of(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1")
    tab.keyboard.press("g")
    tab.keyboard.press("Enter")
    saved(tab)
    later = datetime.now(UTC) + timedelta(minutes=31)
    assert remind_of_unfinished(site.ledger, site.rules, site.settings, lambda: later) == 1

    assert UNFINISHED in planned_texts(site, call.id)


# --- resuming --------------------------------------------------------------------------------------


def test_a_reload_goes_on_where_it_was(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "3")
    tab.locator("#note").fill("громко")
    where = phrase(tab)
    tab.reload()

    assert phrase(tab) == where
    assert tab.locator("#trail .said").all_inner_texts() == ["Да, имеет отношение", "От всех видов опросов"]
    assert tab.locator("#note").input_value() == "громко"
    assert "продолжен с последнего вопроса" in tab.locator("#notices").inner_text()


def test_another_machine_goes_on_where_it_was(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    call = site.call()
    tab = open_context().new_page()
    tab.goto(site.link(call))
    press(tab, "1", "3")
    where = phrase(tab)
    saved(tab)
    other = open_context().new_page()
    other.goto(site.link(call, "Сидорова Ольга"))
    assert phrase(other) == where
    press(other, "4", "Enter")
    screen(other, "done")

    assert site.outcome(call.id) == "none"


def test_a_call_that_ended_shows_how_far_it_got_when_it_is_opened_again(
    site: Site, open_context: Callable[..., BrowserContext]
) -> None:
    call = site.call()
    tab = open_context().new_page()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    saved(tab)
    other = open_context().new_page()
    other.goto(site.link(call))
    screen(other, "done")

    other.get_by_text("Комментарий в карточке клиента").wait_for()
    assert "исключить из звонков с опросом" in other.locator("#stage").inner_text()


def test_the_same_id_of_another_client_is_another_call(site: Site, open_context: Callable[..., BrowserContext]) -> None:
    call = site.call()
    tab = open_context().new_page()
    tab.goto(site.link(call))
    first = phrase(tab)
    press(tab, "1", "3")
    saved(tab)
    other = open_context().new_page()
    other.goto(site.link(site.call(id=call.id, phone="+79160000001", card=None, name=None)))

    assert phrase(other) == first
    press(other, "2")
    saved(other)
    assert site.trail(call.id)["generation"] == 2


# --- handing over ----------------------------------------------------------------------------------

#: Keys to every kind of screen that a call can break off on, and the last answer given there.
STEPS = {
    "first question": ((), None),
    "second question": (("1",), "Да, имеет отношение"),
    "warning": (("1", "3"), "От всех видов опросов"),
    "end with records": (("1", "1"), "Только от звонков с опросом"),
    "end without records": (("1", "2", "2", "2"), "Не согласен, передумал: исключать не требуется"),
}


@pytest.mark.parametrize("step", STEPS.values(), ids=list(STEPS))
def test_a_hand_over_works_from_every_screen_and_tells_all_answers_without_an_alarm(
    site: Site, tab: Tab, step: tuple[tuple[str, ...], str | None]
) -> None:
    keys, last = step
    call = site.call()
    tab.goto(site.link(call))
    press(tab, *keys)
    tab.keyboard.press("g")
    tab.locator("#broken button[value=handover]").click()
    screen(tab, "ending")
    exact(tab)
    assert tab.locator("#stage [role=alert]").count() == 0
    press(tab, "Enter")
    screen(tab, "done")

    assert phrase(tab) == "Передано координатору"
    assert site.outcome(call.id) is None
    reminders = [row["text"] for row in site.planned(call.id) if row["kind"] == "reminder"]
    assert len(reminders) == 1
    assert UNFINISHED in reminders[0]
    assert last is None or last in reminders[0]


def test_enter_after_a_hand_over_resumes_nothing(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1")
    tab.keyboard.press("g")
    tab.locator("#broken button[value=handover]").click()
    press(tab, "Enter")
    screen(tab, "done")
    for _ in range(3):
        tab.keyboard.press("Enter")
        tab.wait_for_timeout(200)

    assert tab.locator("#stage").get_attribute("data-screen") == "done"
    tab.get_by_role("button", name="Продолжить разговор").click()
    assert "Передано координатору в " in tab.locator("#notices").inner_text()


# --- one answer for one phrase ---------------------------------------------------------------------


@pytest.mark.parametrize("keys", [(), ("1",), ("1", "2"), ("1", "3"), ("1", "2", "2"), ("2",)], ids="-".join)
def test_a_double_click_answers_one_question(site: Site, tab: Tab, keys: tuple[str, ...]) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, *keys)
    seen(tab)
    tab.locator(".answer").last.dblclick()
    tab.locator(f"#trail .step >> nth={len(keys)}").wait_for()

    assert tab.locator("#trail .step").count() == len(keys) + 1


@pytest.mark.parametrize("keys", [("1", "3"), ("1", "2"), ("2", "2")], ids="-".join)
def test_a_key_pressed_twice_quickly_answers_one_question(site: Site, tab: Tab, keys: tuple[str, ...]) -> None:
    tab.goto(site.link(site.call()))
    press(tab, *keys[:-1])
    seen(tab)
    code = f"Digit{keys[-1]}"
    twice = """code => { for (const _ of [1, 2]) document.body.dispatchEvent(
        new KeyboardEvent('keydown', {code, key: code.at(-1), bubbles: true, cancelable: true})); }"""
    tab.evaluate(twice, code)

    assert tab.locator("#trail .step").count() == len(keys)


def test_a_key_pressed_twice_answers_one_question_though_the_next_screen_takes_long(site: Site, tab: Tab) -> None:
    tab.goto(site.link(site.call()))
    seen(tab)
    # The screen's text stands there already; drawing it takes longer than it is to stand.
    slowly = "() => { const end = performance.now() + 500; while (performance.now() < end); }"
    tab.evaluate(f"() => {{ window.scrollTo = {slowly}; }}")
    tab.evaluate("""() => { for (const _ of [1, 2]) document.body.dispatchEvent(
        new KeyboardEvent('keydown', {code: 'Digit1', key: '1', bubbles: true, cancelable: true})); }""")
    assert tab.locator("#trail .step").count() == 1

    # The second one came while the first was at work, and is handled long after.
    seen(tab)
    tab.evaluate("""() => { const events = [1, 2].map(() =>
            new KeyboardEvent('keydown', {code: 'Digit1', key: '1', bubbles: true, cancelable: true}));
        document.body.dispatchEvent(events[0]);
        const end = performance.now() + 500; while (performance.now() < end);
        document.body.dispatchEvent(events[1]); }""")
    assert tab.locator("#trail .step").count() == 2


# --- the done screen -------------------------------------------------------------------------------


def test_a_correction_can_be_dropped_and_the_recorded_end_stands(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    tab.get_by_role("button", name="Исправить итог").click()
    assert "Нажмите на шаг, который нужно исправить" in tab.locator("#stage").inner_text()
    press(tab, "Backspace", "3")
    tab.get_by_role("button", name="Отменить исправление").click()
    screen(tab, "done")
    saved(tab)

    assert tab.locator("#trail .said").all_inner_texts() == ["Да, имеет отношение", "Только от звонков с опросом"]
    assert site.outcome(call.id) == "exclude_calls"
    assert site.trail(call.id)["state"] == "confirmed"
    assert len([event for event in site.events(call.id) if event["final"]]) == 1


def test_after_a_correction_what_is_in_force_comes_first(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "3", "1", "Enter")
    screen(tab, "done")
    assert "Спасибо, Ваши контакты переданы" in tab.locator(".past").inner_text()
    with site.ledger.write() as connection:
        connection.execute(update(deliveries).values(state="done"))
    tab.get_by_role("button", name="Исправить итог").click()
    press(tab, "Backspace", "3")
    exact(tab)
    press(tab, "Enter")
    screen(tab, "done")
    tab.get_by_text("Сейчас в силе").wait_for()
    standing = tab.locator(".progress").first.inner_text()
    tab.locator(".gone summary").click()
    gone = tab.locator(".gone .progress").inner_text()

    assert standing.count("Напоминание") == 1
    assert gone.count("Напоминание") == 2


def test_what_cannot_be_written_is_said_with_its_reason_and_who_knows(site: Site, tab: Tab) -> None:
    call = site.call()
    tab.goto(site.link(call))
    press(tab, "1", "1", "Enter")
    screen(tab, "done")
    why = "the call names no card, and 2 contacts have its phone number"
    with site.ledger.write() as connection:
        connection.execute(update(deliveries).values(state="parked", why=why))
    tab.get_by_text("Записано не всё: в звонке нет карточки, а его номер — у нескольких контактов").wait_for()

    told = tab.locator("#stage").inner_text()
    assert "Администратор уже знает." in told
    assert "запись не появится, позвоните координатору" in told
    assert phrase(tab) == "Принято, но записано не всё"
