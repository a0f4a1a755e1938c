"""Answer times of events while peers hold connections and never read or never end, and while many sign in at once."""

from __future__ import annotations

import http.client
import re
import secrets
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from statistics import median
from urllib.parse import urlencode, urlsplit

from benchmarks.events import new_home, running
from benchmarks.load import send
from benchmarks.measure import ROUNDS, Row, percentile

NEVER_READING, DRIPPING, IDLE, SIGNING_IN = 8, 500, 2000, 24
_CALLS = 600
_CONNECTIONS = 8
_DRIP_SECONDS = 1.0


def connections() -> list[Row]:
    """p99 of events beside 8 peers that never read, 500 that drip and 2,000 that are idle."""
    most = 3.0
    return _compare(_hostile, f"p99 beside {NEVER_READING} unread, {DRIPPING} dripping, {IDLE:,} idle ÷ without", most)


def sign_ins() -> list[Row]:
    """p99 of events while 24 people sign in again and again, with wrong passwords, from addresses of their own."""
    return _compare(_signing_in, f"p99 beside {SIGNING_IN} sign-ins at once ÷ without", 2.0)


def _compare(beside: Callable[[str], AbstractContextManager[None]], what: str, most: float) -> list[Row]:
    with new_home() as home:
        _with_page(home)
        alone, disturbed = [], []
        with running(home, "-m", "plugin", "--config", str(home), "serve", "--port", "0") as (url, _):
            for round_ in range(ROUNDS + 1):
                first = 2 * round_ * _CALLS
                _, calm = send(url, first, _CALLS, _CONNECTIONS)
                with beside(url):
                    _, times = send(url, first + _CALLS, _CALLS, _CONNECTIONS)
                if round_:  # the first round warms up
                    alone.append(percentile(calm, 0.99))
                    disturbed.append(percentile(times, 0.99))
    ratio = median(disturbed) / median(alone)
    return [
        Row(what, f"{ratio:.2f}", f"<= {most:g}", ratio <= most),
        Row("(p99 without, ms)", f"{median(alone) * 1000:.1f}"),
    ]


def _with_page(home: Path) -> None:
    (home / "page.key").write_text(secrets.token_urlsafe(32), encoding="ascii")
    text = (home / "plugin.toml").read_text(encoding="utf-8").replace("trusted_proxies = 0", "trusted_proxies = 1")
    page = text.replace("[page]\n", '[page]\nsecret = { file = "page.key" }\n')
    (home / "plugin.toml").write_text(page, encoding="utf-8")


@contextmanager
def _hostile(url: str) -> Iterator[None]:
    """Whoever is closed comes again, as an attacker would; those that never read last as long as they may."""
    address, over = (urlsplit(url).hostname, urlsplit(url).port), threading.Event()
    unread = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 150
    held = {number: socket.create_connection(address) for number in range(NEVER_READING + DRIPPING + IDLE)}
    for number in range(NEVER_READING):
        held[number].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        held[number].sendall(unread)

    def drip() -> None:
        while not over.wait(_DRIP_SECONDS):
            for number in range(NEVER_READING, NEVER_READING + DRIPPING):
                try:
                    held[number].sendall(b"P")
                except OSError:
                    held[number].close()
                    held[number] = socket.create_connection(address)

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for peer in held.values():
            peer.close()


@contextmanager
def _signing_in(url: str) -> Iterator[None]:
    over = threading.Event()

    def guess(number: int) -> None:
        tries = 0
        while not over.is_set():
            with suppress(OSError, http.client.HTTPException):
                _sign_in(urlsplit(url).netloc, f"user{number}-{tries}", f"203.0.{number}.{tries % 250}")
            tries += 1

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(SIGNING_IN)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _sign_in(netloc: str, login: str, address: str) -> None:
    connection = http.client.HTTPConnection(netloc, timeout=30)
    try:
        connection.request("GET", "/operator/sign-in")
        answer = connection.getresponse()
        cookie = (answer.headers["Set-Cookie"] or "").partition(";")[0]
        csrf = re.search(r'name="csrf" value="([^"]*)"', answer.read().decode())
        values = {"login": login, "password": "a wrong one, and long", "next": "", "csrf": csrf[1] if csrf else ""}
        headers = {"Cookie": cookie, "X-Forwarded-For": address, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/operator/sign-in", urlencode(values), headers)
        connection.getresponse().read()
    finally:
        connection.close()
