"""The admins hear of a reminder that the calendar left no working moment for, and the alert ends with its time."""

from __future__ import annotations

from datetime import timedelta
from typing import cast

from plugin.events.calls import Call
from plugin.events.hurried import note_hurried
from tests.plugin.monitoring.watched import Watched

CAUSE = "no_working_time:7"


class _Call:
    call_id, script = "c-7", "survey_opt_out"


def hurried(watched: Watched) -> None:
    with watched.ledger.write() as connection:
        now = watched.clock()
        note_hurried(connection, cast(Call, _Call()), 7, now + timedelta(hours=1), now)


def test_it_is_mailed_once_and_is_over_when_its_time_has_come(watched: Watched) -> None:
    hurried(watched)
    hurried(watched)
    watched.look()
    watched.look(5)

    [(_, subject, text, _)] = watched.mailer.mails
    assert subject == "[optout] До срока нет рабочего времени"
    assert "звонок № 7 (c-7): срок напоминания" in text
    assert watched.standing() == [CAUSE]
    watched.look(60)
    assert watched.standing() == []


def test_one_whose_time_has_passed_unseen_is_told_before_it_is_over(watched: Watched) -> None:
    hurried(watched)
    watched.clock.advance(61 * 60)
    watched.look()
    watched.look(1)

    assert watched.subjects[0] == "[optout] До срока нет рабочего времени"
