"""What chaos counts by: that it sees what is lost, doubled or wrong, and lets pass what timing makes right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Literal

import pytest

from chaos.model import Item, decided, judge
from chaos.readback import Found, read_back
from chaos.records import Row, records
from chaos.run import disagreements
from chaos.script import COORDINATOR, SMS_MANAGER
from chaos.story import Report, Story, stories
from tests.support.mailbox import Mail

COMMENT = Item("comment", "all", place="own")
REMINDERS = [Item("reminder", "all", place="own", to=person) for person in (COORDINATOR, SMS_MANAGER)]
MAILS = [
    Item("mail", "all", to=COORDINATOR, channel="smtp"),
    Item("mail", "all", to=SMS_MANAGER, channel="smtp"),
    Item("mail", "all", to=SMS_MANAGER, channel="crm"),
]
Holding = dict[Item, list[str | None]]


def story(*outcomes: str | None, who: Literal["owner", "found", "missing"] = "owner") -> Story:
    reports = [Report({"fact": True}, outcome, final=outcome is None) for outcome in outcomes]
    return Story(1, who, 0.0, names_card=True, reports=reports, card="2", other_card="3")


def holding(*items: Item, state: str = "open") -> Holding:
    return {item: [state if item.kind == "reminder" else None] for item in items}


WHOLE = holding(COMMENT, *REMINDERS, *MAILS)


def test_what_is_there_once_is_right() -> None:
    verdict = judge(story("all"), WHOLE)
    assert (verdict.lost, verdict.doubled, verdict.wrong) == ((), (), ())


@pytest.mark.parametrize("item", [COMMENT, *REMINDERS, *MAILS], ids=str)
def test_whatever_is_missing_is_lost(item: Item) -> None:
    assert len(judge(story("all"), {one: states for one, states in WHOLE.items() if one != item}).lost) == 1


@pytest.mark.parametrize("item", [COMMENT, *REMINDERS, *MAILS], ids=str)
def test_whatever_is_there_twice_is_doubled(item: Item) -> None:
    assert len(judge(story("all"), {**WHOLE, item: WHOLE[item] * 2}).doubled) == 1


@pytest.mark.parametrize(
    ("who", "strange"),
    [
        ("owner", holding(Item("comment", "calls", place="own"))),
        ("owner", holding(Item("comment", "all", "calls", place="own"))),
        ("owner", holding(Item("comment", "all", place="other"))),
        ("owner", holding(Item("comment", "all", place="own", asks=True))),
        ("owner", {REMINDERS[0]: ["withdrawn"]}),
        ("missing", holding(COMMENT)),
        ("found", holding(COMMENT)),
    ],
)
def test_what_stands_in_the_wrong_place_or_says_something_else_is_wrong(
    who: Literal["owner", "found", "missing"], strange: Holding
) -> None:
    assert judge(story("all", who=who), WHOLE | strange).wrong


def corrected() -> tuple[Holding, Holding, Holding]:
    """From all to calls only: what stands, what may have been written before, and what then takes it back."""
    new = holding(
        Item("comment", "calls", "all", "own"),
        Item("reminder", "calls", "all", "own", COORDINATOR),
        Item("mail", "calls", "all", None, COORDINATOR, "smtp"),
    )
    old = WHOLE | {reminder: ["withdrawn"] for reminder in REMINDERS}
    taken_back = [Item("cancellation", "calls", "all", None, SMS_MANAGER, way) for way in ("smtp", "crm")]
    return new, old, holding(*taken_back)


def test_a_correction_may_have_overtaken_all_that_it_corrects_or_nothing_of_it() -> None:
    new, old, taken_back = corrected()
    # What overtook all of it has nothing to correct.
    alone = {replace(item, replaces=None): states for item, states in new.items()}
    for right in (alone, new | old | taken_back):
        verdict = judge(story("all", "calls"), right)
        assert (verdict.lost, verdict.doubled, verdict.wrong) == ((), (), ())


def test_a_person_hears_of_what_never_was_only_where_a_mail_of_it_may_have_left() -> None:
    new, _, _ = corrected()
    # A card's comment says of a card only what stands in it, mail or no mail.
    assert len(judge(story("all", "calls"), new).wrong) == 3
    assert len(judge(story("all", "calls"), new, perhaps_mailed=True).wrong) == 1


def test_who_was_reminded_of_what_is_corrected_must_hear_of_it() -> None:
    new, old, _ = corrected()
    assert len(judge(story("all", "calls"), new | old).lost) == 2


def test_a_reminder_that_is_corrected_must_not_stay_open() -> None:
    new, old, taken_back = corrected()
    assert judge(story("all", "calls"), new | old | taken_back | {REMINDERS[1]: ["open"]}).wrong


def test_a_call_that_ended_without_an_outcome_is_reminded_of() -> None:
    (decision,) = decided(story(None))
    assert [item.kind for item in decision.items()] == ["reminder", "mail"]
    assert len(judge(story(None), {}).lost) == 2


def test_the_same_outcome_again_is_no_decision() -> None:
    assert decided(story("all", "all")) == decided(story("all"))


def test_the_same_outcome_in_another_card_must_be_taken_back_in_the_first() -> None:
    told = story("calls", "calls", who="found")
    told.reports = [told.reports[0], replace(told.reports[1], who="owner")]
    old = holding(
        Item("comment", "calls", place="other"),
        Item("reminder", "calls", place="other", to=COORDINATOR),
        Item("mail", "calls", to=COORDINATOR, channel="smtp"),
        state="withdrawn",
    )
    new = holding(
        Item("comment", "calls", place="own"),
        Item("reminder", "calls", "calls", "own", COORDINATOR),
        Item("mail", "calls", "calls", None, COORDINATOR, "smtp"),
    )
    taken_back = holding(Item("correction", "elsewhere", "calls", "other"))
    verdict = judge(told, old | new | taken_back)
    assert (verdict.lost, verdict.doubled, verdict.wrong) == ((), (), ())
    assert len(judge(told, old | new).lost) == 1


def test_what_another_card_took_the_place_of_may_stand_in_the_first_anew() -> None:
    told = story("calls", "calls", "calls")
    told.reports = [replace(one, who=who) for one, who in zip(told.reports, ("owner", "found", "owner"), strict=True)]
    comments: Holding = {
        Item("comment", "calls", place="own"): [None, None],
        Item("correction", "elsewhere", "calls", "own"): [None],
        Item("comment", "calls", place="other"): [None],
        Item("correction", "elsewhere", "calls", "other"): [None],
    }
    people = holding(Item("reminder", "calls", "calls", "own", COORDINATOR)) | holding(
        Item("mail", "calls", to=COORDINATOR, channel="smtp"),
        Item("mail", "calls", "calls", None, COORDINATOR, "smtp"),
        Item("reminder", "calls", place="own", to=COORDINATOR),
        Item("reminder", "calls", "calls", "other", COORDINATOR),
        state="withdrawn",
    )
    verdict = judge(told, comments | people)
    assert (verdict.lost, verdict.doubled, verdict.wrong) == ((), (), ())

    once_more: Holding = {**comments, Item("comment", "calls", place="own"): [None, None, None]}
    assert len(judge(told, once_more | people).doubled) == 1
    never_gone = {item: states for item, states in comments.items() if item.what != "elsewhere" or item.place != "own"}
    assert len(judge(told, never_gone | people).doubled) == 1


def test_what_speaks_of_a_record_that_never_was_is_wrong() -> None:
    new, _, _ = corrected()
    assert judge(story("all", "calls"), new).wrong


def test_the_same_seed_plays_the_same_calls() -> None:
    assert stories(50, 60.0, Random("one")) == stories(50, 60.0, Random("one"))
    assert stories(50, 60.0, Random("one")) != stories(50, 60.0, Random("other"))


def test_a_run_holds_every_kind_of_call() -> None:
    told = stories(400, 60.0, Random("kinds"))
    outcomes = {report.outcome for one in told for report in one.reports}
    assert outcomes == {"calls", "mailings", "all", "not_client", "none", None}
    assert {one.who for one in told} == {"owner", "found", "missing"}
    assert {report.status for one in told for report in one.reports} == {200, 202, 409}
    assert {report.repeats for one in told for report in one.reports} == {0, 1, 2}
    assert {one.names_card for one in told} == {True, False}


# --- reading back ----------------------------------------------------------------------------------


class Pages:
    """A CRM that answers with these records."""

    def __init__(self, comments: Sequence[dict[str, Any]] = (), reminders: Sequence[dict[str, Any]] = ()) -> None:
        self._comments, self._reminders = list(comments), list(reminders)

    def all(self, _path: str) -> list[dict[str, Any]]:
        return self._comments

    def reminders(self) -> list[dict[str, Any]]:
        return self._reminders

    def mails(self) -> list[dict[str, Any]]:
        return []


def test_a_text_that_nobody_can_place_is_reported() -> None:
    comment = {"id": "1", "card": "2", "external_key": "k", "text": "Что-то другое\n[ref:0]"}
    mails = {"<k@example.org>": Mail("opt-out@example.org", "coordinator@example.org", "ИСКЛЮЧИТЬ", "Без номера")}
    assert len(read_back(Pages([comment]), mails, [story("all")]).strange) == 2


def test_records_are_sorted_by_their_call_and_card() -> None:
    text = "Клиент просит исключить из звонков с опросом\n[ref:0123456789abcdef]"
    comment = {"id": "1", "card": "3", "external_key": "k", "text": text}
    found = read_back(Pages([comment]), {}, [story("calls", who="found")])
    assert found.items == {1: {Item("comment", "calls", place="other"): [None]}}
    assert found.strange == []


@pytest.mark.parametrize(
    ("state", "there", "off"),
    [("done", 1, False), ("done", 0, True), ("cancelled", 1, True), ("cancelled", 0, False), ("leased", 1, True)],
)
def test_the_ledger_and_the_crm_must_say_the_same(state: str, there: int, off: bool) -> None:
    found = Found()
    for name in ("comment", "reminder", "crm_email"):
        found.keys[name].update({"k": there} if name == "comment" and there else {})
    assert bool(list(disagreements([Row("k", "comment", state, perhaps_sent=False)], found, set()))) == off


def test_what_the_ledger_never_planned_is_reported() -> None:
    found = Found()
    found.keys["comment"].update({"k": 1})
    assert list(disagreements([], found, set())) == ["comment k: the ledger does not know it"]


def test_an_accepted_event_that_the_ledger_has_not_is_reported(ledger_url: str) -> None:
    with records(ledger_url) as kept:
        assert kept.missing({"call-1-0"}) == ["call-1-0"]
        assert (kept.open(), kept.rows()) == (0, [])
