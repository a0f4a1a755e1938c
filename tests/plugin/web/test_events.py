"""Call results over real HTTP: what is refused, in which order and shape, and what is kept."""

from __future__ import annotations

import http.client
import json
import socket
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from plugin.common.clock import utc_now
from plugin.events.intake import Intake
from plugin.ledger.schema import alerts, deliveries, events
from plugin.web import create_app
from tests.plugin.web.harness import CRM_LIMIT, LIMIT, PATH_SECRET, Crm, Heard, Site, call_result, signed
from tests.support.processes import wait_until

TOKEN = {"x-crm-token": PATH_SECRET}


def stored(site: Site) -> int:
    with site.ledger.read() as connection:
        return connection.execute(select(func.count()).select_from(events)).scalar_one()


def refusals(site: Site) -> list[tuple[str, int, str]]:
    """Source, status and code of what the admins are told of."""
    with site.ledger.read() as connection:
        about = connection.execute(select(alerts.c.about).order_by(alerts.c.id)).scalars()
        return [(one["source"], one["status"], one["code"]) for one in about]


def code(heard: Heard) -> tuple[int, str]:
    assert heard.headers["content-type"] == "application/json"
    assert set(heard.json) == {"error"}
    assert heard.json["error"]["message"]
    return heard.status, heard.json["error"]["code"]


def exchange(site: Site, request: bytes) -> bytes:
    """Send raw bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
        return received


# --- too large: before everything ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("/events/call-result", LIMIT),
        ("/events/call-result/", LIMIT),
        ("/events/testcrm", CRM_LIMIT),
        ("/events/testcrm/secret", CRM_LIMIT),
        ("/events/nobody", CRM_LIMIT),
        ("/nowhere", LIMIT),
        ("/healthz", LIMIT),
    ],
)
def test_a_body_over_the_limit_is_413_before_the_path_the_method_and_the_signature(
    site: Site, path: str, limit: int
) -> None:
    heard = site.ask("POST", path, b"x" * (limit + 1))
    assert code(heard) == (413, "too_large")
    assert "max_body_bytes" in heard.json["error"]["hint"]


def test_a_crms_event_may_be_larger_than_a_call_result(site: Site) -> None:
    many = {"calls": [call_result(f"evt-{number}") for number in range(3)], "padding": "x" * LIMIT}
    heard = site.ask("POST", f"/events/testcrm/{PATH_SECRET}", json.dumps(many).encode())
    assert heard.status == 202
    assert stored(site) == 3


def test_the_admins_are_told_of_bodies_that_are_too_large_and_who_sent_them(site: Site) -> None:
    site.ask("POST", "/healthz", b"x" * (LIMIT + 1))
    site.ask("POST", "/events/testcrm", b"x" * (CRM_LIMIT + 1))
    site.ask("POST", "/events/call-result", b"x" * (LIMIT + 1))
    # The alert is written after the answer.
    wait_until(lambda: len(refusals(site)) == 2)
    assert refusals(site) == [("testcrm", 413, "too_large"), ("?", 413, "too_large")]


def test_the_admins_are_told_what_a_crms_events_are_refused_for(site: Site) -> None:
    site.ask("POST", "/events/testcrm", b"{}")
    site.ask("POST", f"/events/testcrm/{PATH_SECRET}", b"{")
    site.ask("POST", "/events/nobody", b"{}")
    wrong = {"calls": [call_result("evt-1", facts={"no_such_fact": 1}), call_result("evt-2")]}
    assert site.ask("POST", f"/events/testcrm/{PATH_SECRET}", json.dumps(wrong).encode()).status == 422
    assert refusals(site) == [
        ("testcrm", 401, "not_authentic"),
        ("testcrm", 400, "malformed"),
        ("?", 404, "unknown_connector"),
        ("testcrm", 422, "bad_fields"),
    ]


def test_a_body_of_exactly_the_limit_is_looked_at(site: Site) -> None:
    assert code(site.ask("POST", "/events/call-result", b"x" * LIMIT)) == (401, "bad_signature")


def chunks(size: int, count: int) -> Iterator[bytes]:
    for _ in range(count):
        yield b"x" * size


@pytest.mark.parametrize(("size", "count"), [(1000, 21), (1, LIMIT + 1), (5_000_000, 2)])
def test_a_chunked_body_over_the_limit_is_413(site: Site, size: int, count: int) -> None:
    assert code(site.ask("POST", "/events/call-result", chunks(size, count))) == (413, "too_large")


def test_a_chunked_body_of_exactly_the_limit_is_looked_at_however_small_its_chunks(site: Site) -> None:
    assert code(site.ask("POST", "/events/call-result", chunks(1, LIMIT))) == (401, "bad_signature")


def test_a_sender_of_a_body_far_over_the_limit_still_hears_why(site: Site) -> None:
    assert code(site.ask("POST", "/events/call-result", b"x" * 20_000_000)) == (413, "too_large")


def test_a_length_beyond_all_measure_is_413_without_waiting_for_the_body(site: Site) -> None:
    received = exchange(site, b"POST /events/call-result HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nxyz")
    assert received.startswith(b"HTTP/1.1 413 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_large"


def test_a_length_that_is_said_too_small_cuts_the_body_and_ends_the_connection(site: Site) -> None:
    body, headers = signed(call_result("evt-1"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /events/call-result HTTP/1.1\r\nContent-Length: 50\r\n{lines}\r\n".encode()
    received = exchange(site, head + body + b"x" * LIMIT * 2 + b"\r\n\r\n")
    assert received.startswith(b"HTTP/1.1 401 ")
    assert stored(site) == 0


def test_a_length_that_is_said_too_large_and_a_sender_that_goes_keep_nothing(site: Site) -> None:
    body, headers = signed(call_result("evt-1"))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"POST /events/call-result HTTP/1.1\r\nContent-Length: {len(body) + 1}\r\n{lines}\r\n".encode()
    with socket.create_connection(("127.0.0.1", site.port), timeout=30) as connection:
        connection.sendall(head + body)
    assert site.ask("GET", "/healthz").status == 200
    assert stored(site) == 0


@pytest.mark.parametrize("length", [str(LIMIT + 1), None])
def test_the_application_refuses_by_itself_behind_another_server(site: Site, length: str | None) -> None:
    app = create_app(
        Intake(site.ledger, site.rules, site.settings, utc_now), site.ledger, site.settings, site.rules, None
    )
    environ: dict[str, Any] = {"wsgi.input_terminated": True}
    if length is None:
        environ["CONTENT_LENGTH"] = ""
    answer = app.test_client().post("/events/call-result", data=b"x" * (LIMIT + 1), environ_overrides=environ)
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (413, "too_large")


# --- refusals in one shape -------------------------------------------------------------------------


def test_a_path_that_is_not_served_is_404(site: Site) -> None:
    assert code(site.ask("GET", "/nowhere")) == (404, "not_found")


def test_a_method_that_is_not_taken_is_405_and_says_which_are(site: Site) -> None:
    heard = site.ask("GET", "/events/call-result")
    assert code(heard) == (405, "method_not_allowed")
    assert "POST" in heard.headers["allow"]


def test_a_fault_of_ours_is_500_without_internals(site: Site) -> None:
    heard = site.ask("POST", "/events/testcrm", json.dumps({"references": ["broken"]}), TOKEN)
    assert code(heard) == (500, "internal")
    assert b"hunter2" not in heard.body
    assert b"Traceback" not in heard.body


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST /events/call-result HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
        (b"POST /events/call-result HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"POST /events/call-result HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", 431),
    ],
)
def test_what_is_no_readable_http_is_refused_in_the_same_shape(site: Site, request_: bytes, status: int) -> None:
    head, _, body = exchange(site, request_).partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode()) or head.startswith(f"HTTP/1.0 {status} ".encode())
    assert set(json.loads(body)["error"]) >= {"code", "message"}


# --- the plugin's own call results -----------------------------------------------------------------


def test_a_call_result_without_a_signature_is_401(site: Site) -> None:
    assert code(site.ask("POST", "/events/call-result", b"{}")) == (401, "bad_signature")


def test_a_ledger_that_cannot_commit_is_503_with_the_time_to_come_back(site: Site) -> None:
    other = sqlite3.connect(site.settings.home / "ledger.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        heard = site.report(call_result("evt-1"))
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert code(heard) == (503, "ledger_unavailable")
    assert int(heard.headers["retry-after"]) > 0
    assert site.report(call_result("evt-1")).status == 202


def test_a_call_result_is_in_the_ledger_with_its_deliveries_before_it_is_answered(site: Site) -> None:
    heard = site.report(call_result("evt-1", note="Просил больше не звонить"))
    assert (heard.status, heard.headers["content-type"]) == (202, "application/json")
    assert heard.json["decision"]["outcome"] == "exclude_calls"
    assert "Спасибо".encode() in heard.body
    with site.ledger.read() as connection:
        kinds = connection.execute(select(deliveries.c.kind)).scalars().all()
    assert {"comment", "reminder"} <= set(kinds)


def test_the_same_call_result_again_is_200_and_kept_once(site: Site) -> None:
    event = call_result("evt-1")
    first, again = site.report(event), site.report(event)
    assert (again.status, again.json["duplicate"]) == (200, True)
    assert again.json["decision"] == first.json["decision"]
    assert stored(site) == 1


def test_one_connection_takes_many_call_results(site: Site) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
    for number in range(20):
        body, headers = signed(call_result(f"evt-{number}"))
        connection.request("POST", "/events/call-result", body, headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202
    connection.close()
    assert stored(site) == 20


# --- the CRM's own events --------------------------------------------------------------------------


def test_an_event_of_a_crm_that_is_not_connected_is_404(site: Site) -> None:
    for path in ("/events/othercrm", f"/events/othercrm/{PATH_SECRET}"):
        heard = site.ask("POST", path, b"{}", TOKEN)
        assert code(heard) == (404, "unknown_connector")
        assert b"testcrm" not in heard.body


def test_without_a_connected_crm_every_connector_is_unknown(site: Site) -> None:
    app = create_app(
        Intake(site.ledger, site.rules, site.settings, utc_now), site.ledger, site.settings, site.rules, None
    )
    answer = app.test_client().post("/events/testcrm", data=b"{}")
    assert (answer.status_code, answer.get_json()["error"]["code"]) == (404, "unknown_connector")


@pytest.mark.parametrize("path", ["/events/testcrm", "/events/testcrm/wrong", "/events/testcrm?token=wrong"])
def test_an_event_that_does_not_prove_itself_is_401_even_if_it_is_unreadable(site: Site, path: str) -> None:
    assert code(site.ask("POST", path, b"not json")) == (401, "not_authentic")


def test_an_authentic_event_that_cannot_be_read_is_400(site: Site) -> None:
    assert code(site.ask("POST", "/events/testcrm", b"not json", TOKEN)) == (400, "malformed")


def test_a_result_with_wrong_fields_is_422_with_each_field_named(site: Site) -> None:
    wrong = call_result("evt-1") | {"occurred_at": "yesterday"}
    heard = site.ask("POST", "/events/testcrm", json.dumps({"calls": [wrong]}), TOKEN)
    assert heard.status == 422
    assert list(heard.json["error"]["fields"]) == ["occurred_at"]


@pytest.mark.parametrize("references", [[], ["foreign"]])
def test_an_event_without_a_call_of_ours_is_200_and_ignored(site: Site, references: list[str]) -> None:
    heard = site.ask("POST", "/events/testcrm", json.dumps({"references": references}), TOKEN)
    assert (heard.status, list(heard.json)) == (200, ["ignored"])
    assert stored(site) == 0


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/events/testcrm", TOKEN),
        ("/events/testcrm", {"X-CRM-Token": PATH_SECRET}),
        (f"/events/testcrm/{PATH_SECRET}", {}),
        (f"/events/testcrm?token={PATH_SECRET}", {}),
    ],
)
def test_an_event_is_proven_by_header_path_or_query_as_its_crm_does_it(
    site: Site, path: str, headers: dict[str, str]
) -> None:
    heard = site.ask("POST", path, json.dumps({"calls": [call_result("evt-1")]}), headers)
    assert heard.status == 202
    with site.ledger.read() as connection:
        assert connection.execute(select(events.c.source)).scalars().all() == ["testcrm"]


def test_a_call_that_the_event_only_names_is_read_from_the_crm_and_kept(site: Site) -> None:
    heard = site.ask("POST", "/events/testcrm", json.dumps({"references": ["evt-7", "foreign"]}), TOKEN)
    assert (heard.status, heard.json["call"]) == (202, "call-evt-7")


def test_several_calls_in_one_event_are_each_kept(site: Site) -> None:
    calls = [call_result("evt-1"), call_result("evt-2")]
    heard = site.ask("POST", "/events/testcrm", json.dumps({"calls": calls}), TOKEN)
    assert heard.status == 202
    assert stored(site) == 2


def test_the_connector_is_given_names_of_headers_in_lower_case(site: Site) -> None:
    class Listening(Crm):
        heard: dict[str, str]

        def parse_event(self, headers: Any, *_: Any) -> Any:
            self.heard = dict(headers)
            return []

    crm = Listening({})
    app = create_app(
        Intake(site.ledger, site.rules, site.settings, utc_now), site.ledger, site.settings, site.rules, crm
    )
    app.test_client().post("/events/testcrm", headers={"X-Crm-TOKEN": "Abc"})
    assert crm.heard["x-crm-token"] == "Abc"
