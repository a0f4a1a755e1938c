"""The admins hear what a source's events are refused for, and when they are taken in again."""

from __future__ import annotations

from plugin.events.refusals import EventRefusal, RefusalLog
from tests.plugin.monitoring.watched import Watched

REFUSAL = EventRefusal("pbx", 422, "bad_fields", ("call.id", "facts"))
CAUSE = "event_refused:pbx:bad_fields:call.id,facts"


def refused(watched: Watched, refusal: EventRefusal = REFUSAL) -> None:
    RefusalLog(watched.ledger, watched.clock).record(refusal)


def test_a_refusal_is_mailed_once_and_once_when_the_source_is_taken_in_again(watched: Watched) -> None:
    refused(watched)
    watched.look()
    refused(watched)
    watched.look(5)
    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] События отклоняются"
    assert "источник pbx: отклонено событий 1, первое" in text
    assert "ответ 422, неверные поля (call.id, facts)" in text
    assert watched.standing() == [CAUSE]
    watched.event("pbx", watched.clock())
    watched.event("elsewhere", watched.clock())
    watched.look(5)
    assert (watched.standing(), watched.subjects[-1]) == ([], "[optout] События снова принимаются")


def test_a_refusal_between_events_that_are_taken_in_is_told_before_it_is_over(watched: Watched) -> None:
    refused(watched)
    watched.clock.advance(1)
    watched.event("pbx", watched.clock())
    watched.look()
    watched.look(1)
    assert watched.subjects[0] == "[optout] События отклоняются"
    watched.look(5)
    assert watched.standing() == []


def test_events_of_other_sources_end_nothing_and_a_day_does(watched: Watched) -> None:
    refused(watched)
    watched.look()
    watched.clock.advance(60)
    watched.event("elsewhere", watched.clock())
    watched.look(60 * 23)
    assert watched.standing() == [CAUSE]
    watched.look(60 * 2)
    assert watched.standing() == []


def test_an_unknown_sender_is_told_as_such(watched: Watched) -> None:
    refused(watched, EventRefusal("?", 401, "bad_signature"))
    watched.look()
    watched.look(1)
    assert "источник не опознан: отклонено событий 1" in watched.mailer.mails[0][2]
    assert "подпись не подходит" in watched.mailer.mails[0][2]
