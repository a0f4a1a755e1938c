"""Stopping the web server keeps what has arrived, and takes nothing new."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from plugin.errors import ConfigError
from plugin.web import WebServer, bind
from plugin.web.limits import BodyLimits
from tests.plugin.web.harness import serving


class SlowApp:
    """A WSGI application that answers when it is allowed to."""

    def __init__(self) -> None:
        self.entered = threading.Semaphore(0)
        self.go_on = threading.Event()
        self.served = 0

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        self.entered.release()
        self.go_on.wait(20)
        self.served += 1
        start_response("202 Accepted", [("Content-Length", "2")])
        return [b"{}"]


def test_a_port_in_use_is_told_with_a_remedy() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1") as error,
    ):
        bind("127.0.0.1", taken.getsockname()[1])
    assert "--port" in str(error.value.hint)


def test_a_port_that_somebody_else_takes_in_the_meantime_is_told_too() -> None:
    first = bind("127.0.0.1", 0)
    second = bind("127.0.0.1", first.getsockname()[1])
    first.listen()
    with pytest.raises(ConfigError, match="cannot listen"):
        WebServer(SlowApp(), second, threads=1, limits=BodyLimits(10, 10))
    first.close()
    second.close()


@pytest.mark.parametrize(("host", "port"), [("no-such-host.invalid", 0), ("192.0.2.1", 0), ("127.0.0.1", 70_000)])
def test_an_address_that_cannot_be_had_is_a_configuration_error(host: str, port: int) -> None:
    with pytest.raises(ConfigError):
        bind(host, port)


def test_the_address_is_told_as_a_url() -> None:
    app = SlowApp()
    with serving(app) as (server, _):
        assert server.url == f"http://127.0.0.1:{server.port}"


def ask(port: int, answers: list[int], body: bytes = b"x") -> threading.Thread:
    """Send a request now, and read its answer in a thread."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/", body)

    def read() -> None:
        answers.append(connection.getresponse().status)
        connection.close()

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def test_requests_in_hand_and_in_the_queue_are_answered_before_it_ends() -> None:
    app, answers = SlowApp(), list[int]()
    with serving(app, threads=2) as (server, running):
        clients = [ask(server.port, answers) for _ in range(6)]
        for _ in range(2):
            assert app.entered.acquire(timeout=20)
        server.stop()
        running.join(0.5)
        assert running.is_alive()
        app.go_on.set()
        for client in clients:
            client.join(20)
        assert answers == [202] * 6


def test_a_request_whose_body_is_still_arriving_is_answered() -> None:
    app = SlowApp()
    app.go_on.set()
    with serving(app) as (server, running):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nab")
            # Answered after the first bytes above, which are therefore in.
            probe: list[int] = []
            ask(server.port, probe).join(20)
            server.stop()
            running.join(0.6)
            assert running.is_alive()
            client.sendall(b"cd")
            received = client.recv(65536)
        assert received.startswith(b"HTTP/1.1 202")
        assert b"Connection: close" in received


def test_a_kept_connection_is_told_to_close_and_an_idle_one_is_closed() -> None:
    app = SlowApp()
    app.go_on.set()
    with serving(app) as (server, running):
        idle = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
        kept.request("POST", "/", b"x")
        assert kept.getresponse().read() == b"{}"
        server.stop()
        running.join(20)
        assert not running.is_alive()
        assert idle.recv(1) == b""
        idle.close()
        kept.close()


def test_nothing_new_is_taken_once_it_has_stopped() -> None:
    app = SlowApp()
    app.go_on.set()
    with serving(app) as (server, running):
        server.stop()
        running.join(20)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=5)


def test_a_request_that_never_ends_does_not_keep_it_from_ending() -> None:
    app = SlowApp()
    server = WebServer(app, bind("127.0.0.1", 0), threads=1, limits=BodyLimits(100, 100))
    running = threading.Thread(target=server.run, kwargs={"finish_within": 0.5})
    running.start()
    answers: list[int] = []
    client = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
    assert app.entered.acquire(timeout=20)
    server.stop()
    running.join(10)
    assert not running.is_alive()
    assert answers == []
    app.go_on.set()
    client.close()


def test_a_client_that_goes_before_its_answer_does_no_harm() -> None:
    app = SlowApp()
    with serving(app, threads=1) as (server, _):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
            client.sendall(b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
            assert app.entered.acquire(timeout=20)
        app.go_on.set()
        answers: list[int] = []
        ask(server.port, answers).join(20)
        assert answers == [202]
