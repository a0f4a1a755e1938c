"""Peers that never read, never end or never begin: nobody else waits for them, and they cost next to nothing."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from plugin.web import connection, listening
from plugin.web.chunks import ChunkedBody
from plugin.web.lanes import lane_of
from tests.plugin.web.harness import Site, call_result, serving

LARGE = b"x" * 1_700_000
#: Figures loosened tenfold: machines that run tests are busy.
SOON = 10.0


def large_answers(environ: dict[str, object], start_response: Callable[..., object]) -> list[bytes]:
    """A WSGI application with answers that no socket's buffer holds for long, and a short one."""
    body = b"ok" if environ["PATH_INFO"] == "/healthz" else LARGE
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]


@contextmanager
def connected(port: int, count: int = 1) -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    try:
        for _ in range(count):
            opened.append(socket.create_connection(("127.0.0.1", port), timeout=20))
        yield opened
    finally:
        for each in opened:
            each.close()


def seconds_to_answer(port: int, path: str = "/healthz") -> float:
    started = time.monotonic()
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    client.request("GET", path)
    assert client.getresponse().status == 200
    client.close()
    return time.monotonic() - started


def is_closed(peer: socket.socket, within: float) -> bool:
    """Whether the other side ends the connection in time, whatever it still sends before."""
    peer.settimeout(within)
    try:
        while peer.recv(65536):
            pass
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


# --- peers that never read ---------------------------------------------------------------------------


@pytest.mark.slow
def test_peers_that_never_read_hold_no_thread_and_are_closed(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "STALLED_SECONDS", 2.0)
    many = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 150
    with connected(site.port, 8) as peers:
        for peer in peers:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(many)
        assert seconds_to_answer(site.port) < SOON
        started = time.monotonic()
        assert site.report(call_result("evt-1")).status == 202
        assert time.monotonic() - started < SOON
        # Longer than a peer may take nothing: reading only then is too late.
        assert threading.Event().wait(4) is False
        assert all(is_closed(peer, 10) for peer in peers)


def test_one_request_of_a_connection_is_in_hand_however_many_are_sent_at_once() -> None:
    begun, go_on = threading.Semaphore(0), threading.Event()

    def app(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        begun.release()
        go_on.wait(20)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with serving(app, threads=4) as (server, _), connected(server.port) as (peer,):
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 150)
        assert begun.acquire(timeout=20)
        assert not begun.acquire(timeout=0.3)
        go_on.set()
        received = b""
        while received.count(b"HTTP/1.1 200") < 150 or not received.endswith(b"ok"):
            received += peer.recv(65536)


def test_stopping_takes_no_longer_for_peers_that_never_read() -> None:
    with serving(large_answers) as (server, running), connected(server.port, 8) as peers:
        for peer in peers:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 150)
        seconds_to_answer(server.port)
        started = time.monotonic()
        server.stop()
        running.join(20)
        assert time.monotonic() - started < 4


def test_a_peer_that_reads_slowly_gets_its_whole_answer() -> None:
    with serving(large_answers) as (server, _), connected(server.port) as (peer,):
        peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = 0
        while data := peer.recv(16_384):
            received += len(data)
        assert received > len(LARGE)


# --- framing without end ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "framing",
    [
        pytest.param([b"2;" + b"a" * 65_536] * 30, id="an extension without end"),
        pytest.param([b"2\r\nab\r\n0\r\n", *[b"x: " + b"y" * 65_536] * 30], id="a trailer field without end"),
        pytest.param([b"0\r\n", *[b"x: y\r\n" * 10_000] * 30], id="a trailer of fields without end"),
        pytest.param([b"1;" + b"a" * 1000 + b"\r\nx\r\n"] * 2000, id="long extensions, short chunks"),
        pytest.param([b"0" * 65_536] * 30, id="a size without end"),
        pytest.param([b"1\r\nx\r\n" * 10_000] * 30, id="chunks of one byte each"),
    ],
)
def test_framing_without_end_is_400_and_costs_little(site: Site, framing: list[bytes]) -> None:
    with connected(site.port) as (peer,):
        started = time.process_time()
        peer.sendall(b"POST /events/call-result HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        with contextlib.suppress(OSError):
            for part in framing:
                peer.sendall(part)
        assert peer.recv(65536).startswith(b"HTTP/1.1 4")
        assert is_closed(peer, 20)
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_chunked_body_is_the_same_however_it_arrives(size: int) -> None:
    wire = b'5\r\nhello\r\n6;name="v"\r\n world\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nGET / HTTP/1.1'
    kept = _Kept()
    body = ChunkedBody(kept)
    taken = 0
    while not body.completed:
        taken += body.received(wire[taken : taken + size])
    assert (kept.data, wire[taken:], body.error) == (b"hello world0123456789", b"GET / HTTP/1.1", None)


class _Kept:
    data = b""

    def append(self, part: bytes) -> None:
        self.data += part

    def __len__(self) -> int:
        return len(self.data)


@pytest.mark.parametrize(
    "wire", [b"5\r\nhello!\r\n0\r\n\r\n", b"-1\r\n", b"x\r\n", b"\r\n", b"5 5\r\n", b"0x5\r\n", b"1\n"]
)
def test_framing_that_is_none_is_an_error(wire: bytes) -> None:
    body = ChunkedBody(_Kept())
    body.received(wire + b"\r\n")
    assert body.error is not None


# --- requests that can be read in two ways, or in none ------------------------------------------------


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked", 400),
        (b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked", 400),
        (b"POST / HTTP/2.0\r\nTransfer-Encoding: chunked", 400),
        (b"GET http://[::1 HTTP/1.1", 400),
        (b"GET //[::1 HTTP/1.1", 404),
        (b"GET http://[x]/ HTTP/1.1", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: " + b"9" * 5000, 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 2\r\nExpect: foo", 417),
    ],
)
def test_a_request_that_is_no_clear_one_is_refused_in_the_usual_shape(
    site: Site, head: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with connected(site.port) as (peer,):
        peer.sendall(head + b"\r\n\r\n")
        answer = peer.recv(65536)
        while b"}" not in answer:
            answer += peer.recv(65536)
    assert int(answer.removeprefix(b"HTTP/1.").split()[1]) == status
    assert b'"error"' in answer
    assert ".py" not in caplog.text


# --- half requests and full houses ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc", b"\r\n\r\n"]
)
def test_a_half_request_has_a_deadline_however_it_drips(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEADER_SECONDS", 1.0)
    monkeypatch.setattr(connection, "BODY_SECONDS", 1.0)
    with serving(large_answers) as (server, _), connected(server.port) as (peer,):
        peer.sendall(begun)
        peer.settimeout(0.2)
        for _ in range(40):
            with contextlib.suppress(TimeoutError):
                answer = peer.recv(65536)
                break
            peer.sendall(b"\r\n\r\n" if begun == b"\r\n\r\n" else b"x")
        assert answer.startswith(b"HTTP/1.1 408")
        assert is_closed(peer, 5)


def test_an_idle_connection_is_closed_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0.5)
    with serving(large_answers) as (server, _), connected(server.port) as (peer,):
        assert is_closed(peer, 10)


@pytest.mark.slow
@pytest.mark.parametrize("first", [b"", b"POST / HTTP/1.1\r\nX: "], ids=["idle", "half a header"])
def test_a_full_house_makes_room(site: Site, first: bytes) -> None:
    with connected(site.port, listening.CONNECTIONS + 100) as peers:
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(first)
        assert seconds_to_answer(site.port) < SOON
        assert site.report(call_result("evt-1")).status == 202
        # Those that have waited longest had to go.
        assert is_closed(peers[0], 5)
        assert not is_closed(peers[-1], 0.2)


def test_a_connection_whose_request_is_in_hand_is_not_closed_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "CONNECTIONS", 3)
    begun, go_on = threading.Semaphore(0), threading.Event()

    def app(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        begun.release()
        go_on.wait(20)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with serving(app) as (server, _), connected(server.port) as (busy,):
        busy.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert begun.acquire(timeout=20)
        with connected(server.port, 10) as others:
            assert is_closed(others[0], 10)
            go_on.set()
            assert busy.recv(65536).startswith(b"HTTP/1.1 200")


# --- lanes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "lane"),
    [
        ("POST", "/events/call-result", "events"),
        ("GET", "/healthz", "events"),
        ("GET", "/operatorx", "events"),
        ("GET", "/operator", "pages"),
        ("GET", "/operator/frame/bitrix24", "pages"),
        ("GET", "/operator/sign-in", "pages"),
        ("POST", "/operator/sign-in", "passwords"),
        ("POST", "/operator/second-factor", "passwords"),
    ],
)
def test_people_and_programs_have_threads_of_their_own(method: str, path: str, lane: str) -> None:
    assert lane_of(method, path) == lane


def test_pages_that_wait_hold_up_no_event() -> None:
    waiting, go_on = threading.Semaphore(0), threading.Event()

    def app(environ: dict[str, str], start_response: Callable[..., object]) -> list[bytes]:
        if environ["PATH_INFO"].startswith("/operator"):
            waiting.release()
            go_on.wait(20)
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    with serving(app, threads=1) as (server, _), connected(server.port, 8) as peers:
        for place, peer in enumerate(peers):
            path = b"/operator/" if place % 2 else b"/operator/sign-in"
            peer.sendall(b"POST " + path + b" HTTP/1.1\r\nContent-Length: 0\r\n\r\n")
        assert waiting.acquire(timeout=20)
        assert seconds_to_answer(server.port, "/events/x") < SOON
        go_on.set()
