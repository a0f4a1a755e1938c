"""Corrections: what replaces what, which reminders are withdrawn, who is told, what never goes out (contract 3.5)."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from plugin.ledger.schema import decisions, deliveries
from tests.plugin.events.support import ALL, CALLS, NONE, ONLINE, OTHER_CLIENT, Office, at, edited_rules

COORDINATOR, SMS = "survey_coordinator", "sms_manager"


def texts(office: Office, number: int, kind: str) -> list[str]:
    return [row["text"] for row in office.deliveries(number) if row["kind"] == kind and row["withdraws"] is None]


def told(office: Office, number: int, kind: str) -> list[list[str]]:
    """What each delivery of this kind says of earlier decisions, if they were written."""
    rows = [row for row in office.deliveries(number) if row["kind"] == kind and row["withdraws"] is None]
    return [[one["text"] for one in row["corrections"] or ()] for row in rows]


def withdrawals(office: Office, number: int) -> list[tuple[str, str]]:
    return [(row["kind"], row["role"]) for row in office.deliveries(number) if row["withdraws"] is not None]


def states(office: Office, number: int) -> list[str]:
    return [row["state"] for row in office.deliveries(number)]


# --- what is written -----------------------------------------------------------------------------


def test_a_correction_names_what_it_replaces_in_comment_reminder_and_mail(office: Office) -> None:
    office.taken(CALLS)
    office.deliver()
    office.taken(ALL, occurred_at=at(1))
    line = "Исправление: прежняя запись по этому звонку («исключить из звонков с опросом») отменена."
    assert told(office, 2, "comment") == [[line]]
    first = "ИСПРАВЛЕНИЕ: прежняя запись по этому звонку («исключить из звонков с опросом») отменена, действует эта."
    for kind in ("reminder", "smtp_email"):
        assert told(office, 2, kind) == [[first], [first]]
    assert texts(office, 2, "comment")[0].splitlines()[0].startswith("Клиент просит исключить из звонков с опросом и ")


def test_a_correction_and_its_correction_back_are_three_decisions_with_keys_of_their_own(office: Office) -> None:
    office.taken(CALLS)
    office.deliver()
    office.taken(ALL, occurred_at=at(1))
    office.deliver()
    office.taken(CALLS, occurred_at=at(2))
    assert office.outcomes() == [(1, "exclude_calls"), (2, "exclude_all"), (3, "exclude_calls")]
    keys = [row["key"] for row in office.deliveries()]
    assert len(set(keys)) == len(keys)
    assert office.planned(1) == [("comment", None), ("reminder", COORDINATOR), ("smtp_email", COORDINATOR)]
    assert office.planned(3)[:3] == office.planned(1)
    assert "«исключить из звонков с опросом и рассылок»" in told(office, 3, "comment")[0][-1]
    assert withdrawals(office, 3) == [("withdrawal", COORDINATOR), ("withdrawal", SMS), ("smtp_email", SMS)]


def test_a_correction_to_an_outcome_without_actions_writes_a_comment_and_withdraws_every_reminder(
    office: Office,
) -> None:
    office.taken(ALL)
    office.deliver()
    body = office.taken(NONE, occurred_at=at(1))
    assert (body["decision"]["outcome"], body["decision"]["actions"]) == ("none", [])
    (comment,) = texts(office, 2, "comment")
    assert "«исключить из звонков с опросом и рассылок»" in comment
    assert "«исключать не требуется»" in comment
    assert withdrawals(office, 2) == [
        ("withdrawal", COORDINATOR),
        ("withdrawal", SMS),
        ("smtp_email", COORDINATOR),
        ("smtp_email", SMS),
    ]


def test_an_outcome_that_wrote_nothing_is_not_spoken_of(office: Office) -> None:
    office.taken(NONE)
    assert office.deliveries() == []
    assert office.outcomes() == [(1, "none")]
    office.taken(CALLS, occurred_at=at(1))
    assert office.planned(2) == [("comment", None), ("reminder", COORDINATOR), ("smtp_email", COORDINATOR)]
    assert not any(row["corrections"] for row in office.deliveries(2))


def test_a_first_decision_has_no_correction_line(office: Office) -> None:
    office.taken(CALLS)
    assert not [row for row in office.deliveries() if row["corrections"] or "исправление" in row["text"].casefold()]


def test_a_withdrawal_names_its_reminder_and_its_mail_says_cancelled(office: Office) -> None:
    office.taken(ALL)
    office.deliver()
    reminder = next(row for row in office.deliveries(1) if (row["kind"], row["role"]) == ("reminder", SMS))
    office.taken(CALLS, occurred_at=at(1))
    _, withdrawal, mail = (row for row in office.deliveries(2) if row["withdraws"] is not None)
    assert withdrawal["withdraws"] == mail["withdraws"] == reminder["id"]
    assert (withdrawal["kind"], mail["kind"], mail["subject"]) == ("withdrawal", "smtp_email", "ОТМЕНА: ИСКЛЮЧИТЬ")
    for row in (withdrawal, mail):
        assert "«исключить из звонков с опросом и рассылок»" in row["text"]
        assert "«исключить из звонков с опросом»" in row["text"]
        assert row["text"].splitlines()[-1] == f"[ref:{row['key'][:16]}]"
    assert (withdrawal["deadline_at"], withdrawal["state"]) == (reminder["deadline_at"], "pending")


@pytest.mark.parametrize(("mode", "kinds"), [("crm", ["crm_email"]), ("both", ["smtp_email", "crm_email"])])
def test_a_withdrawal_is_mailed_by_its_roles_email_mode(office: Office, mode: str, kinds: list[str]) -> None:
    def set_mode(content: dict[str, Any]) -> None:
        content["roles.toml"]["role"][SMS]["email"] = mode

    office.rules.activate(edited_rules(set_mode), "test", "test")
    office.taken(ALL)
    office.deliver()
    office.taken(CALLS, occurred_at=at(1))
    sent = [("withdrawal", COORDINATOR), ("withdrawal", SMS), *((kind, SMS) for kind in kinds)]
    assert withdrawals(office, 2) == sent


def test_a_reminder_is_withdrawn_once_however_many_corrections_follow(office: Office) -> None:
    for minute, facts in enumerate([ALL, CALLS, NONE, CALLS, NONE]):
        office.taken(facts, occurred_at=at(minute))
        office.deliver()
    taken_back = [row["withdraws"] for row in office.deliveries() if row["kind"] == "withdrawal"]
    assert len(taken_back) == len(set(taken_back)) == 4
    assert office.outcomes()[-1] == (5, "none")
    reminders = [row["id"] for row in office.deliveries() if row["kind"] == "reminder"]
    assert sorted(taken_back) == reminders


def test_another_path_to_the_same_outcome_is_no_correction(office: Office) -> None:
    office.taken(ONLINE)
    facts = ONLINE | {"agreed_to_warning": "surveys_only", "agreed_after_explanation": True}
    office.taken(facts, occurred_at=at(1))
    assert office.outcomes() == [(1, "exclude_mailings")]


# --- what has not gone out yet ---------------------------------------------------------------------


def test_a_delivery_that_was_not_sent_is_cancelled_without_a_mail(office: Office) -> None:
    office.taken(ALL)
    body = office.taken(CALLS, occurred_at=at(1))
    assert set(states(office, 1)) == {"cancelled"}
    assert all(row["finished_at"] and row["why"] for row in office.deliveries(1))
    assert withdrawals(office, 2) == []
    assert [row["state"] for row in body["deliveries"]] == ["cancelled"] * 5 + ["pending"] * 3


@pytest.mark.parametrize("state", ["unknown", "leased"])
def test_a_delivery_that_may_be_on_its_way_is_stopped_and_withdrawn(office: Office, state: str) -> None:
    office.taken(ALL)
    office.deliver(state=state)
    office.taken(CALLS, occurred_at=at(1))
    assert states(office, 1) == [state] * 5
    assert all(row["cancel"] for row in office.deliveries(1))
    assert withdrawals(office, 2) == [("withdrawal", COORDINATOR), ("withdrawal", SMS), ("smtp_email", SMS)]


@pytest.mark.parametrize("state", ["waiting", "parked"])
def test_a_delivery_that_surely_failed_is_cancelled(office: Office, state: str) -> None:
    office.taken(ALL)
    office.deliver(state=state)
    office.taken(CALLS, occurred_at=at(1))
    assert set(states(office, 1)) == {"cancelled"}
    assert withdrawals(office, 2) == []


@pytest.mark.parametrize("state", ["waiting", "parked"])
def test_a_failed_delivery_that_may_have_gone_out_before_is_stopped(office: Office, state: str) -> None:
    office.taken(ALL)
    with office.ledger.write() as connection:
        connection.execute(update(deliveries).values(state=state, sent_at=office.clock()))
    office.taken(CALLS, occurred_at=at(1))
    assert states(office, 1) == [state] * 5
    assert all(row["cancel"] for row in office.deliveries(1))
    assert withdrawals(office, 2) == [("withdrawal", COORDINATOR), ("withdrawal", SMS), ("smtp_email", SMS)]


def test_a_finished_delivery_stays_done(office: Office) -> None:
    office.taken(ALL)
    office.deliver()
    before = office.deliveries(1)
    office.taken(CALLS, occurred_at=at(1))
    assert office.deliveries(1) == before


def test_a_reminder_whose_mail_alone_went_out_is_called_off_by_mail(office: Office) -> None:
    office.taken(ALL)
    mails = update(deliveries).where(deliveries.c.kind == "smtp_email", deliveries.c.role == SMS)
    with office.ledger.write() as connection:
        connection.execute(mails.values(state="done", sent_at=office.clock()))
    office.taken(CALLS, occurred_at=at(1))
    assert withdrawals(office, 2) == [("smtp_email", SMS)]


def test_a_role_that_is_reminded_again_gets_no_cancellation_mail(office: Office) -> None:
    office.taken(ALL)
    office.deliver()
    office.taken(CALLS, occurred_at=at(1))
    office.taken(ALL, occurred_at=at(2))
    _, withdrawal, mail = (row for row in office.deliveries(2) if row["withdraws"] is not None)
    assert (withdrawal["kind"], withdrawal["state"]) == ("withdrawal", "pending")
    assert (mail["kind"], mail["state"]) == ("smtp_email", "cancelled")
    assert ("reminder", SMS) in office.planned(3)


def test_a_withdrawal_outlives_a_further_correction_that_lacks_the_role_too(office: Office) -> None:
    office.taken(ALL)
    office.deliver()
    office.taken(CALLS, occurred_at=at(1))
    office.taken(NONE, occurred_at=at(2))
    pending = [row for row in office.deliveries(2) if row["state"] == "pending"]
    kept = [("withdrawal", COORDINATOR), ("withdrawal", SMS), ("smtp_email", SMS)]
    assert [(row["kind"], row["role"]) for row in pending] == kept
    # The second reminder never went out; what the coordinator knows of is the first.
    assert withdrawals(office, 3) == [("smtp_email", COORDINATOR)]
    (mail,) = (row for row in office.deliveries(3) if row["withdraws"] is not None)
    assert "«исключить из звонков с опросом и рассылок»" in mail["text"]


# --- another client's card -------------------------------------------------------------------------


def test_the_same_outcome_for_another_person_is_a_correction(office: Office) -> None:
    office.taken(OTHER_CLIENT)
    office.taken(OTHER_CLIENT | {"client_name": " пётр  ПЕТРОВ "}, occurred_at=at(1))
    assert office.outcomes() == [(1, "exclude_calls")]
    office.taken(CALLS, occurred_at=at(2))
    assert office.outcomes() == [(1, "exclude_calls"), (2, "exclude_calls")]
    assert [row["target"] is None for row in office.decisions()] == [False, True]


def test_a_correction_goes_to_the_other_clients_card_that_was_found_already(office: Office) -> None:
    office.taken(OTHER_CLIENT)
    found = {"type": "contact", "id": "7", "fallback": False}
    with office.ledger.write() as connection:
        connection.execute(update(decisions).values(card=found))
    office.deliver()
    office.taken({"survey_type": "all", "agreed_to_warning": "yes"}, occurred_at=at(1))
    assert len([row for row in office.deliveries(2) if row["kind"] == "comment"]) == 1
    office.taken(CALLS, occurred_at=at(2))
    assert [row["card"] for row in office.decisions()] == [found, found, None]
    own, other = (row for row in office.deliveries(3) if row["kind"] == "comment")
    assert (own["corrects"], other["corrects"]) == (None, office.decisions()[0]["id"])


def test_a_correction_that_only_comments_goes_to_the_card_that_it_corrects(office: Office) -> None:
    office.taken(OTHER_CLIENT)
    office.deliver()
    office.taken(OTHER_CLIENT | NONE | {"related_to_car": False}, occurred_at=at(1))
    first, second = office.decisions()
    assert (second["outcome"], second["target"]) == ("none", None)
    (comment,) = [row for row in office.deliveries(2) if row["kind"] == "comment"]
    assert (comment["corrects"], comment["fallback_text"]) == (first["id"], None)


def test_a_card_that_is_named_after_another_was_found_by_the_number_is_a_correction(office: Office) -> None:
    office.taken(CALLS, card=None)
    with office.ledger.write() as connection:
        connection.execute(update(decisions).values(card={"type": "contact", "id": "7", "fallback": False}))
    office.deliver()
    office.taken(CALLS, occurred_at=at(1))
    assert office.outcomes() == [(1, "exclude_calls"), (2, "exclude_calls")]
    assert [row["corrects"] for row in office.deliveries(2) if row["kind"] == "comment"] == [None, 1]


def test_texts_of_a_folder_of_an_earlier_version_correct_with_the_line_that_they_have(office: Office) -> None:
    def older(content: dict[str, Any]) -> None:
        for key in ("reminder", "other_card"):
            del content["survey_opt_out/script.toml"]["correction"][key]

    office.rules.activate(edited_rules(older), "test", "test")
    office.taken(OTHER_CLIENT)
    office.deliver()
    office.taken(CALLS, occurred_at=at(1))
    line = "Исправление: прежняя запись по этому звонку («исключить из звонков с опросом») отменена."
    assert told(office, 2, "reminder") == [[line]]
    _own, other = (row for row in office.deliveries(2) if row["kind"] == "comment")
    assert [one["elsewhere"] for one in other["corrections"]] == [line]
