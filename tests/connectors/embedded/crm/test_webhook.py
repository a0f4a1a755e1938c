"""Calls on their way from the CRM to the plugin: told, signed, verified and read again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.base import CrmUnavailable, EventMalformed, EventNotAuthentic, Reference
from connectors.embedded import EmbeddedConnector
from connectors.embedded.signature import SIGNATURE, TIMESTAMP, signed_headers
from tests.support.crm import WEBHOOK_SECRET, RunningCrm, embedded_crm
from tests.support.processes import free_port, wait_until
from tests.support.rawserver import RawServer, answer, raw_server, reset

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
BODY = b'{"event": "call.created", "call": "c-77"}'
CALL = {
    "id": "c-77",
    "phone": "+79161234567",
    "card": "42",
    "operator": "ivanova",
    "facts": {"related": True, "kind": "calls"},
    "occurred_at": "2026-11-22T10:15:00+03:00",
    "final": True,
    "note": "Просит не звонить",
}


@pytest.fixture
def settings() -> dict[str, Any]:
    given = {"base_url": f"http://127.0.0.1:{free_port()}", "token": "t", "webhook_secret": WEBHOOK_SECRET}
    return dict(EmbeddedConnector.Settings().load(given))


@pytest.fixture
def connector(settings: dict[str, Any]) -> Iterator[EmbeddedConnector]:
    connector = EmbeddedConnector(settings, now=lambda: NOW)
    yield connector
    connector.close()


def parse(connector: EmbeddedConnector, headers: dict[str, str], body: bytes = BODY) -> Any:
    return connector.parse_event(headers, None, {}, body)


# --- parse_event -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {SIGNATURE: "sha256=" + "0" * 64},
        {SIGNATURE: ""},
        {SIGNATURE: "подпись"},
        {SIGNATURE: "\udcff"},
        {TIMESTAMP: "0"},
        {TIMESTAMP: ""},
        {TIMESTAMP: "-1"},
        {TIMESTAMP: "1e9"},
        {TIMESTAMP: "٤٢"},
        {TIMESTAMP: "9" * 400},
    ],
)
def test_an_event_without_proof_is_not_authentic(connector: EmbeddedConnector, change: dict[str, str]) -> None:
    with pytest.raises(EventNotAuthentic):
        parse(connector, signed_headers(WEBHOOK_SECRET, BODY, NOW) | change)
    with pytest.raises(EventNotAuthentic):
        parse(connector, {})


def test_another_body_secret_or_time_is_not_authentic(connector: EmbeddedConnector) -> None:
    headers = signed_headers(WEBHOOK_SECRET, BODY, NOW)
    with pytest.raises(EventNotAuthentic):
        parse(connector, headers, BODY.replace(b"77", b"78"))
    with pytest.raises(EventNotAuthentic):
        parse(connector, signed_headers("another", BODY, NOW))
    for minutes in (-6, 6):
        with pytest.raises(EventNotAuthentic):
            parse(connector, signed_headers(WEBHOOK_SECRET, BODY, NOW + timedelta(minutes=minutes)))


def test_without_a_secret_nothing_is_authentic(settings: dict[str, Any]) -> None:
    connector = EmbeddedConnector(settings | {"webhook_secret": None}, now=lambda: NOW)
    with pytest.raises(EventNotAuthentic, match="no webhook_secret"):
        parse(connector, signed_headers("", BODY, NOW))
    connector.close()


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[]", b"{}", b'{"call": 5}', b'{"call": ""}', b"[" * 100_000])
def test_an_authentic_event_that_cannot_be_read_is_malformed(connector: EmbeddedConnector, body: bytes) -> None:
    with pytest.raises(EventMalformed):
        parse(connector, signed_headers(WEBHOOK_SECRET, body, NOW), body)


@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_an_event_refers_to_its_call(connector: EmbeddedConnector, spelling: Any) -> None:
    headers = {spelling(name): value for name, value in signed_headers(WEBHOOK_SECRET, BODY, NOW).items()}
    assert parse(connector, headers) == [Reference("call", "c-77")]


# --- the whole way ---------------------------------------------------------------------------------


def received(server: RawServer) -> list[tuple[dict[str, str], bytes]]:
    events = []
    for request in server.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        lines = [line.decode("latin-1").split(": ", 1) for line in head.split(b"\r\n")[1:]]
        events.append(({name: value for name, value in lines}, body))
    return events


def test_a_call_is_told_and_read_again(tmp_path: Path) -> None:
    with (
        raw_server(answer("202 Accepted", b"{}")) as plugin,
        embedded_crm(tmp_path, webhook_url=f"{plugin.url}/events/embedded") as crm,
    ):
        crm.api.send("POST", "calls", CALL)
        wait_until(lambda: crm.api.get("calls/c-77")["webhook"]["state"] == "delivered")
        ((headers, body),) = received(plugin)
        assert plugin.requests[0].startswith(b"POST /events/embedded HTTP/1.1\r\n")
        assert json.loads(body) == {"event": "call.created", "call": "c-77"}
        connector = crm.connector()
        (reference,) = connector.parse_event(headers, None, {}, body)
        assert isinstance(reference, Reference)
        assert connector.resolve(reference) == {
            "id": "call-c-77-1",
            "occurred_at": "2026-11-22T10:15:00+03:00",
            "final": True,
            "call": {"id": "c-77", "phone": "+79161234567", "operator": "ivanova"},
            "card": {
                "type": "contact",
                "id": "42",
                "name": "Иванов Иван Иванович",
                "url": f"{crm.base_url}/cards/42",
            },
            "facts": {"related": True, "kind": "calls"},
            "note": "Просит не звонить",
        }
        connector.close()


def test_a_changed_call_is_told_again_under_another_id(tmp_path: Path) -> None:
    with (
        raw_server(answer("202 Accepted", b"{}")) as plugin,
        embedded_crm(tmp_path, webhook_url=f"{plugin.url}/events/embedded") as crm,
    ):
        crm.api.send("POST", "calls", {"id": "c-1", "phone": "89161234567", "final": False, "script": "survey"})
        changed = {"facts": {"related": None}, "final": True, "occurred_at": "2026-11-22T10:20:00+03:00"}
        crm.api.send("PATCH", "calls/c-1", changed)
        wait_until(lambda: len(plugin.requests) == 2)
        assert [json.loads(body)["event"] for _, body in received(plugin)] == ["call.created", "call.changed"]
        connector = crm.connector()
        result = connector.resolve(Reference("call", "c-1"))
        assert result is not None
        assert (result["id"], result["final"], result["script"]) == ("call-c-1-2", True, "survey")
        assert result["facts"] == {"related": None}
        assert result["call"] == {"id": "c-1", "phone": "89161234567"}
        assert "card" not in result
        connector.close()


def test_a_plugin_that_fails_is_told_again(tmp_path: Path) -> None:
    plays = (
        reset,
        answer("503 Service Unavailable", b"", "Retry-After: 0"),
        answer("202 Accepted"),
    )
    with raw_server(*plays) as plugin, embedded_crm(tmp_path, webhook_url=plugin.url) as crm:
        crm.api.send("POST", "calls", CALL)
        told = wait_until(lambda: _delivered(crm))
        assert told["attempts"] == 3
        bodies = {body for _, body in received(plugin)}
        assert len(bodies) == 1


def _delivered(crm: RunningCrm) -> Any:
    told = crm.api.get("calls/c-77")["webhook"]
    return told if told["state"] == "delivered" else None


def test_a_plugin_that_refuses_is_not_bothered_again(tmp_path: Path) -> None:
    with raw_server(answer("404 Not Found")) as plugin, embedded_crm(tmp_path, webhook_url=plugin.url) as crm:
        crm.api.send("POST", "calls", CALL)
        told = wait_until(lambda: crm.api.get("calls/c-77")["webhook"]["state"] == "failed")
        assert told
        assert len(plugin.requests) == 1


def test_calls_that_nobody_is_told_about_and_names_given_by_the_crm(crm: RunningCrm) -> None:
    call = crm.api.send("POST", "calls", {"phone": "+79161234567"})
    assert call["webhook"] is None
    assert call["id"].startswith("call-")
    assert crm.api.request("POST", "calls", {"phone": "+79161234567", "id": call["id"]}).status == 409
    assert crm.api.request("PATCH", "calls/nothing", {"final": True}).status == 404
    assert crm.api.request("PATCH", f"calls/{call['id']}", {"phone": "1234567"}).status == 422


@pytest.mark.parametrize(
    "reference", [Reference("call", "nothing"), Reference("call", ".."), Reference("deal", "c-77")]
)
def test_what_is_no_call_of_ours_is_none(crm: RunningCrm, reference: Reference) -> None:
    connector = crm.connector()
    assert connector.resolve(reference) is None
    connector.close()


def test_resolving_raises_while_the_crm_is_down(connector: EmbeddedConnector) -> None:
    with pytest.raises(CrmUnavailable):
        connector.resolve(Reference("call", "c-77"))
