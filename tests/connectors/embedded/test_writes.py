"""What the connector writes, against the running CRM, over HTTP."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from connectors.base import Assignee, CardRef, CrmUnavailable, Done, NotDone, ReminderState
from connectors.embedded import EmbeddedConnector
from tests.support.crm import CrmApi, RunningCrm
from tests.support.processes import free_port

DUE = datetime(2026, 11, 23, 10, 15, tzinfo=timezone(timedelta(hours=3)))
NOBODY = Assignee()
COORDINATOR = Assignee(user="coordinator", address="elsewhere@dealer.example")
LONG_TEXT = ("Просьба исключить контакты из обзвона. " * 300)[:9_980] + "\n[ref:0123456789]"


def permanent(outcome: object) -> NotDone:
    assert isinstance(outcome, NotDone), outcome
    assert outcome.permanent
    return outcome


def done(outcome: object) -> str:
    assert isinstance(outcome, Done), outcome
    return outcome.remote_id


# --- comments --------------------------------------------------------------------------------------


def test_a_comment_on_a_missing_card_is_refused_for_good(connector: EmbeddedConnector, key: str) -> None:
    assert permanent(connector.add_comment(CardRef("contact", "999999"), "т", key)).status == 404
    permanent(connector.add_comment(CardRef("contact", ".."), "т", key))
    permanent(connector.add_comment(CardRef("deal", "42"), "т", key))


def test_a_comment_without_text_is_refused_for_good(connector: EmbeddedConnector, card: CardRef, key: str) -> None:
    refused = permanent(connector.add_comment(card, " ", key))
    assert (refused.status, refused.code) == (422, "invalid")
    assert "text" in refused.why


@pytest.mark.parametrize(
    "text", [LONG_TEXT, "<script>alert(1)</script>", "строка\r\n\tдругая 😀", "'; DROP TABLE cards; --"]
)
def test_a_comment_is_kept_word_for_word(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str, text: str
) -> None:
    remote_id = done(connector.add_comment(card, text, key))
    (kept,) = api.comments(card.id)
    assert (kept["id"], kept["text"], kept["external_key"]) == (remote_id, text, key)
    assert connector.find("comment", card, key) == remote_id


def test_asked_twice_the_crm_writes_twice(connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str) -> None:
    first, second = (done(connector.add_comment(card, "т", key)) for _ in range(2))
    assert first != second
    assert len(api.comments(card.id)) == 2
    assert connector.find("comment", card, key) == first


@pytest.mark.parametrize("kind", ["comment", "reminder", "email"])
def test_what_was_never_written_is_not_found(connector: EmbeddedConnector, card: CardRef, key: str, kind: Any) -> None:
    assert connector.find(kind, card, key) is None
    assert connector.find(kind, None, key) is None


# --- reminders -------------------------------------------------------------------------------------


def remind(connector: EmbeddedConnector, card: CardRef, key: str, assignee: Assignee = COORDINATOR) -> Any:
    return connector.create_reminder(card, assignee, "ИСКЛЮЧИТЬ", "Исключить до завтра", DUE, key)


def test_an_unknown_assignee_is_refused_for_good(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    refused = permanent(remind(connector, card, key, Assignee(user="nobody")))
    assert (refused.status, refused.code) == (422, "unknown_user")
    assert "assignee" in refused.why
    permanent(remind(connector, card, key, NOBODY))
    assert api.reminders(card=card.id) == []


def test_a_reminder_on_a_missing_card_is_refused_for_good(connector: EmbeddedConnector, key: str) -> None:
    assert permanent(remind(connector, CardRef("contact", "999999"), key)).code == "unknown_card"
    assert permanent(remind(connector, CardRef("contact", "x"), key)).code == "invalid"
    permanent(remind(connector, CardRef("deal", "42"), key))


def test_a_reminder_is_kept_with_its_person_and_term(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    remote_id = done(remind(connector, card, key))
    (kept,) = api.reminders(card=card.id)
    assert kept["id"] == remote_id
    assert (kept["assignee"], kept["subject"], kept["state"]) == ("coordinator", "ИСКЛЮЧИТЬ", "open")
    assert datetime.fromisoformat(kept["due"].replace("Z", "+00:00")) == DUE
    assert connector.find("reminder", card, key) == remote_id
    assert connector.reminder_state(remote_id) is ReminderState.OPEN


def test_a_reminder_that_does_not_exist_is_missing(connector: EmbeddedConnector) -> None:
    for remote_id in ("999999", "", "..", "x", "9" * 30):
        assert connector.reminder_state(remote_id) is ReminderState.MISSING


def test_a_withdrawn_reminder_keeps_its_first_reason(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    remote_id = done(remind(connector, card, key))
    for why in ("Клиент передумал", "Ещё раз"):
        assert connector.withdraw_reminder(remote_id, why, key) == Done(remote_id)
    (kept,) = api.reminders(card=card.id)
    assert (kept["state"], kept["reason"]) == ("withdrawn", "Клиент передумал")
    assert connector.reminder_state(remote_id) is ReminderState.DONE


def test_a_reminder_that_is_done_or_gone_counts_as_withdrawn(
    connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str
) -> None:
    remote_id = done(remind(connector, card, key))
    api.send("PUT", f"reminders/{remote_id}/done")
    assert connector.reminder_state(remote_id) is ReminderState.DONE
    assert connector.withdraw_reminder(remote_id, "Клиент передумал", key) == Done(remote_id)
    assert api.reminders(card=card.id)[0]["state"] == "done"
    for gone in ("999999", "..", ""):
        assert connector.withdraw_reminder(gone, "Клиент передумал", key) == Done(gone)


def test_a_withdrawal_at_a_wrong_address_is_not_taken_for_done(crm: RunningCrm, key: str) -> None:
    connector = crm.connector(base_url=f"{crm.base_url}/elsewhere")
    permanent(connector.withdraw_reminder("1", "Клиент передумал", key))
    connector.close()


# --- mail ------------------------------------------------------------------------------------------


def test_mail_to_nobody_is_refused_for_good(connector: EmbeddedConnector, key: str) -> None:
    permanent(connector.notify_email(NOBODY, "ИСКЛЮЧИТЬ", "т", key))
    assert permanent(connector.notify_email(Assignee(user="nobody"), "ИСКЛЮЧИТЬ", "т", key)).code == "unknown_user"
    assert permanent(connector.notify_email(Assignee(address="nobody"), "ИСКЛЮЧИТЬ", "т", key)).code == "invalid"


@pytest.mark.parametrize(
    ("assignee", "address"),
    [(COORDINATOR, "coordinator@dealer.example"), (Assignee(address="else@dealer.example"), "else@dealer.example")],
)
def test_the_crm_mails_its_user_or_the_address(
    connector: EmbeddedConnector, api: CrmApi, key: str, assignee: Assignee, address: str
) -> None:
    remote_id = done(connector.notify_email(assignee, "ИСКЛЮЧИТЬ", "Текст", key))
    (kept,) = api.mails(external_key=key)
    assert (kept["id"], kept["address"], kept["subject"]) == (remote_id, address, "ИСКЛЮЧИТЬ")
    assert connector.find("email", None, key) == remote_id


# --- the CRM down ----------------------------------------------------------------------------------


def test_a_crm_that_is_down_is_surely_not_done_and_unavailable(key: str) -> None:
    down = {"base_url": f"http://127.0.0.1:{free_port()}", "token": "t"}
    connector = EmbeddedConnector(EmbeddedConnector.Settings().load(down))
    card = CardRef("contact", "42")
    outcomes = [
        connector.add_comment(card, "т", key),
        remind(connector, card, key),
        connector.notify_email(COORDINATOR, "т", "т", key),
        connector.withdraw_reminder("1", "т", key),
    ]
    assert [(type(outcome), getattr(outcome, "permanent", None)) for outcome in outcomes] == [(NotDone, False)] * 4
    for read in (
        lambda: connector.read_card(card),
        lambda: connector.find_contact("+79161234567"),
        lambda: connector.find("comment", card, key),
        lambda: connector.reminder_state("1"),
    ):
        with pytest.raises(CrmUnavailable):
            read()
    connector.close()


def test_times_are_told_in_utc(connector: EmbeddedConnector, api: CrmApi, card: CardRef, key: str) -> None:
    done(remind(connector, card, key))
    (kept,) = api.reminders(card=card.id)
    assert re.fullmatch(r"2026-11-23T07:15:00Z", kept["due"])
    created = datetime.fromisoformat(kept["created_at"].replace("Z", "+00:00"))
    assert abs((datetime.now(UTC) - created).total_seconds()) < 60
