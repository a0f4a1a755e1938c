"""What each answer of a CRM means for a write and for a read."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses

from connectors.base import CrmRefused, CrmUnavailable, Done, Limits, NotDone, Unknown
from connectors.http.client import Complaint, HttpAnswer, HttpClient, check_base_url, done, segment

URL = "https://crm.example/api"
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LIMITS = Limits(connect_seconds=1, read_seconds=1, requests_per_second=1000, burst=1000)


@pytest.fixture
def crm() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def client() -> Iterator[HttpClient]:
    client = HttpClient(URL, LIMITS, headers={"Authorization": "Bearer s3cret"}, now=lambda: NOW)
    yield client
    client.close()


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (400, {}, NotDone("crm.example answered 400", permanent=True, status=400)),
        (401, {}, NotDone("crm.example answered 401", status=401)),
        (403, {}, NotDone("crm.example answered 403", permanent=True, status=403)),
        (404, {}, NotDone("crm.example answered 404", permanent=True, status=404)),
        (409, {}, NotDone("crm.example answered 409", permanent=True, status=409)),
        (422, {}, NotDone("crm.example answered 422", permanent=True, status=422)),
        (408, {}, NotDone("crm.example answered 408", status=408)),
        (425, {}, NotDone("crm.example answered 425", status=425)),
        (429, {}, NotDone("crm.example answered 429", status=429)),
        (429, {"Retry-After": "7"}, NotDone("crm.example answered 429", after=7.0, status=429)),
        (
            429,
            {"Retry-After": "Sun, 22 Nov 2026 10:00:30 GMT"},
            NotDone("crm.example answered 429", after=30.0, status=429),
        ),
        (
            429,
            {"Retry-After": "Sun, 22 Nov 2026 09:00:00 GMT"},
            NotDone("crm.example answered 429", after=0.0, status=429),
        ),
        (429, {"Retry-After": "soon"}, NotDone("crm.example answered 429", status=429)),
        (429, {"Retry-After": "-5"}, NotDone("crm.example answered 429", status=429)),
        (429, {"Retry-After": "9" * 400}, NotDone("crm.example answered 429", after=86_400.0, status=429)),
        (503, {"Retry-After": "2"}, NotDone("crm.example answered 503", after=2.0, status=503)),
        (503, {}, Unknown("crm.example answered 503", status=503)),
        (500, {}, Unknown("crm.example answered 500", status=500)),
        (502, {}, Unknown("crm.example answered 502", status=502)),
        (504, {"Retry-After": "2"}, Unknown("crm.example answered 504", status=504)),
    ],
)
def test_an_error_answer_to_a_write(
    crm: responses.RequestsMock, client: HttpClient, status: int, headers: dict[str, str], expected: NotDone | Unknown
) -> None:
    crm.post(f"{URL}/notes", status=status, headers=headers, body="<html>oops")
    assert client.write("POST", "notes", payload={}) == expected
    assert len(crm.calls) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_write_is_never_redirected(crm: responses.RequestsMock, client: HttpClient, status: int) -> None:
    crm.post(
        f"{URL}/notes", status=status, headers={"Location": "https://user:pw@elsewhere.example/a/s3cret?token=s3cret"}
    )
    outcome = client.write("POST", "notes", payload={})
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert outcome.status == status
    assert "https://elsewhere.example:443" in outcome.why
    assert "s3cret" not in outcome.why
    assert "pw" not in outcome.why
    assert len(crm.calls) == 1


def test_a_redirect_within_the_host_does_not_show_its_path(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.post(f"{URL}/notes", status=308, headers={"Location": "/rest/1/s3cret/notes/"})
    outcome = client.write("POST", "notes", payload={})
    assert isinstance(outcome, NotDone)
    assert "another path of the same host" in outcome.why
    assert "s3cret" not in outcome.why


@pytest.mark.parametrize("body", ["<html>maintenance</html>", "", '{"id": 1', "[" * 100_000, "\ufeff{"])
def test_a_write_answered_200_without_json_is_unknown(
    crm: responses.RequestsMock, client: HttpClient, body: str
) -> None:
    crm.post(f"{URL}/notes", body=body, content_type="text/html")
    outcome = client.write("POST", "notes", payload={})
    assert outcome == Unknown("crm.example answered 200 with something that is not JSON", status=200)


def test_any_2xx_counts_where_no_json_is_expected(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.delete(f"{URL}/notes/1", status=204)
    assert isinstance(client.write("DELETE", "notes/1", json_expected=False), HttpAnswer)


def test_a_read_answered_204_has_no_data(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.get(f"{URL}/notes", status=204)
    assert client.read("notes").data is None


def test_an_error_that_the_caller_reads_itself_is_an_answer_if_it_is_json(
    crm: responses.RequestsMock, client: HttpClient
) -> None:
    crm.post(f"{URL}/notes", status=400, json={"errors": [1]})
    result = client.write("POST", "notes", payload={}, accept=(400,))
    assert isinstance(result, HttpAnswer)
    assert (result.status, result.data) == (400, {"errors": [1]})
    assert isinstance(client.write("POST", "notes", payload={}, accept=(422,)), NotDone)
    crm.post(f"{URL}/pages", status=400, body="<html>")
    assert isinstance(client.write("POST", "pages", payload={}, accept=(400,)), NotDone)


@pytest.mark.parametrize("lost", [ConnectionResetError("reset"), TimeoutError("read"), OSError("broken")])
def test_a_loss_that_nobody_can_place_is_unknown(
    crm: responses.RequestsMock, client: HttpClient, lost: Exception
) -> None:
    crm.post(f"{URL}/notes", body=lost)
    assert isinstance(client.write("POST", "notes", payload={}), Unknown)


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("a\ud83db", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
        ("a\0b\x1b", "a b "),
        ("\uffff", "\ufffd"),
        ("а\tб\nв", "а\tб\nв"),
    ],
)
def test_any_text_can_be_sent(crm: responses.RequestsMock, client: HttpClient, text: str, sent: str) -> None:
    crm.post(f"{URL}/notes", json={"id": 1})
    assert isinstance(client.write("POST", "notes", payload={text: [text]}, params={"q": text}), HttpAnswer)
    request = crm.calls[0].request
    assert json.loads(request.body or b"") == {sent: [sent]}
    assert dict(parse_qsl(urlsplit(str(request.url)).query)) == {"q": sent}


def test_a_number_that_json_does_not_have_is_refused_before_it_is_sent(
    crm: responses.RequestsMock, client: HttpClient
) -> None:
    outcome = client.write("POST", "notes", payload={"n": float("nan")})
    assert isinstance(outcome, NotDone)
    assert outcome.permanent
    assert not crm.calls


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_the_texts_of_an_answer_can_be_stored_and_sent(
    crm: responses.RequestsMock, client: HttpClient, mark: bytes
) -> None:
    body = rb'{"id": "a\u0000b", "na\ud83dme": ["\ud83d\ude00", {"x": "\udc00\u001b"}], "n": 1.5}'
    crm.get(f"{URL}/notes", body=mark + body)
    assert client.read("notes").data == {"id": "a b", "na\ufffdme": ["😀", {"x": "\ufffd "}], "n": 1.5}


def test_an_error_with_half_a_character_is_told(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.get(f"{URL}/notes", status=400, body=rb'{"error": {"code": "\ud83d", "message": "no\u0000 \\ud83d"}}')
    with pytest.raises(CrmRefused) as caught:
        client.read("notes")
    str(caught.value).encode()
    assert "\0" not in str(caught.value)


@pytest.mark.parametrize("status", [400, 403, 404, 422])
def test_a_refused_read_is_for_good(crm: responses.RequestsMock, client: HttpClient, status: int) -> None:
    crm.get(f"{URL}/notes", status=status, json={"error": {"code": "no", "message": "не дам"}})
    with pytest.raises(CrmRefused, match="не дам") as caught:
        client.read("notes")
    assert (caught.value.status, caught.value.code) == (status, "no")


@pytest.mark.parametrize(
    ("status", "after"), [(408, None), (425, None), (429, 3.0), (500, None), (502, None), (503, 3.0)]
)
def test_an_unavailable_read_is_worth_another_try(
    crm: responses.RequestsMock, client: HttpClient, status: int, after: float | None
) -> None:
    crm.get(f"{URL}/notes", status=status, headers={"Retry-After": "3"} if after else {})
    with pytest.raises(CrmUnavailable) as caught:
        client.read("notes")
    assert (caught.value.status, caught.value.after) == (status, after)


def test_a_read_answered_with_html_is_unavailable(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.get(f"{URL}/notes", body="<html>log in</html>")
    with pytest.raises(CrmUnavailable, match="not JSON"):
        client.read("notes")


def test_a_read_is_redirected_within_its_host_only(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.get(f"{URL}/old", status=302, headers={"Location": "/api/new"})
    crm.get(f"{URL}/new", json=[1])
    crm.get(f"{URL}/away", status=302, headers={"Location": "https://elsewhere.example/new"})
    crm.get(f"{URL}/loop", status=302, headers={"Location": f"{URL}/loop2"})
    crm.get(f"{URL}/loop2", status=302, headers={"Location": f"{URL}/loop"})
    assert client.read("old").data == [1]
    for path in ("away", "loop"):
        with pytest.raises(CrmRefused, match="redirect"):
            client.read(path)


def test_an_error_after_a_followed_redirect_hides_the_redirects_query(
    crm: responses.RequestsMock, client: HttpClient
) -> None:
    crm.get(f"{URL}/old", status=302, headers={"Location": "/api/new?name=Anna+Smith"})
    crm.get(f"{URL}/new", status=400, json={"error": "BAD", "error_description": "Anna Smith is taken"})
    with pytest.raises(CrmRefused, match=r"BAD: \(…\) is taken"):
        client.read("old")


def test_the_crms_own_words_are_told_without_personal_data(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.post(
        f"{URL}/notes",
        status=400,
        json={"error": "BAD", "error_description": "no contact\n +7 (916) 123-45-67 or ivan@mail.example " + "x" * 500},
    )
    outcome = client.write("POST", "notes", payload={})
    assert isinstance(outcome, NotDone)
    assert outcome.code == "BAD"
    assert outcome.why.startswith("crm.example answered 400 (BAD: no contact (number) or (address) xxx")
    assert len(outcome.why) < 300


def test_a_connector_may_know_a_throttle_by_its_code(crm: responses.RequestsMock) -> None:
    def explain(_status: int, data: Any, _headers: Mapping[str, str]) -> Complaint:
        return Complaint(code=data["error"], throttled=data["error"] == "QUERY_LIMIT_EXCEEDED")

    client = HttpClient(URL, LIMITS, explain=explain)
    crm.post(f"{URL}/notes", status=503, json={"error": "QUERY_LIMIT_EXCEEDED"})
    outcome = client.write("POST", "notes", payload={})
    assert isinstance(outcome, NotDone)
    assert not outcome.permanent
    client.close()


def test_tokens_appear_in_no_message_log_or_repr(
    crm: responses.RequestsMock, client: HttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    crm.post(f"{URL}/notes", body=ConnectionResetError(f"at {URL}?token=s3cret"))
    outcome = client.write("POST", "notes", payload={}, params={"token": "s3cret"})
    with pytest.raises(ValueError, match="Authorization: the secret holds") as caught:
        HttpClient(URL, LIMITS, headers={"Authorization": "Bearer s3cret\n"})
    assert "s3cret" not in f"{outcome} {client!r} {client} {caplog.text} {caught.value}"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://user:s3cret@crm.example", "user name or password"),
        ("https://s3cret@crm.example", "user name or password"),
        ("https://crm.example?token=s3cret", "query"),
        ("https://crm.example#s3cret", "fragment"),
        ("ftp://crm.example", "not an http"),
        ("crm.example", "not an http"),
        ("https://", "not an http"),
        ("https://crm.example:99999", "not an http"),
        ("https://[::1", "not an http"),
        ("https://crm.example/a b", "space"),
    ],
)
def test_an_unusable_address_is_refused_without_repeating_it(url: str, what: str) -> None:
    with pytest.raises(ValueError, match=what) as caught:
        check_base_url(url)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("value", ["", ".", ".."])
def test_an_id_never_names_another_path(value: str) -> None:
    with pytest.raises(ValueError, match="address"):
        segment(value)
    assert segment("a/../b?c") == "a%2F..%2Fb%3Fc"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"id": 5}, Done("5")),
        ({"id": "5"}, Done("5")),
        ({"id": True}, None),
        ({"id": ""}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_a_create_answered_without_an_id_is_unknown(data: Any, expected: Done | None) -> None:
    outcome = done(HttpAnswer(201, data, {}), "id")
    assert outcome == expected if expected else isinstance(outcome, Unknown)


def test_a_good_answer_is_read(crm: responses.RequestsMock, client: HttpClient) -> None:
    crm.post(f"{URL}/notes", status=201, json={"result": {"id": 7}})
    result = client.write("POST", "notes", payload={"text": "Кириллица"})
    assert done(result, "result", "id") == Done("7")
    request = crm.calls[0].request
    assert isinstance(request.body, bytes)
    assert "Кириллица".encode() in request.body
    assert request.headers["Authorization"] == "Bearer s3cret"
    assert request.headers["Content-Type"] == "application/json"
