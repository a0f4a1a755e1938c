"""Writes and looks that go well: once, whole, literal, found again, taken back."""

from __future__ import annotations

import unicodedata
from datetime import timedelta

import pytest

from connectors.base import CrmRefused, CrmUnavailable, Done, Kind, NotDone, ReminderState, Unknown, Write
from tests.connectors.contract import doing
from tests.connectors.contract.doing import DUE, SUBJECT, WORDS, check_found, job, key, play, read, written
from tests.connectors.contract.rig import NAME, PHONE, Rig
from tests.support.fake_api import Fault


class Refused:
    """A quota that nobody may ask for a turn."""

    def acquire(self, longest: float) -> float:
        raise AssertionError("the CRM was asked")


TEXTS = {
    "cyrillic": "Просит исключить — «навсегда»; ё, №, €",
    "long": "Исключить из опросов. " * 455,
    "markup": "<b>Иванов</b> & <script>alert(1)</script> &lt;i&gt; \"кавычки\" 'и другие'",
    "bb-code": "[b]Иванов[/b] [url=https://example.org]сюда[/url] [USER=1]кто[/USER]",
    "markdown": "*Иванов* _Иван_ `код` [сюда](https://example.org) @admin # 1",
    "template": "{{ 7 * 7 }} {% raw %} ${x} %s {0} #{y}",
    "emoji": "Исключить 🙏🏽",
    "lines": "одна\n\nдве\n- три",
}


# --- not written -----------------------------------------------------------------------------------


def test_a_card_that_does_not_exist_is_not_written_to(rig: Rig, kind: Kind) -> None:
    if kind == "email":
        # Mails go to people, not to cards.
        return
    outcome = written(rig, kind, missing=True)
    assert isinstance(outcome, NotDone)
    assert (outcome.permanent, outcome.blocked) == (True, False)
    assert rig.written(kind) == []


def test_without_a_turn_of_the_shared_quota_nothing_is_sent(rig: Rig, kind: Kind) -> None:
    class Nobody:
        def acquire(self, longest: float) -> float:
            return 30.0

    rig.connector.share_quota(Nobody())
    before = rig.writes()
    outcome = written(rig, kind)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert outcome.after is not None
    assert outcome.after > 0
    assert rig.writes() == before
    with pytest.raises(CrmUnavailable):
        rig.connector.read_card(rig.card)


# --- written ---------------------------------------------------------------------------------------


def test_a_write_is_made_once_with_all_that_was_given(rig: Rig, kind: Kind) -> None:
    outcome = written(rig, kind)
    assert isinstance(outcome, Done)
    (record,) = rig.written(kind)
    assert record.id == outcome.remote_id
    assert read(record.text) == doing.text()
    person = rig.people[0]
    if kind != "email":
        assert record.card == rig.card
    if kind != "comment":
        assert record.subject == SUBJECT
        assert record.assignee in {person.user, person.address} - {None}
    if kind == "reminder":
        assert record.due is not None
        assert abs(record.due - DUE) < timedelta(minutes=1)


@pytest.mark.parametrize("words", [pytest.param(words, id=name) for name, words in TEXTS.items()])
def test_a_text_is_read_as_it_was_written(rig: Rig, kind: Kind, words: str) -> None:
    assert isinstance(written(rig, kind, words.strip()), Done)
    (record,) = rig.written(kind)
    assert read(record.text) == doing.text(words.strip())
    check_found(rig, kind, record.id)


def test_a_mixed_list_of_writes_has_an_outcome_for_each(rig: Rig) -> None:
    kinds: tuple[Kind, ...] = ("comment", "reminder", "email") if rig.connector.sends_mail else ("comment", "reminder")
    jobs: list[tuple[Kind, Write, bool]] = []
    for number in range(3):
        jobs += [(kind, job(rig, kind, name=f"{kind} {number}"), True) for kind in kinds]
        jobs.append(("comment", job(rig, "comment", name=f"missing {number}", missing=True), False))
    most = rig.connector.most_writes
    assert most >= 1
    outcomes = [
        outcome
        for start in range(0, len(jobs), most)
        for outcome in rig.connector.write([item for _, item, _ in jobs[start : start + most]])
    ]
    assert len(outcomes) == len(jobs)
    for (kind, item, exists), outcome in zip(jobs, outcomes, strict=True):
        assert isinstance(outcome, Done if exists else NotDone)
        if isinstance(outcome, Done):
            assert rig.connector.find(kind, rig.card, item.key) in {outcome.remote_id, None if kind == "email" else ""}
        else:
            assert rig.connector.find(kind, rig.card, item.key) is None
    assert {kind: len(rig.written(kind)) for kind in kinds} == dict.fromkeys(kinds, 3)


def test_a_crm_that_mails_nobody_says_so(rig: Rig) -> None:
    if rig.connector.sends_mail:
        assert isinstance(written(rig, "email"), Done)
        return
    outcome = written(rig, "email")
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert rig.written("email") == []


# --- found again -----------------------------------------------------------------------------------


def test_what_was_written_is_found_by_its_key_and_nothing_else_is(rig: Rig, kind: Kind) -> None:
    assert rig.connector.find(kind, rig.card, key()) is None
    outcome = written(rig, kind)
    assert isinstance(outcome, Done)
    check_found(rig, kind, outcome.remote_id)
    assert rig.connector.find(kind, rig.card, key("other")) is None


def test_each_of_several_is_found_by_its_own_key(rig: Rig, kind: Kind) -> None:
    made = {name: written(rig, kind, name=name) for name in ("a", "b", "c")}
    for name, outcome in made.items():
        assert isinstance(outcome, Done)
        check_found(rig, kind, outcome.remote_id, name)


def test_the_same_key_twice_is_found_as_one_of_its_records(rig: Rig, kind: Kind) -> None:
    first, second = written(rig, kind), written(rig, kind)
    assert isinstance(first, Done)
    assert isinstance(second, Done)
    ids = [record.id for record in rig.written(kind)]
    assert second.remote_id in ids
    found = rig.connector.find(kind, rig.card, key())
    assert found in ids or (kind == "email" and found is None)


def test_in_a_card_that_does_not_exist_nothing_is_found(rig: Rig, kind: Kind) -> None:
    assert _in_the_missing_card(rig, kind) is None


def _in_the_missing_card(rig: Rig, kind: Kind) -> str | None:
    try:
        return rig.connector.find(kind, rig.missing, key())
    except CrmRefused as error:
        # Or the card is said to be gone, as a write to it would be.
        if error.status in (404, 410):
            return None
        raise


# --- taken back ------------------------------------------------------------------------------------


def test_a_reminder_is_open_until_it_is_withdrawn_and_twice_is_once(rig: Rig) -> None:
    made = written(rig, "reminder")
    assert isinstance(made, Done)
    assert rig.connector.reminder_state(made.remote_id) is ReminderState.OPEN
    for _ in range(2):
        outcome = rig.connector.withdraw_reminder(made.remote_id, "Клиент передумал", key("withdrawal"))
        assert isinstance(outcome, Done)
        assert rig.connector.reminder_state(made.remote_id) is not ReminderState.OPEN
    # It can still be looked up, and says what it was.
    assert WORDS in read(rig.written("reminder")[0].text)


def test_a_reminder_that_there_never_was_is_missing_and_counts_as_withdrawn(rig: Rig) -> None:
    made = written(rig, "reminder")
    assert isinstance(made, Done)
    absent = made.remote_id[:-1] + ("8" if made.remote_id[-1] != "8" else "7")
    assert rig.connector.reminder_state(absent) is ReminderState.MISSING
    assert isinstance(rig.connector.withdraw_reminder(absent, "Клиент передумал", key("withdrawal")), Done)
    assert rig.connector.reminder_state(made.remote_id) is ReminderState.OPEN


@pytest.mark.parametrize("fault", [Fault.DROP_AFTER, Fault.TIME_OUT_AFTER, Fault.ERROR_AFTER])
def test_a_withdrawal_whose_answer_was_lost_shows_in_the_reminders_state(rig: Rig, fault: Fault) -> None:
    made = written(rig, "reminder")
    assert isinstance(made, Done)
    play(rig, fault)
    outcome = rig.connector.withdraw_reminder(made.remote_id, "Клиент передумал", key("withdrawal"))
    assert isinstance(outcome, Unknown | Done)
    assert rig.connector.reminder_state(made.remote_id) is not ReminderState.OPEN


@pytest.mark.parametrize("fault", [Fault.DROP_BEFORE, Fault.THROTTLED])
def test_a_withdrawal_that_did_not_get_through_leaves_the_reminder_open(rig: Rig, fault: Fault) -> None:
    made = written(rig, "reminder")
    assert isinstance(made, Done)
    play(rig, fault)
    outcome = rig.connector.withdraw_reminder(made.remote_id, "Клиент передумал", key("withdrawal"))
    assert isinstance(outcome, Unknown) or (isinstance(outcome, NotDone) and not outcome.permanent)
    assert rig.connector.reminder_state(made.remote_id) is ReminderState.OPEN


def test_what_a_trial_wrote_is_removed_or_the_crm_says_that_it_cannot(rig: Rig, kind: Kind) -> None:
    made = written(rig, kind)
    assert isinstance(made, Done)
    outcome = rig.connector.remove(kind, made.remote_id, rig.card)
    if kind != "email":
        assert isinstance(outcome, Done) is (kind in rig.connector.removes)
    if isinstance(outcome, Done):
        assert rig.written(kind) == []
        assert rig.connector.find(kind, rig.card, key()) is None
    else:
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
        assert len(rig.written(kind)) == 1


def test_a_text_with_what_is_no_character_is_written_all_the_same(rig: Rig, kind: Kind) -> None:
    words = "Половина \ud83d знака, \0NUL, \x1bESC, \ufffe"
    made = written(rig, kind, words)
    assert isinstance(made, Done)
    (record,) = rig.written(kind)
    assert "Половина \ufffd знака,  NUL,  ESC, \ufffd" in read(record.text)
    check_found(rig, kind, made.remote_id)


# --- clients ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("notation", [PHONE, "89161234567", "8 (916) 123-45-67", "7 916 123 45 67", "9161234567"])
def test_a_client_is_found_by_phone_in_any_notation(rig: Rig, notation: str) -> None:
    assert [card.ref for card in rig.connector.find_contact(phone=notation)] == [rig.card]
    assert [card.ref for card in rig.connector.find_contact(notation, NAME)] == [rig.card]


@pytest.mark.parametrize("asked", ["Unknown", "нет", "112", "0", "8 916 123-45-6", "+7 (___) ___-__-__", "абв", ""])
@pytest.mark.parametrize("name", [None, NAME])
def test_what_is_no_number_is_nobodys_and_the_crm_is_not_asked(rig: Rig, asked: str, name: str | None) -> None:
    if not asked and name:
        return
    rig.connector.share_quota(Refused())
    assert list(rig.connector.find_contact(asked, name)) == []


@pytest.mark.parametrize("name", ["", " ", "\u200b\u2060", "—", "123"])
def test_what_is_no_name_is_nobodys_and_the_crm_is_not_asked(rig: Rig, name: str) -> None:
    rig.connector.share_quota(Refused())
    assert list(rig.connector.find_contact(name=name)) == []


@pytest.mark.parametrize(
    "written_as",
    [
        pytest.param("Ивaнов Иван Иванович", id="a Latin letter"),
        pytest.param(unicodedata.normalize("NFD", "Иванов Иван Иванович"), id="letters of two characters"),
        pytest.param("Ива\u00adнов\u200b Иван Иванович", id="invisible characters"),
    ],
)
def test_a_client_with_a_number_is_found_by_a_name_however_it_was_typed(rig: Rig, written_as: str) -> None:
    assert [card.ref for card in rig.connector.find_contact(PHONE, written_as)] == [rig.card]


@pytest.mark.parametrize("written_as", [NAME, NAME.lower(), f"  {NAME.replace(' ', '  ')} "])
def test_a_client_is_found_by_the_full_name(rig: Rig, written_as: str) -> None:
    assert [card.ref for card in rig.connector.find_contact(name=written_as)] == [rig.card]


@pytest.mark.parametrize(("phone", "name"), [(PHONE, None), (None, NAME), (PHONE, NAME)])
def test_all_of_several_clients_are_found(rig: Rig, phone: str | None, name: str | None) -> None:
    both = {rig.card, rig.namesake()}
    assert {card.ref for card in rig.connector.find_contact(phone, name)} == both


@pytest.mark.parametrize(
    ("phone", "name"),
    [
        ("+79160000000", None),
        (PHONE[:-1], None),
        (None, "Сидоров Сидор Сидорович"),
        (None, NAME.split()[0]),
        (None, "%"),
        (PHONE, "Сидоров Сидор Сидорович"),
        ("+79160000000", NAME),
        ("абв", None),
        ("", ""),
        (None, None),
    ],
)
def test_nobody_is_found_by_a_part_or_by_another(rig: Rig, phone: str | None, name: str | None) -> None:
    assert list(rig.connector.find_contact(phone, name)) == []
