"""An authentic event that a description cannot read is kept and told, and read once the description is mended."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from connectors.rest import RestConnector
from plugin.authoring.revisions.active import ActiveRules
from plugin.common.clock import utc_now
from plugin.config.settings import Settings
from plugin.events.intake import Intake
from plugin.events.resolver import Resolver
from plugin.ledger import Ledger
from plugin.ledger.connected import kept_references
from plugin.ledger.schema import calls
from plugin.monitoring.events import values_not_mapped
from plugin.monitoring.model import AlertLook
from plugin.resilience.gates import AccountGates
from plugin.web import create_app
from tests.connectors.contract.rig import CrmEvent
from tests.connectors.rest.rig import EVENT_SECRET, PolkaRig, call_record, event, rig
from tests.connectors.rest.rig import settings as described

TOKEN_IN_BODY = {"kind": "token", "place": "body", "name": "auth.token"}
BROUGHT = "call.path call.record event.id event.proof"


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        yield made


def site(connector: RestConnector, ledger: Ledger, rules: ActiveRules, settings: Settings) -> FlaskClient:
    intake = Intake(ledger, rules, settings, utc_now)
    return create_app(intake, ledger, settings, rules, connector).test_client()


def posted(client: FlaskClient, one: CrmEvent) -> tuple[int, Any]:
    answer = client.post("/events/rest", data=one.body, headers=dict(one.headers))
    return answer.status_code, answer.get_json()


def resolve(connector: RestConnector, ledger: Ledger, rules: ActiveRules, settings: Settings) -> None:
    """As the next start does, on events that wait for a description."""
    gates = AccountGates(ledger, connector, settings.delivery, utc_now)
    intake = Intake(ledger, rules, settings, utc_now)
    worker = Resolver(ledger, connector, intake, gates, settings.delivery, utc_now, "test", Random(1))
    worker._inbox.retry_unmapped()
    while worker.run_once():
        pass


def kept(ledger: Ledger) -> list[Any]:
    with ledger.read() as connection:
        return list(connection.execute(select(kept_references).order_by(kept_references.c.id)))


def call_ids(ledger: Ledger) -> list[str]:
    with ledger.read() as connection:
        return list(connection.execute(select(calls.c.call_id).order_by(calls.c.id)).scalars())


def alerts(ledger: Ledger, settings: Settings) -> list[Any]:
    with ledger.read() as connection:
        return [dict(one.about) for one in values_not_mapped(AlertLook(connection, utc_now(), settings, "host", None))]


@pytest.mark.parametrize("repeats", [True, False])
def test_an_event_whose_id_stands_elsewhere_is_kept_and_read_by_the_mended_description(
    polka: PolkaRig, ledger: Ledger, rules: ActiveRules, settings: Settings, repeats: bool
) -> None:
    wrong = RestConnector(described(polka.api.url, event={"id": "nowhere.id"}, repeats_events=repeats))
    polka.api.calls["c-1"] = call_record()
    sent = event({"type": "call.ended", "call": "c-1", "by": "p1"})
    assert posted(site(wrong, ledger, rules, settings), sent) == (202, {"kept": 1})
    resolve(wrong, ledger, rules, settings)
    (row,) = kept(ledger)
    assert (row.state, row.kind) == ("waiting", "event")
    (told,) = alerts(ledger, settings)
    assert "names no call" in told["reason"]
    right = RestConnector(described(polka.api.url))
    resolve(right, ledger, rules, settings)
    assert call_ids(ledger) == ["c-1"]
    assert [one.state for one in kept(ledger)] == ["done"]
    assert alerts(ledger, settings) == []


def test_an_event_that_turns_out_to_hold_several_calls_becomes_them_all(
    polka: PolkaRig, ledger: Ledger, rules: ActiveRules, settings: Settings
) -> None:
    table: dict[str, Any] = {"items": "records", "proof": TOKEN_IN_BODY}
    wrong = RestConnector(described(polka.api.url, BROUGHT, event=table, call={"card_name": "number"}))
    content = {"type": "call.ended", "auth": {"token": EVENT_SECRET}, "calls": [call_record(id=one) for one in "abc"]}
    assert posted(site(wrong, ledger, rules, settings), CrmEvent({}, None, {}, json.dumps(content).encode()))[0] == 202
    (row,) = kept(ledger)
    assert EVENT_SECRET not in json.dumps(row.data)
    right = RestConnector(
        described(polka.api.url, BROUGHT, event=table | {"items": "calls"}, call={"card_name": "number"})
    )
    resolve(right, ledger, rules, settings)
    assert sorted(call_ids(ledger)) == ["a", "b", "c"]
    assert {one.state for one in kept(ledger)} == {"done"}


@pytest.mark.parametrize("ended", ["yesterday", None, "2026-11-22T10:15:00"])
def test_a_call_whose_time_cannot_be_read_waits_for_the_description(
    polka: PolkaRig, ledger: Ledger, rules: ActiveRules, settings: Settings, ended: str | None
) -> None:
    polka.api.calls["c-1"] = call_record(ended=ended)
    sent = event({"type": "call.ended", "call": "c-1", "by": "p1"})
    assert posted(site(polka.connector, ledger, rules, settings), sent) == (202, {"kept": 1})
    resolve(polka.connector, ledger, rules, settings)
    assert [one.state for one in kept(ledger)] == ["waiting"]
    assert "ended" in alerts(ledger, settings)[0]["reason"]


def test_what_is_no_json_though_it_is_signed_is_kept_too(
    polka: PolkaRig, ledger: Ledger, rules: ActiveRules, settings: Settings
) -> None:
    body = b"call=c-1&type=call.ended"
    at = str(int(time.time()))
    digest = hmac.new(EVENT_SECRET.encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()
    sent = CrmEvent({"X-Polka-Time": at, "X-Polka-Signature": f"sha256={digest}"}, None, {}, body)
    polka.api.calls["c-1"] = call_record()
    assert posted(site(polka.connector, ledger, rules, settings), sent) == (202, {"kept": 1})
    resolve(RestConnector(described(polka.api.url, event={"format": "form"})), ledger, rules, settings)
    assert call_ids(ledger) == ["c-1"]


# --- a CRM that waits for the answer -----------------------------------------------------------------


@pytest.mark.parametrize("fault", ["none", "unreadable", "forged", "ledger"])
def test_a_crm_whose_users_save_waits_for_the_answer_always_gets_the_same(
    polka: PolkaRig, ledger: Ledger, rules: ActiveRules, settings: Settings, fault: str
) -> None:
    table: dict[str, Any] = {"always_answers": 200} | ({"id": "nowhere"} if fault == "unreadable" else {})
    connector = RestConnector(described(polka.api.url, event=table, repeats_events=False))
    polka.api.calls["c-1"] = call_record()
    sent = event({"type": "call.ended", "call": "c-1"}, secret="another" if fault == "forged" else EVENT_SECRET)
    client = site(connector, ledger, rules, settings)
    if fault == "ledger":
        other = Ledger(settings.ledger_url)
        with other.write():
            status, body = posted(client, sent)
        other.close()
        assert body["error"]["code"] == "ledger_unavailable"
    else:
        status, body = posted(client, sent)
        assert ("error" in body) is (fault == "forged")
    assert status == 200
    assert len(kept(ledger)) == (fault in ("none", "unreadable"))
