"""Calls that changed during an outage, read page by page: none is left out, whatever changes meanwhile."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from connectors.base import CrmRefused, CrmUnavailable, NotMapped, Reference
from connectors.espocrm import EspoConnector
from tests.connectors.espocrm.rig import WEBHOOK, WEBHOOK_SECRET, EspoRig, account
from tests.connectors.espocrm.server import OWN_USER
from tests.connectors.espocrm.webhooks import WebhookQueue

HOUR = timedelta(hours=1)


def read(connector: EspoConnector, since: datetime) -> list[list[str]]:
    """The ids on each page."""
    pages, cursor = [], None
    while True:
        page = connector.catch_up(since, cursor)
        pages.append([item.id for item in page.items])
        cursor = page.next_cursor
        if cursor is None:
            return pages


def called(espo: EspoRig, later: float, **changes: Any) -> str:
    """A call that was last changed so many seconds from now."""
    made = espo.server.add("Call", **espo.call(**changes))
    espo.server.records["Call"][made]["modifiedAt"] = espo.server.stamp(later)
    return made


# --- what does not come ------------------------------------------------------------------------------


def test_older_calls_do_not_come(espo: EspoRig) -> None:
    called(espo, -3601)
    edge, theirs = called(espo, -3600), called(espo, -100)
    assert read(espo.connector, espo.server.now - HOUR) == [[edge, theirs]]


@pytest.mark.parametrize("cursor", ["", "Call", "Task//", "Call/yesterday/65f", "Call/2026-03-11 09:00:00/", "a/b/c/d"])
def test_a_cursor_of_another_make_is_refused(espo: EspoRig, cursor: str) -> None:
    with pytest.raises(CrmRefused, match="begin anew"):
        espo.connector.catch_up(espo.server.now, cursor)


def test_a_page_that_cannot_be_read_is_asked_for_again(espo: EspoRig) -> None:
    calls = [called(espo, -number) for number in range(150, 0, -1)]
    first = espo.connector.catch_up(espo.server.now - HOUR, None)
    espo.server.maintenance = True
    with pytest.raises(CrmUnavailable):
        espo.connector.catch_up(espo.server.now - HOUR, first.next_cursor)
    espo.server.maintenance = False
    rest = espo.connector.catch_up(espo.server.now - HOUR, first.next_cursor)
    assert [item.id for item in (*first.items, *rest.items)] == calls


def test_without_a_turn_of_the_quota_nothing_is_asked(espo: EspoRig) -> None:
    class Nobody:
        def acquire(self, longest: float) -> float:
            return 30.0

    espo.connector.share_quota(Nobody())
    with pytest.raises(CrmUnavailable):
        espo.connector.catch_up(espo.server.now, None)
    assert espo.server.requests == []


# --- what comes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", [{"modifiedById": OWN_USER}, {"createdById": OWN_USER}])
def test_a_call_that_was_changed_under_the_plugins_own_user_comes_and_is_told_like_its_webhook(
    espo: EspoRig, who: dict[str, str]
) -> None:
    call = called(espo, -100, **who)
    (found,) = espo.connector.catch_up(espo.server.now - HOUR, None).items
    assert found.id == call
    with pytest.raises(NotMapped) as missed:
        espo.connector.resolve(found)
    with pytest.raises(NotMapped) as heard:
        espo.connector.resolve(Reference("Call", call))
    assert str(missed.value) == str(heard.value)


def test_a_call_that_never_had_answers_is_nothing_to_tell_whoever_made_it(espo: EspoRig) -> None:
    at = espo.server.stamp(-100)
    called(espo, -100, createdById=OWN_USER, createdAt=at, cRelated=None, cKind=None)
    (found,) = espo.connector.catch_up(espo.server.now - HOUR, None).items
    assert espo.connector.resolve(found) is None


def test_calls_come_in_the_order_of_their_last_change_in_pages(espo: EspoRig) -> None:
    calls = [called(espo, -number) for number in range(250, 0, -1)]
    pages = read(espo.connector, espo.server.now - HOUR)
    assert [len(page) for page in pages] == [100, 100, 50]
    assert list(chain(*pages)) == calls
    assert espo.connector.catch_up(espo.server.now - HOUR, None).items[0].id == calls[0]


def test_many_calls_changed_in_one_second_come_once_each(espo: EspoRig) -> None:
    calls = [called(espo, -60) for _ in range(230)]
    assert list(chain(*read(espo.connector, espo.server.now - HOUR))) == calls


def test_a_call_that_changes_while_pages_are_read_comes_again_and_hides_none(espo: EspoRig) -> None:
    calls = [called(espo, -number) for number in range(150, 0, -1)]
    first = espo.connector.catch_up(espo.server.now - HOUR, None)
    espo.server.records["Call"][calls[3]]["modifiedAt"] = espo.server.stamp()
    rest = espo.connector.catch_up(espo.server.now - HOUR, first.next_cursor)
    assert [item.id for item in first.items] == calls[:100]
    assert [item.id for item in rest.items] == [*calls[100:], calls[3]]


def test_records_of_every_entity_that_webhooks_tell_of_come(espo: EspoRig) -> None:
    espo.server.add_entity("CSurvey")
    call, survey = called(espo, -60), espo.server.add("CSurvey", createdById="65fa")
    hooks = f"Call.create {WEBHOOK} {WEBHOOK_SECRET}; CSurvey.create {WEBHOOK} {WEBHOOK_SECRET}"
    connector = EspoConnector(account(espo.server, webhooks=hooks), now=lambda: espo.server.now)
    assert read(connector, espo.server.now - HOUR) == [[survey], [call]]
    connector.close()


@pytest.mark.parametrize("answers", [[502], [504], [503, 503, 503, 503], [None, 500, 404, 401]])
def test_a_call_whose_event_the_crm_gave_up_is_found(espo: EspoRig, answers: list[int | None]) -> None:
    answered = iter(answers)
    queue = WebhookQueue(lambda _: next(answered))
    outage = espo.server.now
    call = called(espo, 0)
    item = queue.add({"id": call}, outage)
    for minutes in range(0, 60, 2):
        queue.run(outage + timedelta(minutes=minutes))
    assert (item.status, item.attempts) == ("Failed", len(answers))

    (found,) = espo.connector.catch_up(outage, None).items
    result = espo.connector.resolve(found)
    assert result is not None
    assert result["facts"] == {"related": True, "kind": "calls"}


def test_a_call_whose_event_is_repeated_in_time_is_the_same_event(espo: EspoRig) -> None:
    sent: list[bytes] = []
    answered = iter([503, None, 200])

    def post(body: bytes) -> int | None:
        sent.append(body)
        return next(answered)

    queue = WebhookQueue(post)
    call = called(espo, 0)
    item = queue.add({"id": call}, espo.server.now)
    for minutes in range(0, 60, 2):
        queue.run(espo.server.now + timedelta(minutes=minutes))
    assert (item.status, item.attempts) == ("Success", 3)
    assert json.loads(sent[-1]) == [{"id": call}]
    (found,) = espo.connector.catch_up(espo.server.now, None).items
    assert espo.connector.resolve(found) == espo.connector.resolve(Reference("Call", call))


def test_answers_that_were_emptied_meanwhile_are_taken_back(espo: EspoRig) -> None:
    emptied = called(espo, 0, createdAt=espo.server.stamp(-600), cKind=None, description="Позвонить ещё раз")
    (found,) = espo.connector.catch_up(espo.server.now - HOUR, None).items
    result = espo.connector.resolve(found)
    assert result is not None
    assert result["facts"] == {"related": True, "kind": None, "who": None}
    espo.server.records["Call"][emptied]["cRelated"] = None
    result = espo.connector.resolve(found)
    assert result is not None
    assert result["facts"] == {"related": None, "kind": None, "who": None}
    # Not a client who asked in words.
    assert "note" not in result
