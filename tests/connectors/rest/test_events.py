"""From Polka's event to a call result: which events count, what is read again, and how values are mapped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.base import CrmRefused, EventNotAuthentic, NotMapped, Reference
from connectors.rest import RestConnector
from plugin.doctor.examine import _crm_events
from plugin.events.schema import CallResultSchema
from tests.connectors.contract.rig import PHONE, CrmEvent
from tests.connectors.rest.rig import EVENT_SECRET, PolkaRig, call_record, event, rig, settings

ENDED = {"type": "call.ended", "call": "c-1", "by": "p1"}


@pytest.fixture
def polka() -> Iterator[PolkaRig]:
    with rig() as made:
        yield made


def heard(connector: RestConnector, one: CrmEvent) -> list[Any]:
    return list(connector.parse_event(one.headers, one.path_secret, one.query, one.body))


def resolved(polka: PolkaRig, **changes: Any) -> Any:
    polka.api.calls["c-1"] = call_record(**changes)
    (reference,) = heard(polka.connector, event(ENDED))
    return polka.connector.resolve(reference)


# --- which count -------------------------------------------------------------------------------------


def test_an_event_that_is_not_genuine_is_refused(polka: PolkaRig) -> None:
    with pytest.raises(EventNotAuthentic):
        heard(polka.connector, event(ENDED, secret="another"))


def test_without_a_described_event_none_is_believed() -> None:
    given = settings("http://127.0.0.1:1", "event call facts event_secret repeats_events catch_up")
    with pytest.raises(EventNotAuthentic, match="no \\[event\\]"):
        heard(RestConnector(given), event(ENDED))


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({"type": "call.started", "call": "c-1"}, id="of another kind"),
        pytest.param({"type": "call.ended", "call": "c-1", "by": "optout"}, id="the plugin's own doing"),
        pytest.param({}, id="of none"),
    ],
)
def test_an_event_that_is_no_call_of_ours_is_left_alone(polka: PolkaRig, content: dict[str, Any]) -> None:
    assert heard(polka.connector, event(content)) == []
    assert polka.api.requests == []


@pytest.mark.parametrize("content", [{"type": "call.ended"}, {"type": "call.ended", "call": {}}])
def test_an_event_without_its_call_is_kept_whole(polka: PolkaRig, content: dict[str, Any]) -> None:
    (reference,) = heard(polka.connector, event(content))
    assert (reference.kind, reference.data) == ("event", {"event": content})
    with pytest.raises(NotMapped, match="names no call"):
        polka.connector.resolve(reference)


# --- reading again -----------------------------------------------------------------------------------


def test_the_call_is_read_again_and_believed_only_so(polka: PolkaRig) -> None:
    polka.api.calls["c-1"] = call_record()
    (reference,) = heard(polka.connector, event(ENDED | {"answers": {"related": "0"}, "number": "+70000000000"}))
    assert reference == Reference("call", "c-1")

    result = polka.connector.resolve(reference)

    assert result == {
        "id": "call-c-1-5",
        "occurred_at": "2026-11-22T10:15:00+03:00",
        "final": True,
        "call": {"id": "c-1", "phone": PHONE, "operator": "p1"},
        "card": {
            "type": "client",
            "id": "7",
            "name": "Иванов Иван Иванович",
            "url": f"{polka.api.url}/clients/7",
        },
        "facts": {"related_to_car": True, "survey_type": "calls"},
    }
    assert CallResultSchema().load(result)


def test_another_state_of_the_call_is_another_event(polka: PolkaRig) -> None:
    assert resolved(polka, changed=6)["id"] != resolved(polka, changed=7)["id"]


def test_a_call_that_is_not_over_is_not_final(polka: PolkaRig) -> None:
    assert resolved(polka, state="talking")["final"] is False


def test_a_call_that_is_gone_or_has_no_answers_is_none_of_ours(polka: PolkaRig) -> None:
    assert polka.connector.resolve(Reference("call", "c-404")) is None
    assert polka.connector.resolve(Reference("call", "..")) is None
    assert polka.connector.resolve(Reference("deal", "c-1")) is None
    assert resolved(polka, answers=None) is None


def test_a_card_that_is_gone_is_left_out(polka: PolkaRig) -> None:
    assert "card" not in resolved(polka, client=404)
    assert "card" not in resolved(polka, client=None)


def test_a_call_without_a_readable_time_waits_for_the_description(polka: PolkaRig) -> None:
    for ended in ("yesterday", "2026-11-22T10:15:00", None):
        with pytest.raises(NotMapped, match="ended"):
            resolved(polka, ended=ended)


# --- mapping -----------------------------------------------------------------------------------------


def test_a_value_that_is_not_mapped_is_told_with_its_field(polka: PolkaRig) -> None:
    with pytest.raises(NotMapped, match=r"answers\.what.*fax"):
        resolved(polka, answers={"related": "1", "what": "fax"})


def test_what_means_not_asked_is_no_fact(polka: PolkaRig) -> None:
    assert resolved(polka, answers={"related": "-", "what": ""})["facts"] == {}


def test_the_plugin_is_told_which_facts_can_come(polka: PolkaRig) -> None:
    assert polka.connector.facts() == {
        "related_to_car": frozenset({True, False}),
        "survey_type": frozenset({"calls", "online", "all"}),
    }


# --- events that bring the call along ----------------------------------------------------------------

BROUGHT_ALONG = "call.path call.record event.id event.proof"
BROUGHT: dict[str, Any] = {
    "event": {"items": "calls", "proof": {"kind": "token", "place": "body", "name": "token", "prefix": ""}},
    "time_zone": "Europe/Moscow",
}


def brought(**changes: Any) -> RestConnector:
    given = {**BROUGHT, "call": {"card_name": "number"}, **changes}
    return RestConnector(settings("http://127.0.0.1:1", BROUGHT_ALONG, **given))


def test_records_in_the_event_need_no_reading_and_only_what_is_needed_is_kept() -> None:
    body = {"type": "call.ended", "token": EVENT_SECRET, "calls": [call_record(id="a"), call_record(id="b")]}
    connector = brought()
    found = heard(connector, CrmEvent({}, None, {}, json.dumps(body).encode()))
    assert [reference.id for reference in found] == ["a", "b"]
    assert "secret_notes" not in found[0].data["record"]
    assert "person" in found[0].data["record"]
    results = [connector.resolve(reference) for reference in found]
    assert [result["facts"]["survey_type"] for result in results if result] == ["calls", "calls"]


def test_a_time_without_an_offset_is_in_the_accounts_time_zone() -> None:
    body = {"type": "call.ended", "token": EVENT_SECRET, "calls": call_record(ended="2026-11-22T10:15:00")}
    connector = brought()
    (reference,) = heard(connector, CrmEvent({}, None, {}, json.dumps(body).encode()))
    result = connector.resolve(reference)
    assert result is not None
    assert result["occurred_at"] == "2026-11-22T10:15:00+03:00"


@pytest.mark.parametrize("times", ["unix", "unix_ms"])
def test_a_time_may_be_counted(times: str) -> None:
    ended = 1795331700 * (1000 if times == "unix_ms" else 1)
    body = {"type": "call.ended", "token": EVENT_SECRET, "calls": call_record(ended=ended)}
    connector = brought(call={"times": times, "card_name": "number"})
    (reference,) = heard(connector, CrmEvent({}, None, {}, json.dumps(body).encode()))
    result = connector.resolve(reference)
    assert result is not None
    assert result["occurred_at"] == "2026-11-22T07:15:00+00:00"


def test_an_event_without_records_is_kept_without_its_token() -> None:
    body = {"type": "call.ended", "token": EVENT_SECRET}
    (reference,) = heard(brought(), CrmEvent({}, None, {}, json.dumps(body).encode()))
    assert reference.data == {"event": {"type": "call.ended", "token": None}}
    with pytest.raises(NotMapped, match="items"):
        brought().resolve(reference)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_shows_no_token_in_it(body: bytes) -> None:
    with pytest.raises(EventNotAuthentic):
        heard(brought(), CrmEvent({}, None, {}, body))


def test_a_form_is_read_by_the_names_of_its_fields(polka: PolkaRig) -> None:
    changes: dict[str, Any] = {
        "event": {
            "format": "form",
            "id": '["data[ID]"]',
            "when": [{"path": "event", "equals": "ONCALLEND"}],
            "own": [],
            "proof": {"kind": "token", "place": "body", "name": '["auth[token]"]', "prefix": ""},
        }
    }
    connector = RestConnector(settings(polka.api.url, "event.proof", **changes))
    form = {"event": "ONCALLEND", "data[ID]": "c-1", "auth[token]": EVENT_SECRET}
    assert heard(connector, CrmEvent({}, None, {}, urlencode(form).encode())) == [Reference("call", "c-1")]
    with pytest.raises(EventNotAuthentic):
        heard(connector, CrmEvent({}, None, {}, urlencode(form | {"auth[token]": "x"}).encode()))
    with pytest.raises(EventNotAuthentic):
        heard(connector, CrmEvent({}, None, {}, b"&".join(b"a=1" for _ in range(1001))))


def test_a_refused_read_is_told_as_such(polka: PolkaRig) -> None:
    connector = RestConnector(settings(polka.api.url, call={"path": "nowhere/{{ id }}"}))
    with pytest.raises(CrmRefused) as caught:
        connector.resolve(Reference("call", "c-1"))
    assert caught.value.status == 404
    connector.close()


def test_events_may_be_repeated_where_the_description_says_so() -> None:
    assert RestConnector(settings("http://127.0.0.1:1")).repeats_events
    assert not RestConnector(settings("http://127.0.0.1:1", repeats_events=False)).repeats_events


@pytest.mark.parametrize("has_sources", [True, False])
def test_the_doctor_promises_no_events_before_one_is_described(has_sources: bool) -> None:
    leave_out = "event call facts event_secret repeats_events catch_up"
    (point,) = _crm_events(RestConnector(settings("http://127.0.0.1:1", leave_out)), has_sources=has_sources)
    assert "come in" not in point.name or not point.ok
    assert "no [event] is described" in point.remedy
    (point,) = _crm_events(RestConnector(settings("http://127.0.0.1:1")), has_sources=has_sources)
    assert (point.ok, point.name) == (True, "the CRM's own events come in at POST /events/rest")
