"""Writes are read back: what the CRM quietly cut is noticed, taken out again, and never counts as there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import Assignee, CrmRefused, CrmUnavailable, Done, NotDone, Outcome, ReminderState, Unknown
from connectors.rest import RestConnector
from tests.connectors.rest.rig import PolkaRig, rig, settings
from tests.support.fake_api import Fault

KEY = "0123456789abcdef" * 4
DUE = datetime(2026, 11, 22, 7, 15, tzinfo=UTC)
UNKNOWN_USER = Assignee("nobody", "nobody@example.org")


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        yield made


def remind(polka: PolkaRig, who: Assignee | None = None, by: RestConnector | None = None) -> Outcome:
    who = who or polka.people[0]
    return (by or polka.connector).create_reminder(polka.card, who, "ИСКЛЮЧИТЬ", "текст", DUE, KEY)


def changed(polka: PolkaRig, leave_out: str = "", **changes: Any) -> RestConnector:
    """A connector to the same CRM by another description."""
    return RestConnector(settings(polka.api.url, leave_out, **changes))


def test_an_unknown_assignee_that_was_dropped_is_noticed_and_taken_out_again(polka: PolkaRig) -> None:
    outcome = remind(polka, UNKNOWN_USER)
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert "crm_user in roles.toml is no login of Polka" in outcome.why
    assert "nobody@" not in outcome.why
    assert polka.written("reminder") == []


def test_a_link_that_was_dropped_is_noticed(polka: PolkaRig) -> None:
    polka.api.cuts = {"client"}
    outcome = remind(polka)
    assert isinstance(outcome, NotDone)
    assert "it is not linked to the client" in outcome.why
    assert polka.written("reminder") == []


def test_a_cut_record_that_cannot_be_removed_is_said_and_counts_as_not_there(polka: PolkaRig) -> None:
    by = changed(polka, "remove.reminder")
    outcome = remind(polka, UNKNOWN_USER, by)
    assert isinstance(outcome, NotDone)
    assert "remove it by hand" in outcome.why
    assert len(polka.written("reminder")) == 1
    assert by.find("reminder", polka.card, KEY) is None
    by.close()


def test_a_record_without_an_id_in_the_answer_is_looked_up_by_its_key(polka: PolkaRig) -> None:
    by = changed(polka, "reminder.id comment.id")
    outcome = remind(polka, by=by)
    assert isinstance(outcome, Done)
    assert [record.id for record in polka.written("reminder")] == [outcome.remote_id]
    assert isinstance(by.add_comment(polka.card, "x", KEY), Done)
    by.close()


def test_a_record_that_is_not_found_by_its_key_is_unknown(polka: PolkaRig) -> None:
    find = {"reminder": {"query": {"ref": "x{{ key }}"}}}
    by = changed(polka, "reminder.id", find=find)
    assert isinstance(remind(polka, by=by), Unknown)
    by.close()


@pytest.mark.parametrize("leave_out", ["", "reminder.id"])
def test_a_record_that_cannot_be_read_back_is_unknown_and_stays(polka: PolkaRig, leave_out: str) -> None:
    by = changed(polka, leave_out, reminder={"verify": {"path": "nowhere/{{ id }}"}})
    outcome = remind(polka, by=by)
    assert isinstance(outcome, Unknown)
    assert "could not be read back" in outcome.why
    assert len(polka.written("reminder")) == 1
    by.close()


def test_a_record_may_be_verified_as_the_look_up_found_it(polka: PolkaRig) -> None:
    by = changed(polka, "reminder.id reminder.verify.path reminder.verify.record")
    assert isinstance(remind(polka, UNKNOWN_USER, by), NotDone)
    assert polka.written("reminder") == []
    asked = len(polka.api.requests)
    assert isinstance(remind(polka, by=by), Done)
    assert len(polka.api.requests) - asked == 2
    by.close()


def test_nothing_is_written_before_what_it_needs_is_there(polka: PolkaRig) -> None:
    require = {"name": "right", "path": "me", "remedy": "Give it the right", "expect": []}
    lacking = require | {"expect": [{"path": "data.rights", "contains": "magic"}]}
    by = changed(polka, reminder={"require": lacking})
    outcome = remind(polka, by=by)
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    assert "Give it the right" in outcome.why
    assert polka.writes() == 0
    by.close()
    by = changed(polka, reminder={"require": require})
    for _ in range(2):
        assert isinstance(remind(polka, by=by), Done)
    assert [request.path for request in polka.api.requests].count("/v2/me") == 2
    by.close()


def test_a_reminder_holds_all_that_was_given(polka: PolkaRig) -> None:
    rude = 'Иванов "}]&person=p2, <b>[url]{{ key }}\n'
    assert isinstance(polka.connector.create_reminder(polka.card, polka.people[0], rude, rude, DUE, KEY), Done)
    (written,) = polka.written("reminder")
    assert (written.subject, written.text, written.assignee, written.due) == (rude, rude, "p1", DUE)
    assert written.card == polka.card


def test_a_mail_in_html_shows_markup_as_text(polka: PolkaRig) -> None:
    assert isinstance(polka.connector.notify_email(polka.people[1], "ИСКЛЮЧИТЬ", "<b>&\nx", KEY), Done)
    (record,) = polka.api.mails.values()
    assert record["html"] == "&lt;b&gt;&amp;<br>\nx"
    assert record["to"] == "sms.manager@example.org"


def test_a_withdrawn_reminder_says_why_and_is_withdrawn_once(polka: PolkaRig) -> None:
    written = remind(polka)
    assert isinstance(written, Done)
    for _ in range(2):
        assert polka.connector.withdraw_reminder(written.remote_id, "передумал", KEY) == written
    assert polka.written("reminder")[0].text == "текст\n\nпередумал"
    assert polka.connector.reminder_state(written.remote_id) is ReminderState.DONE
    assert polka.connector.withdraw_reminder("404", "x", KEY) == Done("404")
    assert polka.connector.withdraw_reminder("..", "x", KEY) == Done("..")


def test_what_was_written_is_removed_and_missing_counts_as_removed(polka: PolkaRig) -> None:
    assert isinstance(polka.connector.add_comment(polka.card, "x", KEY), Done)
    assert isinstance(polka.connector.notify_email(polka.people[0], "s", "x", KEY), Done)
    assert isinstance(remind(polka), Done)
    for kind in ("comment", "email", "reminder"):
        (written,) = polka.written(kind)
        for _ in range(2):
            assert polka.connector.remove(kind, written.id, polka.card) == Done(written.id)
        assert polka.written(kind) == []


def test_a_lease_is_reckoned_by_the_longest_write(polka: PolkaRig) -> None:
    # The card read, the record written, read back and removed; a token renewed on the way: its request, and one again.
    assert polka.connector.limits().requests_per_write == 6


# --- a lost answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("same_process", [True, False])
@pytest.mark.parametrize("cut", ["", "person", "client"])
def test_what_is_found_after_a_lost_answer_is_read_back_too(polka: PolkaRig, cut: str, same_process: bool) -> None:
    polka.api.cuts = {cut} - {""}
    polka.fault(Fault.DROP_AFTER)
    by = changed(polka, "find.reminder.whole")
    assert isinstance(remind(polka, by=by), Unknown)
    looking = by if same_process else changed(polka, "find.reminder.whole")
    if not cut:
        assert looking.find("reminder", polka.card, KEY) == polka.written("reminder")[0].id
    else:
        problem = "nobody is reminded" if cut == "person" else "not linked to the client"
        with pytest.raises(CrmRefused, match=problem):
            looking.find("reminder", polka.card, KEY)
    # Somebody may have changed it since, so it stays.
    assert len(polka.written("reminder")) == 1
    by.close()
    looking.close()


def test_another_person_than_was_meant_is_noticed_by_the_process_that_wrote_it(polka: PolkaRig) -> None:
    polka.fault(Fault.DROP_AFTER)
    assert isinstance(remind(polka), Unknown)
    next(iter(polka.api.todos.values()))["person"] = "p2"
    with pytest.raises(CrmRefused, match="nobody is reminded"):
        polka.connector.find("reminder", polka.card, KEY)
    another = changed(polka)
    assert another.find("reminder", polka.card, KEY) is not None
    another.close()


def test_what_cannot_be_read_back_now_is_neither_there_nor_absent(polka: PolkaRig) -> None:
    polka.fault(Fault.DROP_AFTER)
    assert isinstance(remind(polka), Unknown)
    polka.api.ailing.add(f"/v2/todos/{polka.written('reminder')[0].id}")
    with pytest.raises(CrmUnavailable):
        polka.connector.find("reminder", polka.card, KEY)


# --- optout doctor -----------------------------------------------------------------------------------


def test_the_doctor_finds_everything_in_order(polka: PolkaRig) -> None:
    assert [point.name for point in polka.connector.check() if point.ok] == [
        "what is sent stays private",
        "the account may write notes and to-dos",
    ]
    assert [point.ok for point in polka.connector.check_assignee(polka.people[0], mailed=True)] == [True, True]


def test_the_doctor_tells_what_is_missing_and_the_remedy(polka: PolkaRig) -> None:
    by = changed(polka, check=[{"name": "n", "path": "nowhere", "remedy": "Make it"}])
    point = by.check()[-1]
    assert not point.ok
    assert point.remedy.startswith("Make it (")
    (unknown,) = by.check_assignee(UNKNOWN_USER, mailed=True)
    assert (unknown.ok, unknown.remedy) == (False, "crm_user in roles.toml must be a login of Polka")
    (nobody,) = by.check_assignee(Assignee(address="a@example.org"), mailed=True)
    assert "crm_user" in nobody.remedy
    polka.api.people["p1"] = ""
    assert [one.ok for one in by.check_assignee(polka.people[0], mailed=True)] == [True, False]
    by.close()


def test_the_doctor_stops_at_a_crm_that_does_not_answer() -> None:
    two = [{"name": name, "path": "me", "remedy": "x"} for name in ("one", "two")]
    by = RestConnector(settings("http://127.0.0.1:9", check=two))
    points = by.check()
    assert [point.name for point in points if not point.ok] == ["one"]
    assert "correct base_url" in points[-1].remedy
    assert not by.check_assignee(Assignee("p1"), mailed=False)[0].ok
    by.close()
