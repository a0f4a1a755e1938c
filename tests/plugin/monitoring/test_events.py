"""The admins hear of the CRM's own events that wait for them: each cause once, and once when it is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import insert, update

from plugin.ledger.connected import catch_ups, kept_references
from tests.plugin.delivery.fake_crm import START
from tests.plugin.monitoring.watched import Watched

ABOUT = {"field": "UF_CRM_1", "value": "45", "fact": "refuses", "why": "field 'UF_CRM_1' holds '45'"}


def kept(watched: Watched, **columns: Any) -> int:
    """A kept event; returns its id."""
    number = next(watched.house.numbers)
    row = {
        "connector": "testcrm",
        "kind": "deal",
        "record": str(number),
        "digest": f"{number:064}",
        "reports": 1,
        "state": "waiting",
        "not_before": watched.clock(),
        "attempts": 1,
        "faults": 0,
        "received_at": watched.clock(),
    }
    with watched.ledger.write() as connection:
        key = connection.execute(insert(kept_references).values(row | columns)).inserted_primary_key
    assert key is not None
    return int(key[0])


def change(watched: Watched, event: int, **columns: Any) -> None:
    with watched.ledger.write() as connection:
        connection.execute(update(kept_references).where(kept_references.c.id == event).values(**columns))


def test_what_waits_for_a_moment_or_is_done_is_no_cause_and_looking_takes_no_writers_turn(
    watched: Watched,
) -> None:
    kept(watched)
    kept(watched, state="done", finished_at=watched.clock())
    watched.ledger.broken = True
    watched.look()
    assert watched.alerts() == []


def test_a_parked_event_stands_until_it_is_dealt_with(watched: Watched) -> None:
    event = kept(watched, state="parked", why="the CRM does not show it: no right (+79161234567)")
    watched.look()
    watched.look(1)
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] События CRM остановлены"
    assert f"событие № {event} из CRM (testcrm): the CRM does not show it: no right (***4567)" in text
    assert "optout events retry" in text
    change(watched, event, state="waiting")
    watched.look(1)
    assert (watched.standing(), watched.subjects[-1]) == ([], "[optout] Остановленные события CRM разобраны")


def test_a_value_without_a_meaning_is_told_once_however_many_events_wait_for_it(watched: Watched) -> None:
    events = [kept(watched, cause="UF_CRM_1=45", about=ABOUT) for _ in range(3)]
    watched.look()
    events.append(kept(watched, cause="UF_CRM_1=45", about=ABOUT))
    watched.look(60)
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] Значения CRM не сопоставлены"
    assert "поле UF_CRM_1: значение «45» ничего не означает" in text
    assert "[crm.testcrm.facts.refuses], values" in text
    for event in events[:-1]:
        change(watched, event, state="done", cause=None)
    watched.look(1)
    assert watched.standing() == ["value_not_mapped:testcrm:UF_CRM_1=45"]
    change(watched, events[-1], state="done", cause=None)
    watched.look(1)
    assert (watched.standing(), watched.subjects[-1]) == ([], "[optout] Значения CRM сопоставлены")


def test_another_value_is_another_cause_and_both_are_one_mail(watched: Watched) -> None:
    kept(watched, cause="UF_CRM_1=45", about=ABOUT)
    kept(watched, cause="UF_CRM_1=46", about=ABOUT | {"value": "46"})
    watched.look()
    assert len(watched.standing()) == 2
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject.endswith(": 2")
    assert "«45»" in text
    assert "«46»" in text


def test_a_connector_that_names_no_field_is_quoted(watched: Watched) -> None:
    about = dict.fromkeys(("field", "value", "fact")) | {"why": "the answer 'maybe' has no meaning"}
    kept(watched, cause="the answer 'maybe' has no meaning", about=about)
    watched.look()
    assert "CRM (testcrm): the answer 'maybe' has no meaning" in watched.mailer.mails[0][2]


def test_events_that_wait_for_long_are_told_of_with_the_first_ones_reason(watched: Watched) -> None:
    first = kept(watched, why="undecided: no rules are active")
    second = kept(watched)
    watched.look(14)
    assert watched.standing() == []
    watched.look(1)
    watched.look(30)
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] События CRM ждут обработки"
    assert "событий 2, первое ждёт с 23.11.2026 10:15 (МСК): undecided: no rules" in text
    change(watched, first, state="done")
    change(watched, second, state="done")
    watched.look(1)
    assert (watched.standing(), watched.subjects[-1]) == ([], "[optout] События CRM снова обрабатываются")


def test_while_their_account_is_known_to_be_away_their_waiting_is_no_cause_of_its_own(watched: Watched) -> None:
    kept(watched)
    watched.account("testcrm", START)
    watched.look(60)
    assert watched.standing() == ["account_away:testcrm"]
    watched.account("testcrm", None)
    watched.clock.advance(timedelta(minutes=1).total_seconds())
    watched.look()
    assert watched.standing() == ["events_waiting:testcrm"]


def test_a_standing_alert_shows_the_reason_that_there_is_now(watched: Watched) -> None:
    event = kept(watched, why="no answer in time")
    watched.look(15)
    change(watched, event, why="the CRM answered 403: no right")
    watched.look(1)
    (alert,) = watched.alerts()
    assert alert.about["reason"] == "the CRM answered 403: no right"
    assert len(watched.mailer.mails) == 1


# --- what was missed ---------------------------------------------------------------------------------


def test_what_was_missed_and_cannot_be_read_is_told_once_and_once_when_it_was_read(watched: Watched) -> None:
    row = {"account": "testcrm", "covered_at": START, "since": START, "failing_at": START, "attempts": 3, "records": 0}
    with watched.ledger.write() as connection:
        connection.execute(insert(catch_ups).values(row | {"why": "no right to list calls (+79161234567)"}))
    watched.look(14)
    assert watched.standing() == []
    watched.look(1)
    watched.look(30)
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] Пропущенное в CRM не прочитано"
    assert "CRM (testcrm): изменения с 23.11.2026 10:15" in text
    assert "+79161234567" not in text
    assert "optout events catch-up --since" in text
    with watched.ledger.write() as connection:
        connection.execute(update(catch_ups).values(since=None, failing_at=None, why=None))
    watched.look(30)
    assert (watched.standing(), watched.subjects[-1]) == ([], "[optout] Пропущенное в CRM прочитано")
