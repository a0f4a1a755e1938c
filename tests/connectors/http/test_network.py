"""What a client makes of a network and servers that misbehave for real."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from connectors.base import CrmRefused, CrmUnavailable, Limits, NotDone, Unknown
from connectors.http.client import HttpAnswer, HttpClient
from tests.support.processes import free_port
from tests.support.rawserver import CERTIFICATE, RawServer, answer, raw_server, reset, send

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def client_of(
    url: str, *, read_seconds: float = 0.3, connect_seconds: float = 0.2, **options: Any
) -> Iterator[HttpClient]:
    limits = Limits(connect_seconds, read_seconds, requests_per_second=1000, burst=1000)
    client = HttpClient(url, limits, **options)
    try:
        yield client
    finally:
        client.close()


def write_and_read(server: RawServer, **options: Any) -> tuple[HttpAnswer | NotDone | Unknown, str]:
    """How a write ends, and what a read raises."""
    with client_of(server.url, **options) as client:
        outcome = client.write("POST", "notes", payload={"text": "x"})
        with pytest.raises((CrmUnavailable, CrmRefused)) as caught:
            client.read("notes")
        return outcome, type(caught.value).__name__


# --- never sent ------------------------------------------------------------------------------------


@contextmanager
def nobody_accepts() -> Iterator[str]:
    """A port whose queue of connections is full, so that a new one gets no answer at all."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_refused_connection_is_surely_not_done() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with client_of(url) as client:
        outcome = client.write("POST", "notes", payload={})
        assert isinstance(outcome, NotDone)
        assert not outcome.permanent
        assert "refused" in outcome.why
        with pytest.raises(CrmUnavailable, match="refused"):
            client.read("notes")


def test_a_connection_that_nobody_answers_is_surely_not_done() -> None:
    with nobody_accepts() as url, client_of(url) as client:
        started = time.monotonic()
        outcome = client.write("POST", "notes", payload={})
        assert isinstance(outcome, NotDone)
        assert not outcome.permanent
        assert "no connection within 0.2 s" in outcome.why
        assert time.monotonic() - started < 15


def test_a_name_that_nobody_knows_is_surely_not_done() -> None:
    with client_of("http://crm.invalid") as client:
        outcome = client.write("POST", "notes", payload={})
        assert isinstance(outcome, NotDone)
        assert not outcome.permanent
        assert "cannot be resolved" in outcome.why


def test_an_untrusted_certificate_keeps_everything_waiting_until_it_is_mended() -> None:
    with raw_server(answer("200 OK", b"{}"), tls=True) as server:
        outcome, read = write_and_read(server)
        assert isinstance(outcome, NotDone)
        # Without a status and without a time of its own: the account is away, not one record at fault.
        assert (outcome.permanent, outcome.status, outcome.after) == (False, None, None)
        assert "certificate is not accepted" in outcome.why
        assert read == "CrmUnavailable"
        assert server.requests == []


def test_a_private_authority_can_be_trusted() -> None:
    with raw_server(answer("200 OK", b'{"id": 1}'), tls=True) as server:
        with client_of(server.url, ca_file=str(CERTIFICATE)) as client:
            assert isinstance(client.write("POST", "notes", payload={}), HttpAnswer)
            assert client.read("notes").data == {"id": 1}
        assert server.connections == 1


def test_a_server_that_speaks_no_tls_is_surely_not_done() -> None:
    with raw_server(answer("200 OK", b"{}")) as server:
        server.scheme = "https"
        outcome, read = write_and_read(server)
        assert isinstance(outcome, NotDone)
        assert not outcome.permanent
        assert read == "CrmUnavailable"


# --- sent, and then --------------------------------------------------------------------------------


def drips(seconds: float, head: bytes, part: bytes) -> Any:
    return send(head, *[part] * int(seconds / 0.1), pause=0.1)


@pytest.mark.parametrize(
    "play",
    [
        pytest.param(reset, id="reset"),
        pytest.param(send(), id="closed without a byte"),
        pytest.param(send(b"HTTP/1.1 2"), id="closed in the status line"),
        pytest.param(send(HEAD + b"Content-Length: 100\r\n\r\n{"), id="closed in the body"),
        pytest.param(send(HEAD + b'Content-Length: 100\r\n\r\n{"id": 1}'), id="closed after JSON, too early"),
        pytest.param(send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{"), id="closed in a chunk"),
        pytest.param(send(b"no HTTP at all\r\n\r\n"), id="no HTTP"),
        pytest.param(answer("200 OK", b"<html>", "Content-Type: text/html"), id="HTML"),
        pytest.param(answer("200 OK", b"junk", "Content-Encoding: gzip"), id="broken compression"),
        pytest.param(lambda sock: time.sleep(20), id="silent"),
        pytest.param(drips(20, HEAD + b"Content-Length: 1000\r\n\r\n", b" "), id="body drips"),
        pytest.param(drips(20, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"), id="chunks drip"),
        pytest.param(drips(20, b"HTTP/1.1 200 OK\r\nX: ", b"x"), id="headers drip"),
        pytest.param(drips(20, HEAD, b"X: y\r\n"), id="many headers drip"),
    ],
)
def test_a_write_without_a_whole_answer_is_unknown_and_sent_once(play: Any) -> None:
    with raw_server(play) as server:
        started = time.monotonic()
        outcome, read = write_and_read(server)
        assert isinstance(outcome, Unknown), outcome
        assert read == "CrmUnavailable"
        assert len(server.requests) == 2
        # Two exchanges of at most 0.5 s each.
        assert time.monotonic() - started < 15


def test_a_gigantic_answer_is_not_read_to_its_end() -> None:
    def flood(sock: socket.socket) -> None:
        sock.sendall(HEAD + b"Content-Length: 100000000000\r\n\r\n")
        while True:
            sock.sendall(b" " * 65_536)

    with raw_server(flood) as server:
        outcome, read = write_and_read(server, max_answer_bytes=100_000, read_seconds=5)
        assert isinstance(outcome, Unknown)
        assert "more than 100000 bytes" in outcome.why
        assert read == "CrmUnavailable"


def test_a_write_that_is_redirected_is_sent_to_nobody_else() -> None:
    with raw_server(answer("200 OK", b'{"id": 1}')) as other:
        with raw_server(answer("307 Temporary Redirect", b"", f"Location: {other.url}/x")) as server:
            outcome, read = write_and_read(server)
        assert isinstance(outcome, NotDone)
        assert outcome.permanent
        assert other.url in outcome.why
        assert read == "CrmRefused"
        assert other.requests == []


def test_a_server_that_closed_an_idle_connection_is_connected_to_again() -> None:
    def answer_and_close(sock: socket.socket) -> None:
        answer("200 OK", b'{"id": 1}')(sock)
        sock.close()

    with raw_server(answer_and_close) as server, client_of(server.url) as client:
        for _ in range(3):
            assert isinstance(client.write("POST", "notes", payload={}), HttpAnswer)
            time.sleep(0.05)
        assert server.connections == 3


def test_threads_share_kept_connections() -> None:
    with raw_server(answer("200 OK", b'{"id": 1}')) as server, client_of(server.url, connections=4) as client:
        results: list[Any] = []

        def work() -> None:
            results.extend(client.write("POST", "notes", payload={}) for _ in range(20))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == len(server.requests) == 80
        assert all(isinstance(result, HttpAnswer) for result in results)
        assert server.connections <= 4


def test_a_time_limit_that_ran_out_does_not_shorten_the_next_exchange() -> None:
    def slowly(sock: socket.socket) -> None:
        time.sleep(0.2)
        answer("200 OK", b'{"id": 1}')(sock)

    with raw_server(slowly) as server, client_of(server.url) as client:
        for _ in range(4):
            assert isinstance(client.write("POST", "notes", payload={}), HttpAnswer)
        assert server.connections == 1


def test_cookies_are_not_kept() -> None:
    with (
        raw_server(answer("200 OK", b"{}", "Set-Cookie: session=1; Path=/")) as server,
        client_of(server.url) as client,
    ):
        client.read("notes")
        client.read("notes")
        assert b"cookie" not in server.requests[1].lower()


def test_nothing_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with raw_server(answer("200 OK", b'{"id": 1}')) as server, client_of(server.url) as client:
        assert isinstance(client.write("POST", "notes", payload={}), HttpAnswer)


def test_a_turn_too_far_away_is_given_up_without_sending() -> None:
    with raw_server(answer("200 OK", b'{"id": 1}')) as server:
        client = HttpClient(server.url, Limits(requests_per_second=0.01, burst=1), longest_wait=0.5)
        assert isinstance(client.write("POST", "notes", payload={}), HttpAnswer)
        outcome = client.write("POST", "notes", payload={})
        client.close()
        assert isinstance(outcome, NotDone)
        assert outcome.after == pytest.approx(100, abs=1)
        assert len(server.requests) == 1
